/** What a POP3 client is told, and how it may log in. */

import { directive, MAIL_AND_SERVER } from "../directive.ts";
import type { Module } from "../directive.ts";
import { size, someOf, words } from "../kinds.ts";
import type { Pop3Auth } from "../types.ts";

export const pop3Capabilities = directive({
  name: "pop3_capabilities",
  contexts: MAIL_AND_SERVER,
  kind: words("extension"),
  default: ["TOP", "USER", "UIDL"],
  written: "TOP USER UIDL",
  meaning: "The capabilities that a client is told before its login, besides those that follow from other directives",
});

export const pop3Auth = directive<readonly Pop3Auth[]>({
  name: "pop3_auth",
  contexts: MAIL_AND_SERVER,
  since: "0.4.10",
  kind: someOf<Pop3Auth>([
    "plain",
    "apop",
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
    "The mechanisms that a client is offered; `plain` stands for USER and PASS, AUTH PLAIN and AUTH LOGIN. Others are refused, " +
    "but for these, which always work, as in nginx. What keeps passwords from going in clear is `starttls only`. SCRAM is for `proxy_pass` " +
    "without a source of logins",
});

const auth = directive({
  name: "auth",
  contexts: MAIL_AND_SERVER,
  kind: pop3Auth.kind,
  default: undefined,
  meaning: "The mechanisms that a POP3 client is offered, before 0.5.15",
  storedAs: pop3Auth,
  today: 'use the "pop3_auth" directive instead',
});

export const pop3ClientBuffer = directive({
  name: "pop3_client_buffer",
  contexts: MAIL_AND_SERVER,
  kind: size,
  default: 4096,
  written: "4k",
  meaning: "The longest command before the login; nginx has 128 octets here, too few for the tokens of OAuth",
});

export const pop3: Module = {
  title: "POP3",
  protocol: "pop3",
  about: "These count where `protocol` is `pop3`.",
  directives: [pop3Capabilities, pop3Auth, auth, pop3ClientBuffer],
};
