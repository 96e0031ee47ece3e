/**
 * As much of DER (X.690) as certificates and revocation lists need. Nothing here recurses or throws, and lengths are
 * held against what is there: certificates come from strangers.
 */

import type { Octets } from "../src/runtime.ts";

/** One value with its tag. */
export interface DerValue {
  /** The first octet: class, form and number. */
  readonly tag: number;
  readonly content: Uint8Array;
  /** Tag and length included. */
  readonly whole: Uint8Array;
}

/** The value at the front of `bytes`; what follows it is of no interest. */
export function readDer(bytes: Uint8Array): DerValue | undefined {
  const [tag = 0, first = 0] = bytes;
  if (bytes.length < 2 || (tag & 0x1f) === 0x1f) return undefined;
  // The form of indefinite length is BER's; more than 4 octets of length would be more than 4 GB.
  const octets = first < 0x80 ? 0 : first - 0x80;
  if (first === 0x80 || octets > 4) return undefined;
  let length = octets === 0 ? first : 0;
  for (let i = 0; i < octets; i++) length = length * 256 + (bytes[2 + i] ?? 0);
  const start = 2 + octets;
  if (start + length > bytes.length) return undefined;
  return { tag, content: bytes.subarray(start, start + length), whole: bytes.subarray(0, start + length) };
}

/** All values inside one, or none when one of them is broken. */
export function childrenOf(value: DerValue | undefined): DerValue[] {
  const children: DerValue[] = [];
  let rest = value?.content ?? NOTHING;
  while (rest.length > 0) {
    const child = readDer(rest);
    if (child === undefined) return [];
    children.push(child);
    rest = rest.subarray(child.whole.length);
  }
  return children;
}

/** An object identifier with dots. */
export function objectIdentifier(value: DerValue | undefined): string {
  if (value?.tag !== TAG.objectIdentifier) return "";
  const arcs: number[] = [];
  let arc = 0;
  for (const octet of value.content) {
    arc = arc * 128 + (octet & 0x7f);
    if (octet >= 0x80) continue;
    if (arcs.length > 0) arcs.push(arc);
    else arcs.push(Math.min(Math.floor(arc / 40), 2), arc - 40 * Math.min(Math.floor(arc / 40), 2));
    arc = 0;
  }
  return arcs.join(".");
}

/** A UTCTime or GeneralizedTime in milliseconds (RFC 5280, 4.1.2.5); NaN for anything else. */
export function timeOf(value: DerValue | undefined): number {
  const text = value === undefined ? "" : textOf(value.content);
  const parts = /^(\d\d)?(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (parts === null) return Number.NaN;
  const [, century, year = "", ...rest] = parts;
  // Two digits mean 1950 to 2049.
  const full = century === undefined ? (Number(year) < 50 ? 2000 : 1900) + Number(year) : Number(century + year);
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = rest.map(Number);
  return Date.UTC(full, month - 1, day, hour, minute, second);
}

/** An integer as OpenSSL prints serial numbers: upper-case hex, two digits for each octet. */
export function integerHex(value: DerValue | undefined): Octets {
  const content = value?.content ?? NOTHING;
  const isNegative = (content[0] ?? 0) >= 0x80;
  const magnitude = isNegative ? negated(content) : content;
  const start = magnitude.findIndex((octet) => octet !== 0);
  const digits = start < 0 ? "00" : hexOf(magnitude.subarray(start)).toUpperCase();
  return isNegative ? `-${digits}` : digits;
}

/** Lower-case hex. */
export function hexOf(bytes: Uint8Array): Octets {
  let text = "";
  for (const octet of bytes) text += octet.toString(16).padStart(2, "0");
  return text;
}

/** Each octet as a character. */
export function textOf(bytes: Uint8Array): Octets {
  let text = "";
  for (const octet of bytes) text += String.fromCharCode(octet);
  return text;
}

/** Two's complement, the other way round. */
function negated(content: Uint8Array): Uint8Array {
  const magnitude = content.map((octet) => octet ^ 0xff);
  for (let i = magnitude.length - 1; i >= 0; i--) {
    magnitude[i] = ((magnitude[i] ?? 0) + 1) & 0xff;
    if (magnitude[i] !== 0) break;
  }
  return magnitude;
}

/** Tags that are looked for by name. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  sequence: 0x30,
  context0: 0xa0,
  context3: 0xa3,
} as const;

const NOTHING = new Uint8Array(0);
