/** Sessions as the default configuration makes them, for tests that vary one thing. */

import type { SocketAddress } from "../../src/runtime.ts";
import type { Connection, FailureWatch } from "../../src/session/mod.ts";
import { capabilityReply } from "../../src/protocol/imap/capability.ts";
import { type ImapOptions, ImapSession } from "../../src/protocol/imap/session.ts";
import { authReply, capaReply } from "../../src/protocol/pop3/capability.ts";
import { type Pop3Options, Pop3Session } from "../../src/protocol/pop3/session.ts";
import { ehloReply } from "../../src/protocol/smtp/capability.ts";
import { type SmtpOptions, SmtpSession } from "../../src/protocol/smtp/session.ts";
import { factsOf } from "./facts.ts";

const LOGIN_OPTIONS = {
  timeout: 60_000,
  connectTimeout: 60_000,
  maxErrors: 5,
  maxCommands: 1000,
  clientBuffer: 4096,
  proxyBuffer: 4096,
  passErrorMessage: false,
  isPassThrough: false,
  tellsClientId: false,
  mechanisms: [],
  startTls: "off",
  verifyClient: "off",
  upstreamTls: "off",
  createSalt: () => "<1896.697170952@mail.example.com>",
} as const;

export const CLIENT: SocketAddress = { family: 4, host: "198.51.100.7", port: 40001 };
const CONNECTION = {
  client: CLIENT,
  server: { family: 4, host: "192.0.2.9", port: 143 },
  proxied: undefined,
  isForbidden: false,
  tls: undefined,
  facts: factsOf(),
} as const;

/** For a dialogue in which nothing is a wrong password. */
export const NO_FAILURES: FailureWatch = {
  failed: () => {
    throw new Error("a wrong password was counted");
  },
  succeeded: () => {},
};

export function imapSession(
  options: Partial<ImapOptions> = {},
  connection: Partial<Connection> = {},
): ImapSession {
  const config = { capabilities: ["IMAP4", "IMAP4rev1", "UIDPLUS"], auth: ["plain"] } as const;
  const capability = capabilityReply(config, options.startTls ?? "off");
  return new ImapSession({ ...LOGIN_OPTIONS, capability, ...options }, { ...CONNECTION, ...connection });
}

export function pop3Session(
  options: Partial<Pop3Options> = {},
  connection: Partial<Connection> = {},
): Pop3Session {
  const config = { capabilities: ["TOP", "USER", "UIDL"], auth: ["plain"] } as const;
  return new Pop3Session({
    ...LOGIN_OPTIONS,
    capa: capaReply(config, options.startTls ?? "off"),
    capaBehindUser: capaReply(config, "off").clear,
    authMethods: authReply(config),
    ...options,
  }, { ...CONNECTION, ...connection });
}

export function smtpSession(
  options: Partial<SmtpOptions> = {},
  connection: Partial<Connection> = {},
): SmtpSession {
  return new SmtpSession({
    ...LOGIN_OPTIONS,
    serverName: "mail.example.com",
    ehlo: ehloReply(
      "mail.example.com",
      { capabilities: [], auth: ["plain", "login"] },
      options.startTls ?? "off",
    ),
    allowsAnonymous: false,
    xclient: true,
    smtpAuth: false,
    greetingDelay: 0,
    resolvesClient: false,
    ...options,
  }, { ...CONNECTION, ...connection });
}
