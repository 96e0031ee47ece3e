/** The value of `ssl_session_cache`. */

import type { Octets } from "../../runtime.ts";
import type { Call } from "../call.ts";
import type { Kind } from "../directive.ts";
import type { SessionCacheConfig } from "../ssl_types.ts";
import { parseNumber, parseSize } from "../values.ts";

/** Where sessions are kept; a second use in a block changes what it names, and the rest stays. */
export const sessionCache: Kind<SessionCacheConfig> = {
  syntax: "off | none | [builtin[:number]] [shared:name:size]",
  count: { least: 1, most: 2 },
  repeated: "adds",
  read(call, earlier) {
    return call.args.reduce((cache, word) => ({ ...cache, ...readWord(call, word) }), earlier ?? NO_CACHE);
  },
};

/** nginx's default. */
export const NO_CACHE: SessionCacheConfig = { builtin: "none", shared: undefined };

function readWord(call: Call, word: Octets): Partial<SessionCacheConfig> {
  const [kind, ...rest] = word.split(":");
  const shared = kind === "shared" ? readShared(call, word, rest) : undefined;
  if (shared !== undefined) return { shared };
  const [count] = rest;
  const sessions = kind === "builtin" && count !== undefined ? parseNumber(rest.join(":")) : undefined;
  if (sessions !== undefined) return { builtin: { sessions } };
  if (word === "builtin") return { builtin: "on" };
  if (word === "off" || word === "none") return { builtin: word };
  throw call.error(`invalid session cache "${word}"`);
}

function readShared(call: Call, word: Octets, rest: readonly Octets[]): SessionCacheConfig["shared"] {
  const [name = "", ...sizes] = rest;
  const size = name === "" ? undefined : parseSize(sizes.join(":"));
  if (size === undefined) return undefined;
  if (size < LEAST_SIZE) throw call.error(`session cache "${word}" is too small`);
  const known = call.scope.root.zones;
  const declared = known.get(name);
  if (declared !== undefined && declared !== size) {
    throw call.error(
      `the size ${size} of shared memory zone "${name}" conflicts with already declared size ${declared}`,
    );
  }
  known.set(name, size);
  return { name, size };
}

/** Eight pages of memory. */
const LEAST_SIZE = 8 * 4096;
