/**
 * Networks, as `set_real_ip_from`, `allow` and `deny` have them, and which of many an address is in.
 *
 * IPv4 addresses are looked at as the IPv6 addresses `::ffff:a.b.c.d`, so that a client is in the same networks
 * whether it reached an IPv4 socket or one that serves both. An IPv6 network that is merely wide enough to have those
 * as well, such as `::/0`, has no IPv4 client in it, as in nginx.
 *
 * @module
 */

import type { Octets, SocketAddress } from "../runtime.ts";
import { parseIpv4, parseIpv6 } from "./ip.ts";
import { parseNumber } from "./values.ts";

/** A set of addresses: every one, all unix sockets, or the IP addresses whose first `bits` of 128 are `prefix`. */
export type Network =
  | { readonly type: "all" }
  | { readonly type: "unix" }
  | { readonly type: "ip"; readonly prefix: bigint; readonly bits: number };

export interface ParsedNetwork {
  readonly network: Network;
  /** Whether bits beyond the network's own were set: the caller warns `low address bits of X are meaningless`. */
  readonly hasLowBits: boolean;
}

/**
 * The network that a text is: `IP`, `IP/bits`, `unix:` or `all`. `undefined` for anything else, such as a name. For
 * `set_real_ip_from` `all` is a name too: callers look at the type.
 */
export function parseNetwork(text: Octets): ParsedNetwork | undefined {
  if (text === "all" || text === "unix:") {
    return { network: { type: text === "all" ? "all" : "unix" }, hasLowBits: false };
  }
  const slash = text.indexOf("/");
  const host = slash === -1 ? text : text.slice(0, slash);
  const address = numberOf(host);
  if (address === undefined) return undefined;
  const free = host.includes(":") ? 0 : IPV4_AT;
  const given = slash === -1 ? BITS - free : parseNumber(text.slice(slash + 1));
  if (given === undefined || given > BITS - free) return undefined;
  const bits = free + given;
  const prefix = masked(address, bits);
  return { network: { type: "ip", prefix, bits }, hasLowBits: prefix !== address };
}

/** Many networks in their order. Looking one up takes as long as they have different lengths, not as there are many. */
export class NetworkList {
  /** The place of the first network that has every address, and of the first that has unix sockets. */
  readonly #all: number;
  readonly #unix: number;
  readonly #groups: readonly Group[];

  constructor(networks: readonly Network[]) {
    this.#all = placeOf(networks, "all");
    this.#unix = placeOf(networks, "unix");
    this.#groups = groupsOf(networks);
  }

  /** The place of the first network that the address is in, or -1. */
  find(address: SocketAddress): number {
    const place = Math.min(this.#all, address.family === "unix" ? this.#unix : this.#findIp(address.host));
    return place === Infinity ? -1 : place;
  }

  /** Whether the address is in any of the networks. */
  has(address: SocketAddress): boolean {
    return this.find(address) !== -1;
  }

  #findIp(host: string): number {
    // Most servers have no list, and each connection asks twice: a tenth of what a login costs in our own code.
    if (this.#groups.length === 0) return Infinity;
    // A link-local address may name its interface: fe80::1%eth0.
    const address = numberOf(host.replace(/%.*/, ""));
    if (address === undefined) return Infinity;
    const isIpv4 = address >> 32n === MAPPED;
    let first = Infinity;
    for (const { bits, places } of this.#groups) {
      if (isIpv4 && bits < IPV4_AT) continue;
      first = Math.min(first, places.get(masked(address, bits)) ?? Infinity);
    }
    return first;
  }
}

/** The networks of one length: the place of each by its prefix. */
interface Group {
  readonly bits: number;
  readonly places: Map<bigint, number>;
}

function groupsOf(networks: readonly Network[]): readonly Group[] {
  const groups = new Map<number, Group>();
  for (const [place, network] of networks.entries()) {
    if (network.type !== "ip") continue;
    const { prefix, bits } = network;
    const group = groups.get(bits) ?? { bits, places: new Map() };
    groups.set(bits, group);
    if (!group.places.has(prefix)) group.places.set(prefix, place);
  }
  return [...groups.values()];
}

function placeOf(networks: readonly Network[], type: "all" | "unix"): number {
  const place = networks.findIndex((network) => network.type === type);
  return place === -1 ? Infinity : place;
}

/** The 128 bits of an address. */
function numberOf(host: string): bigint | undefined {
  if (host.includes(":")) return parseIpv6(host)?.reduce((bits, word) => bits << 16n | BigInt(word), 0n);
  return parseIpv4(host)?.reduce((bits, octet) => bits << 8n | BigInt(octet), MAPPED);
}

function masked(address: bigint, bits: number): bigint {
  const free = BigInt(BITS - bits);
  return address >> free << free;
}

const BITS = 128;
/** How many bits stand before an IPv4 address in IPv6, and which. */
const IPV4_AT = 96;
const MAPPED = 0xffffn;
