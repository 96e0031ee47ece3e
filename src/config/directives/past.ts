/** What only older documents have. It works as it did, where it can, and a warning names today's form. */

import { block, directive, MAIL_AND_SERVER, MAIN } from "../directive.ts";
import type { Module } from "../directive.ts";
import { flag } from "../kinds.ts";
import { mail } from "./mail.ts";
import { oldSsl } from "./ssl.ts";

const imap = block({
  name: "imap",
  contexts: MAIN,
  standsFor: mail,
  meaning: "`mail {}`, before 0.5.15",
  today: 'use the "mail" directive instead',
});

export const soKeepalive = directive({
  name: "so_keepalive",
  contexts: MAIL_AND_SERVER,
  kind: flag,
  default: undefined,
  written: "off",
  meaning: "The parameter `so_keepalive` of every `listen` that has none itself, before 1.1.11",
  today: 'use the "listen ... so_keepalive" directive instead',
});

export const past: Module = {
  title: "Of the past",
  about:
    "Older documents have these. They work, and each use is warned about; so do `auth` and `proxy`, several names in " +
    "`server_name`, and a `timeout` in milliseconds.",
  directives: [imap, oldSsl, soKeepalive],
};
