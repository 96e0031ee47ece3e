/**
 * Version 2 of the PROXY protocol: a binary header (PROXY, 2.2).
 *
 * @module
 */

import type { Octets, SocketAddress } from "../../runtime.ts";
import { decode, encode } from "../../session/bytes.ts";
import { addressOf, demoted, pairOf } from "./_ends.ts";
import { crc32c } from "./crc32c.ts";
import { NO_TLVS } from "./header.ts";
import type { BrokenHeader, ClientFacts, Ends, HeaderResult, HeaderTlvs, ProxyHeader } from "./header.ts";
import { readTlvs, splitTlvs, tlv, Type, word, writeTlvs } from "./tlv.ts";
import type { Tlv } from "./tlv.ts";

/**
 * Reads the header that the octets begin with; the caller has compared them with {@linkcode SIGNATURE}. As in nginx a
 * transport that is no stream, or a family that PROXY, 2.2 does not have, leaves the addresses out: a balancer newer
 * than we are is no reason to lose its clients. An unknown command is refused, as PROXY, 2.2 demands.
 */
export function readV2(bytes: Uint8Array): HeaderResult {
  const fault = faultOf(bytes);
  if (fault !== undefined) return broken(fault);
  const length = FIXED + wordAt(bytes, LENGTH_AT);
  return bytes.length < FIXED || bytes.length < length ? "more" : readWhole(bytes.subarray(0, length));
}

/**
 * The header for an upstream: LOCAL for a client on a unix socket; IPv4 where both ends are, mapped into IPv6 or not,
 * IPv6 otherwise. The checksum comes last.
 */
export function writeV2(ends: Ends, facts: ClientFacts = NO_TLVS): Uint8Array {
  const start = writeStart(ends);
  const values = writeTlvs(facts) + tlv(Type.checksum, "\0\0\0\0");
  const header = encode(
    SIGNATURE + start.kind + word(start.addresses.length + values.length) + start.addresses + values,
  );
  const sum = crc32c(header);
  header.set(encode(word(sum >>> 16) + word(sum & 0xffff)), header.length - CHECKSUM);
  return header;
}

/** Why the octets cannot become a header, as soon as they say so. */
function faultOf(bytes: Uint8Array): Octets | undefined {
  const { [KIND_AT]: kind, [FAMILY_AT]: family } = bytes;
  if (kind === undefined) return undefined;
  if (kind >> 4 !== VERSION) return `unknown PROXY protocol version: ${kind >> 4}`;
  if ((kind & 15) > PROXY) return `unknown PROXY protocol command: ${kind & 15}`;
  if (family === undefined) return undefined;
  // "The receiver must … discard the protocol block including the family which is ignored."
  const isProxied = (kind & 15) === PROXY;
  if (bytes.length < FIXED) return undefined;
  const length = wordAt(bytes, LENGTH_AT);
  if (FIXED + length > LONGEST_V2) return "header is too large";
  return isProxied && length < sizeOf(family) ? "PROXY protocol header is too short for its addresses" : undefined;
}

function readWhole(header: Uint8Array): BrokenHeader | ProxyHeader {
  const { [KIND_AT]: kind = 0, [FAMILY_AT]: family = 0, length } = header;
  const isProxied = (kind & 15) === PROXY;
  const tlvs = splitTlvs(header, FIXED + sizeOf(family));
  if (tlvs !== undefined && !isIntact(header, tlvs)) return broken("wrong checksum in PROXY protocol header");
  if (!isProxied) return { type: "header", source: undefined, destination: undefined, length, tlvs: NO_TLVS };
  // Without a family nobody says where addresses end and values begin: what cannot be read there is skipped.
  const isVague = family >> 4 === UNSPEC || family >> 4 > UNIX;
  const read: HeaderTlvs | undefined = tlvs === undefined ? undefined : readTlvs(tlvs);
  if (read === undefined && !isVague) return broken("broken TLV in PROXY protocol header");
  return { type: "header", ...readAddresses(header, family), length, tlvs: read ?? NO_TLVS };
}

interface Addresses {
  readonly source: SocketAddress | undefined;
  readonly destination: SocketAddress | undefined;
}

function readAddresses(header: Uint8Array, family: number): Addresses {
  const hasAddresses = family >> 4 !== UNSPEC && family >> 4 <= UNIX;
  if ((family & 15) !== STREAM || !hasAddresses) return { source: undefined, destination: undefined };
  const isUnix = family >> 4 === UNIX;
  const size = isUnix ? UNIX_PATH : (sizeOf(family) - 2 * PORT) / 2;
  const source = header.subarray(FIXED, FIXED + size);
  const destination = header.subarray(FIXED + size, FIXED + 2 * size);
  if (isUnix) return { source: unixOf(source), destination: unixOf(destination) };
  const ports = FIXED + 2 * size;
  return {
    source: addressOf(source, wordAt(header, ports)),
    destination: addressOf(destination, wordAt(header, ports + PORT)),
  };
}

/** A path ends at its first NUL; an abstract name begins with one, and we keep none. */
function unixOf(octets: Uint8Array): SocketAddress {
  const end = octets.indexOf(0);
  return { family: "unix", path: decode(octets, 0, end === -1 ? octets.length : end) };
}

/** PROXY, 2.2.3: with four zeros in its own place. Two checksums cannot both be right. */
function isIntact(header: Uint8Array, tlvs: readonly Tlv[]): boolean {
  const [checksum, another] = tlvs.filter(({ type }) => type === Type.checksum);
  if (checksum === undefined) return true;
  const { at, value } = checksum;
  if (another !== undefined || value.length !== CHECKSUM) return false;
  const before = crc32c(header.subarray(0, at));
  const sum = crc32c(header.subarray(at + CHECKSUM), crc32c(new Uint8Array(CHECKSUM), before));
  return sum === wordAt(value, 0) * 65536 + wordAt(value, 2);
}

interface Start {
  /** Version and command, family and transport. */
  readonly kind: Octets;
  readonly addresses: Octets;
}

function writeStart(ends: Ends): Start {
  const pair = pairOf(ends);
  if (pair === undefined) return { kind: "\x20\x00", addresses: "" };
  const { client, local } = demoted(pair);
  const addresses = String.fromCharCode(...client.octets, ...local.octets) + word(client.port) + word(local.port);
  return { kind: client.octets.length === 4 ? "\x21\x11" : "\x21\x21", addresses };
}

function broken(reason: Octets): BrokenHeader {
  return { type: "broken", reason };
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
}

function sizeOf(family: number): number {
  return SIZES[family >> 4] ?? 0;
}

/** What every header of version 2 begins with. */
export const SIGNATURE: Octets = "\r\n\r\n\0\r\nQUIT\n";
/** Octets: the longest header of version 2 that is read, as much as nginx looks at. */
export const LONGEST_V2 = 4096;

const KIND_AT = 12;
const FAMILY_AT = 13;
const LENGTH_AT = 14;
const FIXED = 16;
const VERSION = 2;
const PROXY = 1;
const UNSPEC = 0;
const UNIX = 3;
const STREAM = 1;
const PORT = 2;
const UNIX_PATH = 108;
const CHECKSUM = 4;
/** Octets of both addresses with their ports, by family: none, IPv4, IPv6, unix. */
const SIZES: readonly number[] = [0, 12, 36, 216];
