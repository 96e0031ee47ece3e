/** `proxy_next_upstream`: whether a login goes on to another server of its group, and how long. */

import type { Call } from "../call.ts";
import { directive, MAIL_AND_SERVER, SOME } from "../directive.ts";
import { flag, millis, number, once } from "../kinds.ts";
import type { Scope } from "../scope.ts";
import type { NextUpstreamConfig } from "../upstream_types.ts";

const nextUpstream = directive({
  name: "proxy_next_upstream",
  contexts: MAIL_AND_SERVER,
  since: "stream 1.9.0",
  kind: once("on | off", readSwitch, SOME),
  default: true,
  written: "on",
  meaning:
    "Whether a login goes on to the next server of a group when one cannot be reached, or fails before the client saw " +
    "anything of it: no or a wrong greeting, no TLS, a temporary refusal. A wrong password never does",
});

const tries = directive({
  name: "proxy_next_upstream_tries",
  contexts: MAIL_AND_SERVER,
  since: "stream 1.9.0",
  kind: number,
  default: 0,
  written: "0",
  meaning: "How many servers one login may try in all; 0: all there are",
});

const timeout = directive({
  name: "proxy_next_upstream_timeout",
  contexts: MAIL_AND_SERVER,
  since: "stream 1.9.0",
  kind: millis,
  default: 0,
  written: "0",
  meaning: "How long after its first attempt a login may go on to another server; 0: as long as there are any",
});

/** In nginx's http module it has a list of words, which stands in many a file. */
function readSwitch(call: Call): boolean {
  if (call.args.length === 1) return flag.read(call, undefined);
  const text = `invalid value "${call.arg(0)}" in "${call.name}" directive, it must be "on" or "off"`;
  throw call.error(text, "what is tried at another server follows from the mail protocols");
}

export const nextUpstreamDirectives = [nextUpstream, tries, timeout];

/** The settings of a `server {}`. */
export function nextUpstreamOf(scope: Scope): NextUpstreamConfig {
  const isOn = scope.value(nextUpstream);
  return {
    tries: isOn ? scope.value(tries) || Infinity : 1,
    timeout: scope.value(timeout) || Infinity,
  };
}
