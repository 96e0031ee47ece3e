/**
 * Which groups are checked, and by whose settings.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { hasPort } from "./default_port.ts";
import { ConfigError } from "./error.ts";
import { groupPort, passesTo } from "./pass.ts";
import type { HealthCheckConfig, UpstreamConfig } from "./upstream_types.ts";
import type { Millis } from "../runtime.ts";
import type { Config, Protocol, ServerConfig } from "./types.ts";

/** The checks of one group. */
export interface GroupCheck {
  readonly upstream: UpstreamConfig;
  /** Whose protocol, TLS and addresses the checks have. */
  readonly server: ServerConfig;
  readonly check: HealthCheckConfig;
  readonly timeout: Millis;
}

/** All checks that there are to be. Throws {@linkcode ConfigError} where it is not clear what one is to speak. */
export function groupChecks({ servers, upstreams }: Pick<Config, "servers" | "upstreams">): readonly GroupCheck[] {
  const checks: GroupCheck[] = [];
  for (const upstream of upstreams) {
    const { healthCheck: check, healthCheckTimeout: timeout } = upstream;
    if (check === undefined) continue;
    checks.push(...speakers(upstream, check, servers).map((server) => ({ upstream, server, check, timeout })));
  }
  for (const server of servers) {
    const { healthCheck: check, healthCheckTimeout: timeout } = server;
    if (check === undefined) continue;
    const upstream = upstreams.find((each) => passesTo(each, server));
    if (upstream === undefined) throw new ConfigError(NO_GROUP, { place: check.place, hint: NO_GROUP_HINT });
    const port = portOf(upstream, server);
    const known = checks.find((each) => each.upstream === upstream && portOf(upstream, each.server) === port);
    if (known !== undefined) checkSame(known, server, check);
    else checks.push({ upstream, server, check, timeout });
  }
  return checks;
}

/** The server blocks whose settings the checks of a group have: one, unless its servers have other ports for others. */
function speakers(
  upstream: UpstreamConfig,
  { protocol, place, port }: HealthCheckConfig,
  servers: readonly ServerConfig[],
): readonly ServerConfig[] {
  const { name } = upstream;
  const users = servers.filter((server) => passesTo(upstream, server));
  // A group that only answers and variables name may be anybody's.
  const all = users.length > 0 ? users : servers;
  const fitting = all.filter((server) => protocol === undefined || server.protocol === protocol);
  if (fitting.length === 0 && protocol !== undefined) {
    throw new ConfigError(`no server that uses upstream "${name}" speaks "${protocol}"`, { place });
  }
  const protocols = [...new Set(fitting.map((server) => server.protocol))];
  const ports = fitting.map((server) => portOf(upstream, server));
  const isClear = protocols.length <= 1 || (port === undefined && !ports.includes(undefined));
  if (isClear) return fitting.filter((_, i) => ports.indexOf(ports[i]) === i);
  throw new ConfigError(`"health_check" of upstream "${name}" needs a protocol`, { place, hint: whichOf(protocols) });
}

/** The port that servers without one have for a server block; `undefined` where all have one. */
function portOf(upstream: UpstreamConfig, server: ServerConfig): number | undefined {
  return upstream.servers.every(hasPort) ? undefined : groupPort(upstream, server);
}

function whichOf(protocols: readonly Protocol[]): Octets {
  const ways = protocols.map((protocol) => `"protocol=${protocol}"`);
  return `servers speak ${protocols.join(" and ")}: say ${ways.join(" or ")}`;
}

/** The servers of a group are checked once, however many servers ask for it. */
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

const NO_GROUP = '"health_check" needs a "proxy_pass" that names an upstream';
const NO_GROUP_HINT = 'where a variable or an auth server names it, "health_check" belongs into the "upstream {}"';
