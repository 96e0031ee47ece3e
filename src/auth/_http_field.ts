/**
 * The header fields of a response that mean something to us.
 *
 * @module
 */

import { encode } from "../session/bytes.ts";

const KNOWN = [
  "auth-status",
  "auth-server",
  "auth-port",
  "auth-server-ssl",
  "auth-user",
  "auth-pass",
  "auth-wait",
  "auth-error-code",
  "auth-error-sasl",
  "cache-control",
  "connection",
  "content-length",
  "transfer-encoding",
] as const;

/** A known field, in lower case. */
export type FieldName = typeof KNOWN[number];

/** The known name that the octets spell, in any case. Nothing is allocated for the others. */
export function fieldName(bytes: Uint8Array, start: number, end: number): FieldName | undefined {
  for (const { name, octets } of SPELLED) {
    if (octets.length === end - start && spells(bytes, start, octets)) return name;
  }
  return undefined;
}

/** Whether the octets are a field name as nginx takes it: letters, digits and `-`, at least one. */
export function isFieldName(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (IN_NAME[bytes[i] ?? 0] === 0) return false;
  return end > start;
}

function spells(bytes: Uint8Array, start: number, octets: Uint8Array): boolean {
  for (let i = 0; i < octets.length; i++) if (((bytes[start + i] ?? 0) | 0x20) !== octets[i]) return false;
  return true;
}

const SPELLED = KNOWN.map((name) => ({ name, octets: encode(name) }));
const IN_NAME = Uint8Array.from({ length: 256 }, (_, octet) => {
  const letter = octet | 0x20;
  const isLetter = letter >= 0x61 && letter <= 0x7a;
  return isLetter || (octet >= 0x30 && octet <= 0x39) || octet === 0x2d ? 1 : 0;
});
