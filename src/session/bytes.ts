/**
 * Octets as bytes and as strings. A string here is an octet string: one character for each octet, so that nothing a
 * peer sent is changed by being looked at.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";

/** No octets. */
export const EMPTY: Uint8Array = new Uint8Array(0);

export const CR = 0x0d;
export const LF = 0x0a;
export const SPACE = 0x20;

/** The octets of a string, each character as one; higher bits of a character are lost. */
export function encode(octets: Octets): Uint8Array {
  const bytes = new Uint8Array(octets.length);
  for (let i = 0; i < octets.length; i++) bytes[i] = octets.charCodeAt(i);
  return bytes;
}

/** The string of the octets from `start` up to, but not with, `end`. */
export function decode(bytes: Uint8Array, start = 0, end = bytes.length): Octets {
  if (end - start <= CHUNK) return fromCharCodes(bytes.subarray(start, end));
  let octets = "";
  for (let at = start; at < end; at += CHUNK) octets += fromCharCodes(bytes.subarray(at, Math.min(end, at + CHUNK)));
  return octets;
}

/** All parts, one after the other, in memory of its own. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function fromCharCodes(bytes: Uint8Array): Octets {
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

/** How many arguments one call safely takes on every engine. */
const CHUNK = 4096;
