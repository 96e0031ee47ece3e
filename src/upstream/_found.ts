import type { Octets } from "../runtime.ts";

/** One server of a name that is looked up again and again. */
export interface FoundServer {
  /** Numeric, without brackets. */
  readonly address: string;
  /** `undefined` where the configuration leaves it to the protocol. */
  readonly port: number | undefined;
  /** The name that has the address: of an SRV record its target. TLS verifies it. */
  readonly name: Octets;
  /** What the SRV record says; `undefined` for a name without one. At least 1. */
  readonly weight: number | undefined;
  /** Whether an SRV record of a lower number is to be used first. */
  readonly isBackup: boolean;
}

/** A name whose addresses are wanted. */
export interface Target {
  readonly name: Octets;
  readonly port: number | undefined;
  readonly priority: number;
  readonly weight: number | undefined;
}

/**
 * All servers that targets and addresses come to, each once, in an order that does not depend on the name server's. As
 * in nginx those of the lowest priority number that there are serve, the others stand in for them.
 */
export function serversOf(
  targets: readonly Target[],
  addresses: ReadonlyMap<Octets, readonly string[]>,
): readonly FoundServer[] {
  const there = targets.filter(({ name }) => (addresses.get(name) ?? []).length > 0);
  const first = Math.min(...there.map(({ priority }) => priority));
  const servers = new Map<string, FoundServer>();
  for (const { name, port, priority, weight } of [...there].sort((a, b) => a.priority - b.priority)) {
    for (const address of addresses.get(name) ?? []) {
      const key = `${address} ${port}`;
      if (servers.has(key) || servers.size >= MOST_SERVERS) continue;
      // RFC 2782: a weight of 0 is "a very small chance" beside others, and no chance would be no server.
      const share = weight === undefined ? undefined : Math.max(1, weight);
      servers.set(key, { address, port, name, weight: share, isBackup: priority !== first });
    }
  }
  return [...servers.values()].sort(byAddress);
}

function byAddress(one: FoundServer, other: FoundServer): number {
  if (one.isBackup !== other.isBackup) return one.isBackup ? 1 : -1;
  if (one.address !== other.address) return one.address < other.address ? -1 : 1;
  return (one.port ?? 0) - (other.port ?? 0);
}

/** How many servers a name stands for at most; the rest is left alone. */
export const MOST_SERVERS = 256;
