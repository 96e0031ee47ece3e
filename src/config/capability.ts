/**
 * What a runtime cannot do of what a configuration asks for: what only tunes is warned about once, what changes whom a
 * client reaches is refused.
 *
 * @module
 */

import type { Capability, Octets, Runtime } from "../runtime.ts";
import { ConfigError, inPlace } from "./error.ts";
import { tlsError, tlsWarnings, withKnownVersions } from "./tls_capability.ts";
import type { Config, ConfigWarning, ListenConfig } from "./types.ts";

/** What the checks need of a runtime: its table, and its name for those who read the texts. */
export type CapableRuntime = Pick<Runtime, "name" | "capabilities">;

/**
 * The configuration as the runtime serves it: with a warning for each setting that has no effect, and without what would be
 * in the way. To weigh it once more changes nothing. Throws {@linkcode ConfigError} for what must not be left out.
 */
export function weighed(config: Config, runtime: CapableRuntime): Config {
  const refusal = capabilityError(config, runtime);
  if (refusal !== undefined) throw refusal;
  const told = new Set(config.warnings.map(({ text }) => text));
  const fresh = capabilityWarnings(config, runtime).filter(({ text }) => !told.has(text));
  return { ...withKnownVersions(config, runtime), warnings: [...config.warnings, ...fresh] };
}

/** A warning for each setting that has no effect here, in the place where it is first used. */
export function capabilityWarnings(config: Config, runtime: CapableRuntime): readonly ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  for (const { setting, capability, isUsed } of TUNING) {
    const reason = lack(capability, runtime);
    const listen = reason === undefined ? undefined : listens(config).find(isUsed);
    if (listen === undefined) continue;
    const text = `${setting} of the "listen" directive has no effect with ${runtime.name}: ${reason}`;
    warnings.push({ level: "warn", text: text + inPlace(listen.position) });
  }
  return [...warnings, ...tlsWarnings(config, runtime)];
}

/** The first setting that must not be left out; `undefined` when the runtime can serve the configuration. */
export function capabilityError(config: Config, runtime: CapableRuntime): ConfigError | undefined {
  return ipv6OnlyError(config, runtime) ?? unixSyslogError(config, runtime) ?? tlsError(config, runtime);
}

function ipv6OnlyError(config: Config, runtime: CapableRuntime): ConfigError | undefined {
  const reason = lack("listen.ipv6Only", runtime);
  const listen = reason === undefined ? undefined : listens(config).find(keepsIpv4Out);
  if (listen === undefined) return undefined;
  return new ConfigError(`"ipv6only=on" of the "listen" directive is not possible with ${runtime.name}: ${reason}`, {
    place: listen.position,
    hint: 'write "ipv6only=off" if IPv4 may come in there, too',
  });
}

/** Lines that nobody gets are no log. */
function unixSyslogError(config: Config, runtime: CapableRuntime): ConfigError | undefined {
  const ofServers = config.servers.flatMap(({ errorLogs, accessLogs }) => [...errorLogs, ...accessLogs]);
  for (const { target } of [...config.main.errorLogs, ...ofServers]) {
    if (target.type !== "syslog" || !("path" in target.server)) continue;
    const reason = lack("log.unixDatagram", runtime);
    if (reason === undefined) return undefined;
    return new ConfigError(`syslog server "${target.text}" is not possible with ${runtime.name}: ${reason}`, {
      place: target.place,
      hint: 'write "server=127.0.0.1" if the syslog server listens on UDP, too',
    });
  }
  return undefined;
}

function listens(config: Config): readonly ListenConfig[] {
  return config.servers.flatMap((server) => server.listens);
}

/** Why the runtime does not do it, if it does not. */
function lack(capability: Capability, { capabilities }: CapableRuntime): Octets | undefined {
  const state = capabilities[capability];
  return state.state === "no" ? state.reason : undefined;
}

/** Only a wildcard takes IPv4 clients in. */
function keepsIpv4Out({ address, ipv6Only }: ListenConfig): boolean {
  return "host" in address && address.host === "::" && ipv6Only;
}

interface Tuning {
  readonly setting: Octets;
  readonly capability: Capability;
  isUsed(listen: ListenConfig): boolean;
}

const TUNING: readonly Tuning[] = [
  { setting: '"backlog"', capability: "listen.backlog", isUsed: ({ backlog }) => backlog !== undefined },
  { setting: '"rcvbuf"', capability: "listen.bufferSizes", isUsed: ({ receiveBuffer }) => receiveBuffer !== undefined },
  { setting: '"sndbuf"', capability: "listen.bufferSizes", isUsed: ({ sendBuffer }) => sendBuffer !== undefined },
  { setting: '"multipath"', capability: "listen.multipath", isUsed: ({ multipath }) => multipath },
  {
    setting: 'the idle time in "so_keepalive"',
    capability: "listen.keepAliveIdle",
    isUsed: ({ keepAlive }) => typeof keepAlive === "object" && keepAlive.idle !== undefined,
  },
  {
    setting: 'the interval in "so_keepalive"',
    capability: "listen.keepAliveProbes",
    isUsed: ({ keepAlive }) => typeof keepAlive === "object" && keepAlive.interval !== undefined,
  },
  {
    setting: 'the count in "so_keepalive"',
    capability: "listen.keepAliveProbes",
    isUsed: ({ keepAlive }) => typeof keepAlive === "object" && keepAlive.count !== undefined,
  },
];
