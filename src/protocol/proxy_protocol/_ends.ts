/** Addresses as octets, and as the text a header has for them. */

import { parseIp, parseIpv4, parseIpv6 } from "../../config/ip.ts";
import type { SocketAddress } from "../../runtime.ts";
import type { Ends } from "./header.ts";

/** One end of a connection; the address has 4 or 16 octets. */
export interface End {
  readonly octets: readonly number[];
  readonly port: number;
}

/** Both ends, in one family: a header has room for one only. */
export interface Pair {
  readonly client: End;
  readonly local: End;
}

/**
 * Both ends of a connection. Where one is IPv4 and the other IPv6 (a client known from a PROXY header, say), IPv4 is
 * mapped into IPv6. A local end without an address is called the loopback, port 0, as in nginx's version 2.
 * `undefined` for a client without an address.
 */
export function pairOf({ client: clientAddress, local: localAddress }: Ends): Pair | undefined {
  const client = endOf(clientAddress);
  if (client === undefined) return undefined;
  const local = endOf(localAddress) ?? { octets: client.octets.length === 4 ? LOOPBACK : LOOPBACK_6, port: 0 };
  if (client.octets.length === local.octets.length) return { client, local };
  return { client: mapped(client), local: mapped(local) };
}

/** The pair in IPv4 if both ends are IPv4 mapped into IPv6. */
export function demoted(pair: Pair): Pair {
  const { client, local } = pair;
  if (!isMapped(client) || !isMapped(local)) return pair;
  return { client: unmapped(client), local: unmapped(local) };
}

/** A socket's address from 4 or 16 octets. */
export function addressOf(octets: Iterable<number>, port: number): SocketAddress {
  const numbers = [...octets];
  return { family: numbers.length === 4 ? 4 : 6, host: hostOf(numbers), port };
}

/** The usual text for 4 or 16 octets (RFC 5952 for IPv6, mapped IPv4 addresses dotted as its section 5 advises). */
export function hostOf(octets: readonly number[]): string {
  if (octets.length === 4) return octets.join(".");
  const words: string[] = [];
  for (let i = 0; i < octets.length; i += 2) words.push(((octets[i] ?? 0) * 256 + (octets[i + 1] ?? 0)).toString(16));
  const text = words.join(":");
  return parseIp(text) ?? text;
}

function endOf(address: SocketAddress): End | undefined {
  if (address.family === "unix") return undefined;
  const { host, port } = address;
  if (address.family === 4) {
    const octets = parseIpv4(host);
    return octets === undefined ? undefined : { octets, port };
  }
  // A link-local address may name its interface, which is nothing to anybody else: fe80::1%eth0.
  const words = parseIpv6(host.replace(/%.*/, ""));
  return words === undefined ? undefined : { octets: words.flatMap((word) => [word >> 8, word & 255]), port };
}

function mapped(end: End): End {
  return end.octets.length === 4 ? { ...end, octets: [...MAPPED, ...end.octets] } : end;
}

function isMapped({ octets }: End): boolean {
  return octets.length === 16 && MAPPED.every((octet, i) => octet === octets[i]);
}

function unmapped(end: End): End {
  return { ...end, octets: end.octets.slice(MAPPED.length) };
}

const MAPPED: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255];
const LOOPBACK: readonly number[] = [127, 0, 0, 1];
const LOOPBACK_6: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
