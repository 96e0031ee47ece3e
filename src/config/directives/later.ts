/**
 * What later work brings and nginx's mail module does not have: directives of its stream and http modules and of
 * freenginx.
 */

import { SOME } from "../directive.ts";
import type { Module } from "../directive.ts";
import { planned } from "./_planned.ts";

const upstreams = [
  planned("proxy_next_upstream", { syntax: "on | off", count: SOME, meaning: "Whether to try another back end" }),
  planned("proxy_next_upstream_timeout", { syntax: "time", meaning: "How long to go on trying back ends" }),
  planned("proxy_next_upstream_tries", { syntax: "number", meaning: "How many back ends to try" }),
];

export const later: Module = {
  title: "To come",
  about:
    "None of these is in nginx's mail module. They have the names that its stream and http modules or freenginx have for " +
    "them.",
  directives: upstreams,
};
