/** `limit_conn` and its zones: how many connections may have a key in common. */

import type { Octets } from "../../runtime.ts";
import type { Template } from "../../variables/mod.ts";
import type { Call } from "../call.ts";
import { directive, MAIL, MAIL_AND_SERVER } from "../directive.ts";
import type { Directive, Module } from "../directive.ts";
import { ConfigError } from "../error.ts";
import { flag, listOf, oneOf } from "../kinds.ts";
import type { Scope } from "../scope.ts";
import { didYouMean } from "../suggest.ts";
import type { LimitsConfig, LimitZoneConfig, Place } from "../types.ts";
import { parseNumber } from "../values.ts";
import { readZone } from "./_zone.ts";

/** One `limit_conn_zone` line. */
interface ZoneLine {
  readonly name: Octets;
  readonly key: Template;
  /** In octets. */
  readonly size: number;
}

const TWO = { least: 2, most: 2 };

export const limitConnZone: Directive<readonly ZoneLine[]> = directive<readonly ZoneLine[]>({
  name: "limit_conn_zone",
  contexts: MAIL,
  since: "stream 1.9.3",
  kind: listOf("key zone=name:size", (call) => [readLine(call)], TWO),
  default: [],
  meaning:
    "What is counted for `limit_conn`: connections by the text `key`, such as `$binary_remote_addr`, `$auth_user` or both. " +
    "An empty key, and one of more than 255 octets, is not counted. 8192 keys fit into each `m` of the size; in a full zone " +
    "a new key is refused, and the log says so. Worker processes tell each other what they count a twentieth of a second " +
    "late: connections that come at once, to several of them, are counted against what was before",
});

function readLine(call: Call): ZoneLine {
  const { name, size } = readZone(call, call.arg(1));
  const bound = call.scope.own(limitConnZone)?.find((zone) => zone.name === name);
  if (bound !== undefined) {
    throw call.error(`${call.name} "${name}" is already bound to key "${bound.key.text}"`);
  }
  return { name, key: call.template(call.arg(0)), size };
}

/** One `limit_conn` line. */
interface LimitLine {
  readonly zone: Octets;
  readonly most: number;
  readonly place: Place;
}

export const limitConn: Directive<readonly LimitLine[]> = directive<readonly LimitLine[]>({
  name: "limit_conn",
  contexts: MAIL_AND_SERVER,
  since: "stream 1.9.3",
  kind: listOf("zone number", (call) => [readLimit(call)], TWO),
  default: [],
  meaning:
    "How many connections may share a key of that zone; several may be given, and all hold. A key that is known when a client " +
    "connects is judged then: one too many hears `* BYE [LIMIT]`, `-ERR [SYS/TEMP]` or `421 4.7.0`, or is closed without a " +
    "word where TLS comes first. One with `$auth_…`, `$ssl_…`, `$smtp_…` or `$client_host` is judged when the login was " +
    "right, so that nobody is kept out by others' wrong passwords: `NO [LIMIT]`, `-ERR [IN-USE]`, `454 4.7.0`",
});

function readLimit(call: Call): LimitLine {
  const [zone = "", number = ""] = call.args;
  if (call.scope.own(limitConn)?.some((line) => line.zone === zone)) {
    throw call.error(`"${call.name}" directive is duplicate`);
  }
  const most = parseNumber(number);
  if (most === undefined || most === 0) throw call.error(`invalid number of connections "${number}"`);
  if (most > 65535) throw call.error("connection limit must be less 65536");
  return { zone, most, place: call.place };
}

export const limitConnLogLevel = directive<LimitsConfig["level"]>({
  name: "limit_conn_log_level",
  contexts: MAIL_AND_SERVER,
  since: "stream 1.9.3",
  kind: oneOf<LimitsConfig["level"]>(["info", "notice", "warn", "error"]),
  default: "error",
  written: "error",
  meaning: "How important a refused connection is to the log",
});

export const limitConnDryRun = directive({
  name: "limit_conn_dry_run",
  contexts: MAIL_AND_SERVER,
  since: "stream 1.17.6",
  kind: flag,
  default: false,
  written: "off",
  meaning: "Whether to log only what would be refused, and to let it in uncounted",
});

/** The limits of a `server {}`. Throws {@linkcode ConfigError} for one whose zone is not there. */
export function limitsOf(scope: Scope): LimitsConfig {
  const zones = scope.parent?.own(limitConnZone) ?? [];
  const rules = scope.value(limitConn).map(({ zone, most, place }) => {
    const found = zones.find(({ name }) => name === zone);
    if (found !== undefined) return { zone: zoneOf(found, scope), most };
    const hint = didYouMean(zone, zones.map(({ name }) => name)) ?? 'no "limit_conn_zone" makes it';
    throw new ConfigError(`zero size shared memory zone "${zone}"`, { place, hint });
  });
  return { rules, level: scope.value(limitConnLogLevel), isDryRun: scope.value(limitConnDryRun) };
}

function zoneOf({ name, key, size }: ZoneLine, { variables }: Scope): LimitZoneConfig {
  const needsLogin = [...variables.sources(key)].some((variable) => LATE.test(variable));
  return { name, key, capacity: Math.floor(size / OCTETS_PER_KEY), needsLogin };
}

/** Variables that may not be known before the login is. */
const LATE = /^(?:auth_|ssl_|smtp_|starttls$|client_host$)/;

/** A key, its count, and what a table costs; 64 or 32 in nginx, whose keys are binary. */
const OCTETS_PER_KEY = 128;

export const limitConnModule: Module = {
  title: "Limits",
  about:
    "How many connections one client or one user may have, in the names of nginx's stream module. All worker processes count " +
    "together: what another one counts is known a moment later, so that for this moment a few more may come in. Sessions " +
    "that go on over a reload stay counted, unless the key of their zone has become another one.",
  directives: [limitConnZone, limitConn, limitConnLogLevel, limitConnDryRun],
};
