/** What an SMTP client is told, and how it may log in. */

import { directive, MAIL_AND_SERVER } from "../directive.ts";
import type { Module } from "../directive.ts";
import { millis, size, someOf, words } from "../kinds.ts";
import type { SmtpAuth } from "../types.ts";

export const smtpCapabilities = directive({
  name: "smtp_capabilities",
  contexts: MAIL_AND_SERVER,
  since: "0.5.15",
  kind: words("extension"),
  default: [],
  meaning: "The lines of the reply to EHLO, besides those that follow from other directives; in quotes if with blanks",
});

export const smtpAuth = directive<readonly SmtpAuth[]>({
  name: "smtp_auth",
  contexts: MAIL_AND_SERVER,
  since: "0.5.15",
  kind: someOf<SmtpAuth>([
    "plain",
    "login",
    "cram-md5",
    "external",
    "xoauth2",
    "oauthbearer",
    "scram-sha-1",
    "scram-sha-256",
    "none",
  ]),
  default: ["plain", "login"],
  written: "plain login",
  meaning:
    "The mechanisms that a client is offered; with `none` it may send mail without a login. Others are refused, but for `plain` " +
    "and `login`, which always work, as in nginx. What keeps passwords from going in clear is `starttls only`. SCRAM is for `proxy_pass` " +
    "without a source of logins",
});

export const smtpClientBuffer = directive({
  name: "smtp_client_buffer",
  contexts: MAIL_AND_SERVER,
  since: "0.6.12",
  kind: size,
  default: 4096,
  written: "4k",
  meaning: "The longest command before the login",
});

export const smtpGreetingDelay = directive({
  name: "smtp_greeting_delay",
  contexts: MAIL_AND_SERVER,
  since: "0.6.12",
  kind: millis,
  default: 0,
  written: "0",
  meaning: "How long to wait before the greeting; who speaks earlier is rejected",
});

export const smtp: Module = {
  title: "SMTP",
  protocol: "smtp",
  about: "These count where `protocol` is `smtp`.",
  directives: [smtpCapabilities, smtpAuth, smtpClientBuffer, smtpGreetingDelay],
};
