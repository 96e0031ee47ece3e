/** `upstream {}`: groups of mail servers, as in nginx's stream module. */

import type { Millis, Octets } from "../../runtime.ts";
import { parseServer } from "../address.ts";
import type { Call } from "../call.ts";
import { accepted, block, directive, MAIL, NONE, ONE, SOME } from "../directive.ts";
import type { Context, Count, Directive, Kind, Module } from "../directive.ts";
import { ConfigError, lineOf } from "../error.ts";
import { lastWins } from "../kinds.ts";
import type { Scope } from "../scope.ts";
import { didYouMean } from "../suggest.ts";
import type { BalancingMethod, UpstreamConfig, UpstreamServerConfig } from "../upstream_types.ts";
import { parseBigSize, parseNumber, parseSeconds } from "../values.ts";
import { healthCheck, healthCheckTimeout } from "./health_check.ts";
import { resolverOf } from "./resolver.ts";

const UPSTREAM: readonly Context[] = ["upstream"];
const ONE_OR_TWO: Count = { least: 1, most: 2 };
const UP_TO_TWO: Count = { least: 0, most: 2 };

const upstream = block({
  name: "upstream",
  syntax: "name",
  count: ONE,
  contexts: MAIL,
  since: "stream 1.9.0",
  opens: "upstream",
  repeatable: true,
  meaning:
    "A group of back ends under a name, which stands wherever a back end can be named: in `proxy_pass` and its variables, " +
    "in `Auth-Server`, in a users file. A back end that fails before its client saw anything of it is left for the next one",
  check(scope, end) {
    const name = nameOf(scope);
    if (scope.parent?.claim(`upstream ${name.toLowerCase()}`) === false) {
      throw new ConfigError(`duplicate upstream "${name}"`, { place: scope.place });
    }
    if (scope.value(server).length === 0) throw new ConfigError("no servers are inside upstream", { place: end });
  },
});

const server = directive<readonly UpstreamServerConfig[]>({
  name: "server",
  contexts: UPSTREAM,
  since: "stream 1.9.0",
  kind: {
    syntax:
      "address [weight=number] [max_conns=number] [max_fails=number] [fail_timeout=time] [slow_start=time] [backup] [down] [drain] [resolve] [service=name]",
    count: SOME,
    repeated: "adds",
    read: (call, earlier = []) => [...earlier, readServer(call)],
  },
  default: [],
  meaning:
    "A back end of the group. A name stands for all addresses it has at the start, with `resolve` for those that it has now: it " +
    "is looked up by the `resolver` whenever its time is over, and if that fails its servers stay. With `service` " +
    "as well these are the servers of SRV records (`service=imap` of example.com: `_imap._tcp.example.com`), with their " +
    "ports and weights; those of a higher priority number are backups. Without a port it is the protocol's. " +
    "`weight` (1) is its share. `max_conns` (0: any) is never exceeded by a worker process, and by all of them together " +
    "for a moment at most. When `max_fails` (1, 0: " +
    "never) attempts have failed within `fail_timeout` (10s) it is left out as long as that, then one login tries it. " +
    "`slow_start` (0) is how long its share then grows to the whole. `backup` servers serve when no other can, `down` " +
    "ones never, `drain` ones keep their sessions and get no new ones. nginx has `slow_start` and `drain` in its " +
    "commercial version only",
});

/** All methods of a group are one setting. */
const hash = method("hash", {
  since: "stream 1.9.0",
  syntax: "key [consistent]",
  count: ONE_OR_TWO,
  meaning:
    "The server follows from a text with variables, such as `$auth_user` or `$remote_addr`; those whose text is empty go by " +
    "turns. With `consistent`, few of them move when servers come and go (ketama). The mapping is nginx's",
  read(call) {
    if (call.args.length === 2) choose(call, 1, "consistent");
    return { type: "hash", key: call.template(call.arg(0)), isConsistent: call.args.length === 2 };
  },
});

const leastConn = method("least_conn", {
  since: "stream 1.9.0",
  syntax: "",
  count: NONE,
  meaning: "The server with the fewest connections in proportion to its weight; of several, by turns",
  read: () => ({ type: "least_conn" }),
});

const random = method("random", {
  since: "stream 1.15.1",
  syntax: "[two [least_conn]]",
  count: UP_TO_TWO,
  meaning: "A server at random, by weight; with `two`, the one of two that has fewer connections",
  read(call) {
    if (call.args.length > 0) choose(call, 0, "two");
    if (call.args.length > 1) choose(call, 1, "least_conn");
    return { type: "random", isOfTwo: call.args.length > 0 };
  },
});

const zone = directive<Octets, undefined>({
  name: "zone",
  contexts: UPSTREAM,
  since: "stream 1.9.0",
  kind: lastWins("name [size]", readZone, ONE_OR_TWO),
  default: undefined,
  meaning: "Where worker processes would have a group's state in common",
  state: accepted("they have it without a zone, a moment later"),
});

export const upstreamModule: Module = {
  title: "Groups of back ends",
  about:
    "Inside of `upstream {}` stand its servers and, before them, how they are chosen: by turns, unless it is said.",
  directives: [upstream, server, hash, leastConn, random, zone],
};

/** What all `upstream {}` of a `mail {}` come to. */
export function upstreamsOf(mail: Scope): readonly UpstreamConfig[] {
  return mail.children(upstream).map((scope) => ({
    position: lineOf(scope.place),
    name: nameOf(scope),
    servers: scope.value(server),
    method: scope.value(hash),
    resolver: resolverOf(scope),
    healthCheck: scope.own(healthCheck),
    healthCheckTimeout: scope.value(healthCheckTimeout),
  }));
}

/** Checks what is known only behind all of `mail {}`. Throws {@linkcode ConfigError}. */
export function checkUpstreams(mail: Scope): void {
  const groups = upstreamsOf(mail);
  for (const { name, servers, position, resolver } of groups) {
    const resolved = servers.find(({ isResolved, address }) => isResolved && "isName" in address && address.isName);
    if (resolved !== undefined && resolver === undefined) {
      throw new ConfigError(`no resolver defined to resolve ${resolved.text}`, {
        place: resolved.place,
        hint: 'a "resolver" in "mail {}" or in the "upstream {}" names the servers to ask',
      });
    }
    if (!servers.some(({ isBackup }) => !isBackup)) {
      throw new ConfigError(`no servers in upstream "${name}"`, { place: position });
    }
  }
}

function nameOf(scope: Scope): Octets {
  return scope.args[0] ?? "";
}

interface Method extends Pick<Directive<BalancingMethod>, "meaning"> {
  readonly since: string;
  readonly syntax: string;
  readonly count: Count;
  read(call: Call): BalancingMethod;
}

function method(name: string, { since, syntax, count, meaning, read }: Method): Directive<BalancingMethod> {
  const kind: Kind<BalancingMethod> = {
    syntax,
    count,
    repeated: "replaces",
    read(call, earlier) {
      if (earlier !== undefined) call.warn("load balancing method redefined");
      return read(call);
    },
  };
  const storedAs = name === "hash" ? undefined : hash;
  return directive({
    name,
    contexts: UPSTREAM,
    since,
    kind,
    default: { type: "round_robin" },
    storedAs,
    meaning,
  });
}

function choose(call: Call, index: number, word: string): void {
  const given = call.arg(index);
  if (given !== word) throw call.error(`invalid parameter "${given}"`, didYouMean(given, [word]));
}

function readZone(call: Call): Octets {
  const [name = "", size] = call.args;
  if (name === "") throw call.error(`invalid zone name "${name}"`);
  const octets = size === undefined ? Infinity : parseBigSize(size);
  if (octets === undefined) throw call.error(`invalid zone size "${size}"`);
  if (octets < LEAST_ZONE) throw call.error(`zone "${name}" is too small`);
  return name;
}

type Parameters = {
  -readonly [K in Exclude<keyof UpstreamServerConfig, "place" | "text" | "address">]: UpstreamServerConfig[K];
};

function readServer(call: Call): UpstreamServerConfig {
  const [text = "", ...words] = call.args;
  const parameters: Parameters = {
    weight: 1,
    maxConns: Infinity,
    maxFails: 1,
    failTimeout: 10_000,
    slowStart: 0,
    isBackup: false,
    isDown: false,
    isDraining: false,
    isResolved: false,
    service: undefined,
  };
  for (const word of words) readParameter(call, word, parameters);
  const address = parseServer(text, 0);
  if (typeof address === "string") throw call.error(`${address} in upstream "${text}"`);
  checkResolved(call, address, parameters);
  const own = "path" in address ? address : { ...address, port: address.port || undefined };
  return { place: call.place, text, address: own, ...parameters };
}

function readParameter(call: Call, word: Octets, into: Parameters): void {
  const [name = "", value = ""] = word.split("=", 2);
  const isFlag = name === word;
  const known = isFlag ? FLAGS : VALUES;
  const isKnown = known.includes(name);
  const invalid = () => call.error(`invalid parameter "${word}"`, isKnown ? undefined : didYouMean(name, known));
  if (!isKnown) throw invalid();
  refuseUnsupported(call, word, name);
  const count = (least: number): number => {
    const number = parseNumber(value);
    if (number === undefined || number < least) throw invalid();
    return number;
  };
  const time = (): Millis => {
    const seconds = parseSeconds(value);
    if (seconds === undefined) throw invalid();
    return seconds * 1000;
  };
  switch (name) {
    case "weight":
      return void (into.weight = count(1));
    case "max_conns":
      return void (into.maxConns = count(0) || Infinity);
    case "max_fails":
      return void (into.maxFails = count(0));
    case "fail_timeout":
      return void (into.failTimeout = time());
    case "slow_start":
      return void (into.slowStart = time());
    case "backup":
      return void (into.isBackup = true);
    case "down":
      return void (into.isDown = true);
    case "drain":
      return void (into.isDraining = true);
    case "resolve":
      return void (into.isResolved = true);
    case "service":
      if (value === "") throw invalid();
      return void (into.service = value);
  }
}

/** What goes with names alone. */
function checkResolved(
  call: Call,
  address: Exclude<ReturnType<typeof parseServer>, string>,
  { isResolved, service }: Pick<Parameters, "isResolved" | "service">,
): void {
  const [text = ""] = call.args;
  if (service !== undefined && !isResolved) {
    throw call.error(`service upstream "${text}" requires "resolve" parameter`);
  }
  if (service !== undefined && "port" in address && address.port !== 0) {
    throw call.error(`service upstream "${text}" may not have port`, "SRV records have ports of their own");
  }
  const isName = "isName" in address && address.isName;
  if (service !== undefined && !isName) throw call.error(`service upstream "${text}" requires a name`);
}

/** What `hash` and `random` have no use for, where they stand before the server. */
function refuseUnsupported(call: Call, word: Octets, name: Octets): void {
  const chosen = call.scope.own(hash)?.type;
  const isUnsupported = (chosen === "hash" || chosen === "random") && (name === "backup" || name === "slow_start");
  if (isUnsupported) throw call.error(`balancing method does not support parameter "${word}"`);
}

const FLAGS: readonly string[] = ["backup", "down", "drain", "resolve"];
const VALUES: readonly string[] = ["weight", "max_conns", "max_fails", "fail_timeout", "slow_start", "service"];

/** Eight pages, as in nginx. */
const LEAST_ZONE = 8 * 4096;
