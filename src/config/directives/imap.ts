/** What an IMAP client is told, and how it may log in. */

import { directive, MAIL_AND_SERVER } from "../directive.ts";
import type { Module } from "../directive.ts";
import { size, someOf, words } from "../kinds.ts";
import type { ImapAuth } from "../types.ts";

export const imapCapabilities = directive({
  name: "imap_capabilities",
  contexts: MAIL_AND_SERVER,
  kind: words("extension"),
  default: ["IMAP4", "IMAP4rev1", "UIDPLUS"],
  written: "IMAP4 IMAP4rev1 UIDPLUS",
  meaning: "The capabilities that a client is told before its login, besides those that follow from other directives",
});

export const imapAuth = directive<readonly ImapAuth[]>({
  name: "imap_auth",
  contexts: MAIL_AND_SERVER,
  since: "0.6.5",
  kind: someOf<ImapAuth>([
    "plain",
    "login",
    "cram-md5",
    "external",
    "xoauth2",
    "oauthbearer",
    "scram-sha-1",
    "scram-sha-256",
  ]),
  default: ["plain"],
  written: "plain",
  meaning:
    "The mechanisms of AUTHENTICATE that a client is offered. Others are refused, but for `plain` and `login`: these and the " +
    "command LOGIN always work, as in nginx. What keeps passwords from going in clear is `starttls only`. SCRAM is for `proxy_pass` " +
    "without a source of logins",
});

export const imapClientBuffer = directive({
  name: "imap_client_buffer",
  contexts: MAIL_AND_SERVER,
  kind: size,
  default: 4096,
  written: "4k",
  meaning: "The longest command before the login, its literals included",
});

export const imap: Module = {
  title: "IMAP",
  protocol: "imap",
  about: "These count where `protocol` is `imap`.",
  directives: [imapCapabilities, imapAuth, imapClientBuffer],
};
