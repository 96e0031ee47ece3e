/** Addresses as sockets tell them. */

import type { Octets, SocketAddress } from "../src/runtime.ts";
import type { Addresses } from "./_socket.ts";

/** What a runtime's socket tells of its ends. */
export interface Ends {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}

/**
 * Both addresses, copied: a closed socket has forgotten its own. `undefined` when a TCP peer was gone before anybody
 * could ask. `path` is the unix socket's, if it is one.
 */
export function addressesOf(raw: Ends, path: Octets | undefined): Addresses | undefined {
  if (path !== undefined) return { remote: { family: "unix", path: "" }, local: { family: "unix", path } };
  const remote = tcpAddress(raw.remoteAddress, raw.remotePort);
  const local = tcpAddress(raw.localAddress, raw.localPort);
  return remote === undefined || local === undefined ? undefined : { remote, local };
}

export function tcpAddress(host: string | undefined, port: number | undefined): SocketAddress | undefined {
  if (host === undefined || port === undefined) return undefined;
  return { family: host.includes(":") ? 6 : 4, host, port };
}

/** The IPv4 address inside `::ffff:a.b.c.d`, which is what an IPv4 peer of an IPv6 socket is called. */
export function unmapped(host: string): string | undefined {
  const prefix = "::ffff:";
  return host.toLowerCase().startsWith(prefix) && host.includes(".") ? host.slice(prefix.length) : undefined;
}
