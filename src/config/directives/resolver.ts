/** Which name servers are asked, and for what. */

import type { Millis, Octets } from "../../runtime.ts";
import { parseServer } from "../address.ts";
import type { Call } from "../call.ts";
import { directive, MAIL_AND_SERVER, SOME } from "../directive.ts";
import type { Context, Module } from "../directive.ts";
import { lineOf } from "../error.ts";
import { millis, once } from "../kinds.ts";
import type { Scope } from "../scope.ts";
import type { ResolverConfig } from "../types.ts";
import { parseSeconds } from "../values.ts";

const ANYWHERE: readonly Context[] = [...MAIL_AND_SERVER, "upstream"];

type Settings = Omit<ResolverConfig, "timeout">;

const resolver = directive<Settings | "off">({
  name: "resolver",
  contexts: ANYWHERE,
  since: "0.6.27",
  kind: once("address[:port] … [valid=time] [ipv4=on|off] [ipv6=on|off] [status_zone=zone] | off", (call) => {
    return call.arg(0) === "off" ? "off" : readServers(call);
  }, SOME),
  default: "off",
  written: "off",
  meaning:
    "The name servers that are asked for the name of an SMTP client, for names that `proxy_pass` and `auth_http` come to, and " +
    "for those of an `upstream {}` with `resolve`. Their own names are looked up once, at the start; " +
    "`status_zone` says nothing here",
});

const resolverTimeout = directive({
  name: "resolver_timeout",
  contexts: ANYWHERE,
  since: "0.6.27",
  kind: millis,
  default: 30_000,
  written: "30s",
  meaning: "How long to wait for name servers, for each name; 0: until one answers",
});

/** The name servers of a `server {}` or an `upstream {}`. */
export function resolverOf(scope: Scope): ResolverConfig | undefined {
  const settings = scope.value(resolver);
  return settings === "off" ? undefined : { ...settings, timeout: scope.value(resolverTimeout) || undefined };
}

function readServers(call: Call): Settings {
  const given: { -readonly [K in keyof Settings]: Settings[K] } = {
    position: lineOf(call.place),
    servers: [],
    valid: undefined,
    ipv4: true,
    ipv6: true,
  };
  for (const word of call.args) {
    if (word.startsWith("valid=")) given.valid = readValid(call, word);
    else if (word.startsWith("ipv4=")) given.ipv4 = readSwitch(call, word);
    else if (word.startsWith("ipv6=")) given.ipv6 = readSwitch(call, word);
    else if (!word.startsWith("status_zone=")) given.servers = [...given.servers, readServer(call, word)];
  }
  if (!given.ipv4 && !given.ipv6) throw call.error('"ipv4" and "ipv6" cannot both be "off"');
  if (given.servers.length === 0) throw call.error("no name servers defined");
  return given;
}

/** With 0 answers have their own time to live, as in nginx. */
function readValid(call: Call, word: Octets): Millis | undefined {
  const seconds = parseSeconds(word.slice("valid=".length));
  if (seconds === undefined) throw call.error(`invalid parameter: ${word}`);
  return seconds === 0 ? undefined : seconds * 1000;
}

function readSwitch(call: Call, word: Octets): boolean {
  const value = word.slice("ipv4=".length);
  if (value === "on" || value === "off") return value === "on";
  throw call.error(`invalid parameter: ${word}`);
}

function readServer(call: Call, word: Octets): Settings["servers"][number] {
  const server = parseServer(word, DNS_PORT);
  if (typeof server === "string") throw call.error(`${server} in resolver "${word}"`);
  // Nobody answers for names on a unix socket.
  if ("path" in server) throw call.error(`invalid host in resolver "${word}"`);
  return { text: word, ...server };
}

const DNS_PORT = 53;

export const resolverModule: Module = {
  title: "Names",
  about: "How names are looked up while sessions run.",
  directives: [resolver, resolverTimeout],
};
