/** `mail {}` and `server {}`, and what belongs to no module of its own. */

import type { Octets } from "../../runtime.ts";
import { block, directive, MAIL, MAIL_AND_SERVER, MAIN, partly, PLANNED, SERVER, SOME } from "../directive.ts";
import type { Module } from "../directive.ts";
import { ConfigError } from "../error.ts";
import { lastWins, millis, number, once, text } from "../kinds.ts";
import type { Scope } from "../scope.ts";
import { didYouMean } from "../suggest.ts";
import type { Protocol } from "../types.ts";
import { authHttpOf } from "./auth_http.ts";
import { listen } from "./listen.ts";

export const mail = block({
  name: "mail",
  contexts: MAIN,
  since: "0.5.15",
  opens: "mail",
  meaning: "All that Postern serves",
  check(scope) {
    // One check over all servers, then the next, as nginx has it: a module at a time.
    for (const each of scope.children(server)) protocolOf(each);
    for (const each of scope.children(server)) authHttpOf(each);
  },
});

export const server = block({
  name: "server",
  contexts: MAIL,
  opens: "server",
  repeatable: true,
  meaning: "One service: what it listens on and how it treats its sessions",
  check(scope) {
    if (scope.value(listen).length > 0) return;
    throw new ConfigError('no "listen" is defined for server', { place: scope.place });
  },
});

const PROTOCOLS: readonly Protocol[] = ["imap", "pop3", "smtp"];

export const protocol = directive({
  name: "protocol",
  contexts: SERVER,
  kind: lastWins(PROTOCOLS.join(" | "), (call) => {
    const name = PROTOCOLS.find((candidate) => candidate === call.arg(0));
    if (name === undefined) throw call.error(`unknown protocol "${call.arg(0)}"`, didYouMean(call.arg(0), PROTOCOLS));
    return name;
  }),
  default: undefined,
  meaning:
    "What is spoken; without it the first of these ports decides that is listened on: 143 and 993 for IMAP, 110 and 995 " +
    "for POP3, 25, 465 and 587 for SMTP",
});

/** What a server speaks. Throws {@linkcode ConfigError} when neither `protocol` nor a port says so. */
export function protocolOf(scope: Scope): Protocol {
  const spoken = scope.value(protocol) ?? scope.value(listen).map(wellKnown).find((known) => known !== undefined);
  if (spoken === undefined) throw new ConfigError("unknown mail protocol for server", { place: scope.place });
  return spoken;
}

function wellKnown(line: { readonly port: number | undefined }): Protocol | undefined {
  switch (line.port) {
    case 143:
    case 993:
      return "imap";
    case 110:
    case 995:
      return "pop3";
    case 25:
    case 465:
    case 587:
      return "smtp";
    default:
      return undefined;
  }
}

export const serverName = directive({
  name: "server_name",
  contexts: MAIL_AND_SERVER,
  kind: text("name"),
  default: "",
  written: '""',
  meaning:
    "The name in greetings, in the challenges of APOP and CRAM-MD5, and in EHLO to SMTP back ends; without it, and if " +
    "empty, the host name in lower case. It chooses no server",
});

export const timeout = directive({
  name: "timeout",
  contexts: MAIL_AND_SERVER,
  kind: millis,
  default: 60_000,
  written: "60s",
  meaning: "How long a client may take to log in, in all",
});

export const maxErrors = directive({
  name: "max_errors",
  contexts: MAIL_AND_SERVER,
  since: "1.21.0",
  kind: number,
  default: 5,
  written: "5",
  meaning: "After how many commands that make no sense the connection is closed",
});

export const maxCommands = directive({
  name: "max_commands",
  contexts: MAIL_AND_SERVER,
  since: "freenginx 1.25.5",
  kind: number,
  default: 1000,
  written: "1000",
  meaning: "How many commands a client may send before it has logged in",
});

const resolver = directive({
  name: "resolver",
  contexts: MAIL_AND_SERVER,
  since: "0.6.27",
  kind: once("address[:port] … [valid=time] [ipv4=on|off] [ipv6=on|off] | off", (call) => call.args, SOME),
  default: undefined,
  written: "off",
  meaning: "The name servers that are asked for the name of an SMTP client",
  state: partly<readonly Octets[]>("off", ([first, ...rest]) => first === "off" && rest.length === 0),
});

const resolverTimeout = directive({
  name: "resolver_timeout",
  contexts: MAIL_AND_SERVER,
  since: "0.6.27",
  kind: millis,
  default: 30_000,
  written: "30s",
  meaning: "How long to wait for name servers",
  state: PLANNED,
});

export const mailModule: Module = {
  title: "Mail",
  about: "Services, and what holds for all protocols.",
  directives: [
    mail,
    server,
    listen,
    protocol,
    serverName,
    timeout,
    maxErrors,
    maxCommands,
    resolver,
    resolverTimeout,
  ],
};
