/**
 * The type-length-values behind the addresses of a version 2 header (PROXY, 2.2): what nginx calls TLVs.
 *
 * @module
 */

import type { Octets } from "../../runtime.ts";
import { decode } from "../../session/bytes.ts";
import type { ClientFacts, HeaderTlvs, TlsFacts } from "./header.ts";

/** One value, as a part of the octets it was found in; `at` counts from their start. */
export interface Tlv {
  readonly type: number;
  readonly at: number;
  readonly value: Uint8Array;
}

/** All values from `start` on, or `undefined` if they do not end where the octets do. */
export function splitTlvs(bytes: Uint8Array, start: number): readonly Tlv[] | undefined {
  const tlvs: Tlv[] = [];
  let at = start;
  while (at < bytes.length) {
    const [type = 0, high = 0, low = 0] = bytes.subarray(at, at + HEAD);
    at += HEAD;
    const end = at + high * 256 + low;
    if (end > bytes.length) return undefined;
    tlvs.push({ type, at, value: bytes.subarray(at, end) });
    at = end;
  }
  return at === bytes.length ? tlvs : undefined;
}

/**
 * What the values say, or `undefined` when one is not what its type must be. Types that we do not know are skipped;
 * of a type that comes twice the first counts.
 */
export function readTlvs(tlvs: readonly Tlv[]): HeaderTlvs | undefined {
  const tls = tlvs.find(({ type }) => type === Type.tls);
  const facts = tls === undefined ? "none" : readTls(tls.value);
  const uniqueId = textOf(tlvs, Type.uniqueId);
  if (facts === undefined || (uniqueId?.length ?? 0) > LONGEST_UNIQUE_ID) return undefined;
  return {
    authority: textOf(tlvs, Type.authority),
    alpn: textOf(tlvs, Type.alpn),
    tls: facts === "none" ? undefined : facts,
    uniqueId,
  };
}

/** The values for what is known of a client, in nginx's order; the checksum is the caller's, as it covers them. */
export function writeTlvs({ authority, alpn, tls }: ClientFacts): Octets {
  return optional(Type.authority, authority) + optional(Type.alpn, alpn) +
    (tls === undefined ? "" : tlv(Type.tls, writeTls(tls)));
}

/** One value. */
export function tlv(type: number, value: Octets): Octets {
  return String.fromCharCode(type) + word(value.length) + value;
}

/** Two octets, the higher first. */
export function word(value: number): Octets {
  return String.fromCharCode(value >> 8, value & 255);
}

/** PROXY, 2.2.6: flags, the result of verifying, then values of their own. Senders tell so of a client without TLS too. */
function readTls(value: Uint8Array): TlsFacts | "none" | undefined {
  const tlvs = splitTlvs(value, TLS_HEAD);
  if (tlvs === undefined) return undefined;
  const [flags = 0, ...verify] = value.subarray(0, TLS_HEAD);
  if ((flags & Flag.tls) === 0) return "none";
  return {
    certificate: (flags & Flag.sent) !== 0 ? "sent" : (flags & Flag.session) !== 0 ? "resumed" : "none",
    verifyResult: verify.reduce((result, octet) => result * 256 + octet, 0),
    version: textOf(tlvs, Type.version),
    commonName: textOf(tlvs, Type.commonName),
    cipher: textOf(tlvs, Type.cipher),
    signatureAlgorithm: textOf(tlvs, Type.signatureAlgorithm),
    keyAlgorithm: textOf(tlvs, Type.keyAlgorithm),
  };
}

function writeTls(facts: TlsFacts): Octets {
  const verifyResult = facts.certificate === "none" ? UNVERIFIED : facts.verifyResult;
  return String.fromCharCode(FLAGS[facts.certificate]) + word(verifyResult >>> 16) + word(verifyResult & 0xffff) +
    optional(Type.version, facts.version) +
    optional(Type.commonName, facts.commonName) +
    optional(Type.cipher, facts.cipher) +
    optional(Type.signatureAlgorithm, facts.signatureAlgorithm) +
    optional(Type.keyAlgorithm, facts.keyAlgorithm);
}

function textOf(tlvs: readonly Tlv[], type: number): Octets | undefined {
  const found = tlvs.find((candidate) => candidate.type === type);
  return found === undefined ? undefined : decode(found.value);
}

/** A value that is known and may be told: a client's certificate can have a common name of any length. */
function optional(type: number, value: Octets | undefined): Octets {
  return value === undefined || value === "" || value.length > LONGEST_WRITTEN ? "" : tlv(type, value);
}

/** The registered types (PROXY, 2.2). */
export const Type = {
  alpn: 0x01,
  authority: 0x02,
  checksum: 0x03,
  uniqueId: 0x05,
  tls: 0x20,
  version: 0x21,
  commonName: 0x22,
  cipher: 0x23,
  signatureAlgorithm: 0x24,
  keyAlgorithm: 0x25,
} as const;

const Flag = { tls: 1, sent: 2, session: 4 } as const;
const FLAGS: Readonly<Record<TlsFacts["certificate"], number>> = {
  none: Flag.tls,
  sent: Flag.tls | Flag.sent | Flag.session,
  resumed: Flag.tls | Flag.session,
};
/** What nginx tells of a client without a certificate: anything but "verified". */
const UNVERIFIED = 1;
const HEAD = 3;
const TLS_HEAD = 5;
/** PROXY, 2.2.5. */
const LONGEST_UNIQUE_ID = 128;
/** What SNI and ALPN can have; with it the whole header stays far below the 4096 octets that nginx reads. */
const LONGEST_WRITTEN = 255;
