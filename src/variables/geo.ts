/**
 * The tables of `geo`: from an address to a value, by networks or by ranges.
 *
 * @module
 */

import { parseNetwork } from "../config/cidr.ts";
import { parseIpv4, parseIpv6 } from "../config/ip.ts";
import type { Octets } from "../runtime.ts";

/** What a table knows addresses as: 32 bits, 128 bits; whatever is no address counts as `255.255.255.255`. */
export type GeoAddress = number | bigint;

/** A table of either kind. */
export interface GeoTable<V> {
  find(address: GeoAddress): V | undefined;
}

/** Reads an address as text, without a port; a zone (`%eth0`) does not count. */
export function parseGeoAddress(text: Octets): GeoAddress {
  if (!text.includes(":")) return parseIpv4Number(text) ?? NOWHERE;
  const words = parseIpv6(text.replace(/%.*/, ""));
  if (words === undefined) return NOWHERE;
  const bits = words.reduce((value, word) => value << 16n | BigInt(word), 0n);
  return bits >> 32n === MAPPED ? Number(bits & 0xffff_ffffn) : bits;
}

/** The 32 bits of a dotted address. */
export function parseIpv4Number(text: Octets): number | undefined {
  return parseIpv4(text)?.reduce((value, octet) => value * 256 + octet, 0);
}

/** A network that may be put into {@linkcode GeoNetworks}. */
export interface GeoNetwork {
  readonly prefix: GeoAddress;
  /** Of 32 or of 128. */
  readonly bits: number;
  /** Whether bits beyond the network's own were set. */
  readonly hasLowBits: boolean;
}

/** Reads `IP` or `IP/bits`. */
export function parseGeoNetwork(text: Octets): GeoNetwork | undefined {
  const parsed = parseNetwork(text);
  if (parsed === undefined || parsed.network.type !== "ip") return undefined;
  const { network: { prefix, bits }, hasLowBits } = parsed;
  if (text.includes(":")) return { prefix, bits, hasLowBits };
  return { prefix: Number(prefix & 0xffff_ffffn), bits: bits - 96, hasLowBits };
}

/** Values by networks: of those that have an address, the smallest one counts. */
export class GeoNetworks<V> implements GeoTable<V> {
  /** The networks of each size, by their prefix; the smallest networks first. */
  readonly #ipv4: Group<number, V>[] = [];
  readonly #ipv6: Group<bigint, V>[] = [];

  /** Sets the value of a network, and gives back the one that it had. */
  set({ prefix, bits }: Pick<GeoNetwork, "prefix" | "bits">, value: V): V | undefined {
    return typeof prefix === "number" ? put(this.#ipv4, bits, prefix, value) : put(this.#ipv6, bits, prefix, value);
  }

  /** Takes a network out; whether it was there. */
  delete({ prefix, bits }: Pick<GeoNetwork, "prefix" | "bits">): boolean {
    const group = typeof prefix === "number" ? this.#ipv4.find(hasBits(bits)) : this.#ipv6.find(hasBits(bits));
    return (group?.values as Map<GeoAddress, V> | undefined)?.delete(prefix) ?? false;
  }

  find(address: GeoAddress): V | undefined {
    return typeof address === "number" ? this.#findIpv4(address) : this.#findIpv6(address);
  }

  #findIpv4(address: number): V | undefined {
    for (const { bits, values } of this.#ipv4) {
      const value = values.get(bits === 0 ? 0 : address >>> (32 - bits) << (32 - bits) >>> 0);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  #findIpv6(address: bigint): V | undefined {
    for (const { bits, values } of this.#ipv6) {
      const free = BigInt(128 - bits);
      const value = values.get(address >> free << free);
      if (value !== undefined) return value;
    }
    return undefined;
  }
}

interface Group<A, V> {
  readonly bits: number;
  readonly values: Map<A, V>;
}

function hasBits(bits: number): (group: { readonly bits: number }) => boolean {
  return (group) => group.bits === bits;
}

function put<A, V>(groups: Group<A, V>[], bits: number, prefix: A, value: V): V | undefined {
  let group = groups.find(hasBits(bits));
  if (group === undefined) {
    group = { bits, values: new Map() };
    groups.push(group);
    groups.sort((a, b) => b.bits - a.bits);
  }
  const before = group.values.get(prefix);
  group.values.set(prefix, value);
  return before;
}

/** The addresses from `start` to `end`, both included, and their value. */
export interface GeoRange<V> {
  start: number;
  end: number;
  value: V;
}

/**
 * Values by ranges of IPv4 addresses; every other address is outside. They are kept by the first half of the address, as
 * nginx keeps them, so that what overlaps is named as nginx names it.
 */
export class GeoRanges<V> implements GeoTable<V> {
  default: V | undefined;
  readonly #halves = new Map<number, GeoRange<V>[]>();

  /**
   * Adds a range. One that lies within another is taken out of that; `replaced` hears the value that the same range had
   * before. Gives back what it overlaps, if that is so.
   */
  add(start: number, end: number, value: V, replaced: (old: V) => void): GeoRange<V> | undefined {
    for (const piece of pieces(start, end)) {
      const half = Math.floor(piece.start / HALF);
      const ranges = this.#halves.get(half) ?? [];
      this.#halves.set(half, ranges);
      const overlap = insert(ranges, { ...piece, value }, replaced);
      if (overlap !== undefined) return overlap;
    }
    return undefined;
  }

  /** Takes a range out; whether all of it was there as it is named. */
  delete(start: number, end: number): boolean {
    let isFound = true;
    for (const piece of pieces(start, end)) {
      const ranges = this.#halves.get(Math.floor(piece.start / HALF)) ?? [];
      const index = ranges.findIndex((range) => range.start === piece.start && range.end === piece.end);
      if (index === -1) isFound = false;
      else ranges.splice(index, 1);
    }
    return isFound;
  }

  find(address: GeoAddress): V | undefined {
    const number = typeof address === "number" ? address : NOWHERE;
    const ranges = this.#halves.get(Math.floor(number / HALF)) ?? [];
    const range = ranges[lastBefore(ranges, number)];
    return range !== undefined && number <= range.end ? range.value : this.default;
  }
}

/** A range cut where the first half of the address changes. */
function* pieces(start: number, end: number): Iterable<{ readonly start: number; readonly end: number }> {
  for (let at = start; at <= end;) {
    const last = Math.min(end, Math.floor(at / HALF) * HALF + HALF - 1);
    yield { start: at, end: last };
    at = last + 1;
  }
}

/** Puts a range among others, which are in order; gives back the one that it overlaps without being in it. */
function insert<V>(ranges: GeoRange<V>[], added: GeoRange<V>, replaced: (old: V) => void): GeoRange<V> | undefined {
  const index = lastBefore(ranges, added.end);
  const near = ranges[index];
  if (near === undefined || near.end < added.start) {
    ranges.splice(index + 1, 0, added);
    return undefined;
  }
  if (added.start < near.start || added.end > near.end) return near;
  if (added.start === near.start && added.end === near.end) {
    replaced(near.value);
    near.value = added.value;
    return undefined;
  }
  const before = { ...near, end: added.start - 1 };
  const after = { ...near, start: added.end + 1 };
  ranges.splice(index, 1, ...[before, added, after].filter(({ start, end }) => start <= end));
  return undefined;
}

/** The index of the last range that begins at or before an address, or -1. */
function lastBefore(ranges: readonly { readonly start: number }[], address: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle]?.start ?? 0) <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

const HALF = 0x1_0000;
const NOWHERE = 0xffff_ffff;
/** What stands before an IPv4 address in IPv6. */
const MAPPED = 0xffffn;
