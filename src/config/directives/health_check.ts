/** `health_check`: whether the servers of a group are looked after. */

import type { Millis, Octets } from "../../runtime.ts";
import type { Call } from "../call.ts";
import { type Context, type Count, directive, MAIL_AND_SERVER, type Module } from "../directive.ts";
import { millis, once } from "../kinds.ts";
import { didYouMean } from "../suggest.ts";
import type { HealthCheckConfig } from "../upstream_types.ts";
import { parseMillis, parseNumber } from "../values.ts";

const ANY: Count = { least: 0, most: Infinity };
const UPSTREAM_AND_SERVER: readonly Context[] = ["upstream", "server"];

export const healthCheck = directive<HealthCheckConfig, undefined>({
  name: "health_check",
  contexts: UPSTREAM_AND_SERVER,
  since: "stream 1.9.0, commercial",
  kind: once(
    "[interval=time] [jitter=time] [fails=number] [passes=number] [port=number] [protocol=imap | pop3 | smtp] [mandatory [persistent]]",
    read,
    ANY,
  ),
  default: undefined,
  meaning:
    "Asks each server of a group every `interval` (5s) and up to `jitter` (0) whether it is at work, in its own protocol: " +
    "greeting, TLS as `proxy_ssl` has it, CAPABILITY, CAPA or EHLO, and LOGOUT or QUIT, without ever logging in. After " +
    "`fails` (1) checks in a row it is down and gets no new sessions, after `passes` (1) it is up again. `port` is checked " +
    "instead of the server's own. With `mandatory` a server gets its first session only after it has passed, `persistent` " +
    "spares those that were up before a reload. In `server {}` it is for the group that `proxy_pass` names; in `upstream " +
    "{}` it takes its settings from the first `server {}` that names the group, and `protocol` says which if they differ; " +
    "servers that are written without a port are checked for each protocol. " +
    "One worker process checks for all",
});

export const healthCheckTimeout = directive({
  name: "health_check_timeout",
  contexts: [...MAIL_AND_SERVER, "upstream"],
  since: "stream 1.9.0, commercial",
  kind: millis,
  default: 5000,
  written: "5s",
  meaning: "How long a health check may take in all",
});

export const healthCheckModule: Module = {
  title: "Health checks",
  about:
    "A server of a group that has failed is left out by itself (`max_fails`); these find out before a client does.",
  directives: [healthCheck, healthCheckTimeout],
};

type Parameters = { -readonly [K in keyof HealthCheckConfig]: HealthCheckConfig[K] };

function read(call: Call): HealthCheckConfig {
  const parameters: Parameters = {
    place: call.place,
    interval: 5000,
    jitter: 0,
    fails: 1,
    passes: 1,
    port: undefined,
    protocol: undefined,
    isMandatory: false,
    isPersistent: false,
  };
  for (const word of call.args) readParameter(call, word, parameters);
  if (parameters.isPersistent && !parameters.isMandatory) {
    throw call.error('"persistent" goes with "mandatory" only');
  }
  return parameters;
}

function readParameter(call: Call, word: Octets, into: Parameters): void {
  const [name = "", value] = word.split("=", 2);
  const time = (): Millis => requireValue(call, word, parseMillis(value ?? ""));
  const count = () => requireValue(call, word, parseNumber(value ?? ""), 1);
  switch (value === undefined ? name : `${name}=`) {
    case "interval=":
      return void (into.interval = Math.max(time(), SHORTEST_INTERVAL));
    case "jitter=":
      return void (into.jitter = time());
    case "fails=":
      return void (into.fails = count());
    case "passes=":
      return void (into.passes = count());
    case "port=":
      return void (into.port = requireValue(call, word, parseNumber(value ?? ""), 1, 65535));
    case "protocol=":
      return void (into.protocol = readProtocol(call, value ?? ""));
    case "mandatory":
      return void (into.isMandatory = true);
    case "persistent":
      return void (into.isPersistent = true);
    case "match=":
    case "udp":
      throw call.error(`"${name}" is not supported in "${call.name}"`, "the check speaks the mail protocol by itself");
    default:
      throw call.error(`invalid parameter "${word}"`, NAMES.includes(name) ? undefined : didYouMean(name, NAMES));
  }
}

function readProtocol(call: Call, value: Octets): HealthCheckConfig["protocol"] {
  if (call.scope.block?.name === "server") {
    throw call.error(`"protocol" is not allowed in "${call.name}" here`, "it is the protocol of the server {}");
  }
  const protocol = call.scope.protocols.find((each) => each === value);
  if (protocol !== undefined) return protocol;
  throw call.error(`unknown protocol "${value}"`, didYouMean(value, call.scope.protocols));
}

function requireValue(call: Call, word: Octets, value: number | undefined, least = 0, most = Infinity): number {
  if (value === undefined || value < least || value > most) throw call.error(`invalid parameter "${word}"`);
  return value;
}

/** A zero, which nobody can mean, would be a loop. */
const SHORTEST_INTERVAL: Millis = 100;

const NAMES = ["interval", "jitter", "fails", "passes", "port", "protocol", "mandatory", "persistent"];
