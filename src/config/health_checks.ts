/**
 * Which groups are checked, and by whose settings.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { constantOf } from "../variables/mod.ts";
import { ConfigError } from "./error.ts";
import type { HealthCheckConfig, UpstreamConfig } from "./upstream_types.ts";
import type { Millis } from "../runtime.ts";
import type { Protocol, ServerConfig } from "./types.ts";

/** The checks of one group. */
export interface GroupCheck {
  readonly upstream: UpstreamConfig;
  /** Whose protocol, TLS and addresses the checks have. */
  readonly server: ServerConfig;
  readonly check: HealthCheckConfig;
  readonly timeout: Millis;
}

/** All checks that there are to be. Throws {@linkcode ConfigError} where it is not clear what one is to speak. */
export function groupChecks(
  servers: readonly ServerConfig[],
  upstreams: readonly UpstreamConfig[],
): readonly GroupCheck[] {
  const checks = new Map<UpstreamConfig, GroupCheck>();
  for (const upstream of upstreams) {
    const { healthCheck: check, healthCheckTimeout: timeout } = upstream;
    if (check !== undefined) {
      checks.set(upstream, { upstream, server: speaker(upstream, check, servers), check, timeout });
    }
  }
  for (const server of servers) {
    const { healthCheck: check, healthCheckTimeout: timeout } = server;
    if (check === undefined) continue;
    const upstream = upstreams.find((each) => isUsedBy(each, server));
    if (upstream === undefined) throw new ConfigError(NO_GROUP, { place: check.place, hint: NO_GROUP_HINT });
    const known = checks.get(upstream);
    if (known !== undefined) checkSame(known, server, check);
    else checks.set(upstream, { upstream, server, check, timeout });
  }
  return [...checks.values()];
}

/** The server block whose settings the checks of a group have. */
function speaker(
  { name, ...upstream }: UpstreamConfig,
  { protocol, place }: HealthCheckConfig,
  servers: readonly ServerConfig[],
): ServerConfig {
  const users = servers.filter((server) => isUsedBy({ name, ...upstream }, server));
  // A group that only answers and variables name may be anybody's.
  const all = users.length > 0 ? users : servers;
  const fitting = all.filter((server) => protocol === undefined || server.protocol === protocol);
  const protocols = [...new Set(fitting.map((server) => server.protocol))];
  const [first] = fitting;
  if (first !== undefined && protocols.length === 1) return first;
  if (protocol !== undefined) {
    throw new ConfigError(`no server that uses upstream "${name}" speaks "${protocol}"`, { place });
  }
  throw new ConfigError(`"health_check" of upstream "${name}" needs a protocol`, { place, hint: whichOf(protocols) });
}

function whichOf(protocols: readonly Protocol[]): Octets | undefined {
  const ways = protocols.map((protocol) => `"protocol=${protocol}"`);
  return ways.length === 0 ? undefined : `servers speak ${protocols.join(" and ")}: say ${ways.join(" or ")}`;
}

/** A group is checked once, however many servers ask for it. */
function checkSame(
  { upstream, server: { protocol } }: GroupCheck,
  server: ServerConfig,
  { place }: HealthCheckConfig,
): void {
  if (server.protocol === protocol) return;
  throw new ConfigError(`upstream "${upstream.name}" is checked over ${protocol} already`, {
    place,
    hint: 'a group is checked in one protocol: "health_check protocol=…" in the "upstream {}" says which',
  });
}

function isUsedBy({ name }: Pick<UpstreamConfig, "name">, { proxyPass }: ServerConfig): boolean {
  const text = proxyPass && constantOf(proxyPass.template);
  return text?.toLowerCase() === name.toLowerCase();
}

const NO_GROUP = '"health_check" needs a "proxy_pass" that names an upstream';
const NO_GROUP_HINT = 'where a variable or an auth server names it, "health_check" belongs into the "upstream {}"';
