/** `mail {}` and `server {}`, and what belongs to no module of its own. */

import type { Millis, Octets } from "../../runtime.ts";
import type { Call } from "../call.ts";
import { block, directive, MAIL, MAIL_AND_SERVER, MAIN, ONE_OR_MORE, SERVER } from "../directive.ts";
import type { Module } from "../directive.ts";
import { ConfigError } from "../error.ts";
import { lastWins, number, once, TIME_HINT } from "../kinds.ts";
import { PROTOCOLS } from "../protocols.ts";
import type { Scope } from "../scope.ts";
import { checkSharing } from "../sharing.ts";
import { sslOf } from "../ssl.ts";
import { didYouMean } from "../suggest.ts";
import type { Protocol } from "../types.ts";
import { parseMillis, parseNumber } from "../values.ts";
import { checkAccessLogs } from "./access_log.ts";
import { authHttpOf } from "./auth_http.ts";
import { limitsOf } from "./limit_conn.ts";
import { listen } from "./listen.ts";
import { proxySslOf } from "./proxy_ssl.ts";
import { checkUpstreams } from "./upstream.ts";

export const mail = block({
  name: "mail",
  contexts: MAIN,
  since: "0.5.15",
  opens: "mail",
  meaning: "All that Postern serves",
  check(scope) {
    const servers = scope.children(server);
    checkSharing(servers.map((scope) => {
      return { scope, protocol: () => protocolOf(scope), names: scope.value(serverName).names };
    }));
    // One check over all servers, then the next, as nginx has it: a module at a time.
    for (const each of servers) protocolOf(each);
    for (const each of servers) sslOf(each);
    for (const each of servers) authHttpOf(each);
    for (const each of servers) proxySslOf(each);
    checkAccessLogs([scope, ...servers], scope);
    scope.variables.link();
    for (const each of servers) limitsOf(each);
    checkUpstreams(scope);
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

export const protocol = directive({
  name: "protocol",
  contexts: SERVER,
  kind: lastWins(PROTOCOLS.join(" | "), (call) => {
    const { protocols } = call.scope;
    const name = PROTOCOLS.find((candidate) => candidate === call.arg(0));
    if (name !== undefined && protocols.includes(name)) return name;
    const hint = name === undefined ? didYouMean(call.arg(0), protocols) : leftOut(name);
    throw call.error(`unknown protocol "${call.arg(0)}"`, hint);
  }),
  default: undefined,
  meaning:
    "What is spoken; without it the first of these ports decides that is listened on: 143 and 993 for IMAP, 110 and 995 " +
    "for POP3, 25, 465 and 587 for SMTP",
});

/** What a server speaks. Throws {@linkcode ConfigError} when neither `protocol` nor a port says so. */
export function protocolOf(scope: Scope): Protocol {
  const known = scope.value(listen).map(wellKnown).filter((each) => each !== undefined);
  const spoken = scope.value(protocol) ?? known.find((each) => scope.protocols.includes(each));
  if (spoken !== undefined) return spoken;
  const [missing] = known;
  const hint = missing === undefined ? NO_PROTOCOL : leftOut(missing);
  throw new ConfigError("unknown mail protocol for server", { place: scope.place, hint });
}

function leftOut(name: Protocol): Octets {
  return `"${name}" is left out of this build`;
}

/** Old documents say that IMAP is the default; nginx has not had one for long. */
const NO_PROTOCOL = 'no port says which: "protocol imap;", "protocol pop3;" or "protocol smtp;" must';

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

/** The one that is used, empty for the host name, and all that are given. */
interface ServerNames {
  readonly name: Octets;
  readonly names: readonly Octets[];
}

const NO_NAMES: ServerNames = { name: "", names: [] };

export const serverName = directive({
  name: "server_name",
  contexts: MAIL_AND_SERVER,
  kind: once("name …", readNames, ONE_OR_MORE),
  default: NO_NAMES,
  written: '""',
  meaning:
    "The name in greetings, in the challenges of APOP and CRAM-MD5, and in EHLO to SMTP back ends; without it, and if " +
    "empty, the host name in lower case. Of several names, as older documents have them, the first one counts. Only among " +
    "servers that have a socket in common and speak TLS the names choose: also `*.example.com`, and `.example.com` for " +
    "both; where none fits, the first server serves",
});

function readNames(call: Call): ServerNames {
  const names = call.args.filter((name) => name !== "");
  // `.example.com` stands for `example.com` and all names in it.
  return { name: names[0]?.replace(/^\*?\.|^\*$/, "") ?? "", names };
}

/** What to warn of where nothing is to be chosen by names, if they are more than one plain name. */
export function namesAdvice({ name, names }: ServerNames): Octets | undefined {
  if (names.length <= 1 && name === (names[0] ?? "")) return undefined;
  const used = name === "" ? "the host name" : `"${name}"`;
  return `"server_name" takes one plain name today, ${used} is used`;
}

export const timeout = directive({
  name: "timeout",
  contexts: MAIL_AND_SERVER,
  kind: once("time", readTimeout),
  default: 60_000,
  written: "60s",
  meaning:
    "How long a client may take to log in, in all; a number without a unit is in milliseconds from 10000 on, as in older " +
    "documents, and that is warned about",
});

function readTimeout(call: Call): Millis {
  const text = call.arg(0);
  const value = parseMillis(text);
  if (value === undefined) throw call.error('"timeout" directive invalid value', TIME_HINT);
  const count = parseNumber(text);
  if (count === undefined || count < LEAST_OLD_TIMEOUT) return value;
  call.warn(`"timeout" of ${count} is taken for milliseconds, write "${count}ms", or "${count}s" if seconds are meant`);
  return count;
}

/** Once `timeout` was in milliseconds, 60000 by default. Nobody has three hours for a login. */
const LEAST_OLD_TIMEOUT = 10_000;

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
  ],
};
