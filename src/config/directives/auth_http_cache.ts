/** `auth_http_cache`: which answers of auth servers are good for another login. */

import type { Octets } from "../../runtime.ts";
import type { Template } from "../../variables/mod.ts";
import type { Call } from "../call.ts";
import { directive, MAIL_AND_SERVER } from "../directive.ts";
import type { Module } from "../directive.ts";
import { once, someOf } from "../kinds.ts";
import type { Scope } from "../scope.ts";
import type { AuthCacheConfig } from "../types.ts";
import { parseMillis } from "../values.ts";
import { readZone } from "./_zone.ts";

interface Zone {
  readonly name: Octets;
  readonly size: number;
}

export const authHttpCache = directive<Zone | "off", undefined>({
  name: "auth_http_cache",
  contexts: MAIL_AND_SERVER,
  kind: once("off | zone=name:size", readCache),
  default: undefined,
  written: "off",
  meaning:
    "Where to keep answers that let somebody in, so that the same login is not asked about again a moment later. Refusals are " +
    "never kept, nor is an answer with `Cache-Control: no-store`. An upstream that refuses a kept login has it asked about at once. 1024 answers fit into each `m` of the size, " +
    "the one used longest ago makes room; each worker process has its own, and a reload empties it. Logins that ask the same " +
    "at the same time cost one question, unless that is answered by a refusal",
});

function readCache(call: Call): Zone | "off" {
  const word = call.arg(0);
  if (word === "off") return "off";
  const zone = readZone(call, word);
  const known = call.scope.root.zones;
  const name = `auth_http_cache ${zone.name}`;
  const declared = known.get(name);
  if (declared !== undefined && declared !== zone.size) {
    const conflict = `conflicts with already declared size ${declared}`;
    throw call.error(`the size ${zone.size} of shared memory zone "${zone.name}" ${conflict}`);
  }
  known.set(name, zone.size);
  return zone;
}

export const authHttpCacheValid = directive({
  name: "auth_http_cache_valid",
  contexts: MAIL_AND_SERVER,
  kind: once("time", readValid),
  default: 10_000,
  written: "10s",
  meaning: "How long an answer is kept: so long an account that is locked, or a password that is changed, works on",
});

function readValid(call: Call): number {
  const value = parseMillis(call.arg(0));
  if (value === undefined || value === 0) throw call.error(`"${call.name}" directive invalid value`);
  if (value > LONGEST) throw call.error(`"${call.name}" directive invalid value`, "an hour at most");
  return value;
}

export const authHttpCacheKey = directive<Template, undefined>({
  name: "auth_http_cache_key",
  contexts: MAIL_AND_SERVER,
  kind: once("string", (call) => call.template(call.arg(0))),
  default: undefined,
  written: undefined,
  meaning:
    "What has to be the same for a kept answer to serve, beside server, protocol, method, login and password, which always have " +
    "to. Left out, it is all that the auth server is told (the client's address, TLS and `auth_http_header` included) but for " +
    "the number of the attempt and the port in a PROXY header",
});

export const authHttpCacheMethods = directive<AuthCacheConfig["methods"]>({
  name: "auth_http_cache_methods",
  contexts: MAIL_AND_SERVER,
  kind: someOf<AuthCacheConfig["methods"][number]>(["plain", "external", "xoauth2", "oauthbearer"]),
  default: ["plain"],
  written: "plain",
  meaning:
    "Whose answers are kept: a token may be good for one login alone, so that it has to be named. Digests, which are never " +
    "the same, and mail without a login are not kept",
});

/** The cache of a `server {}`, if it has one. */
export function authCacheOf(scope: Scope): AuthCacheConfig | undefined {
  const zone = scope.value(authHttpCache);
  if (zone === undefined || zone === "off") return undefined;
  return {
    zone: zone.name,
    capacity: Math.floor(zone.size / OCTETS_PER_ANSWER),
    valid: scope.value(authHttpCacheValid),
    key: scope.value(authHttpCacheKey),
    methods: scope.value(authHttpCacheMethods),
  };
}

const LONGEST = 60 * 60_000;

/** An answer, its key, and what a table costs. */
const OCTETS_PER_ANSWER = 1024;

export const authHttpCacheModule: Module = {
  title: "Cached answers of auth servers",
  about:
    "Off unless it is asked for: nginx asks about each login. No password is a key; what was asked is known again by a digest " +
    "under a key that the process has made for itself.",
  directives: [authHttpCache, authHttpCacheValid, authHttpCacheKey, authHttpCacheMethods],
};
