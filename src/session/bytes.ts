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
  return filled(new Uint8Array(octets.length), octets);
}

/**
 * The same for what is written at once and then forgotten. An array of its own costs V8 a malloc, and a free when it is
 * collected (on Deno 0.6 µs; Node puts that off to the write of one of up to 64 octets): these are cut from slabs, which
 * live as long as anything that was cut from them.
 */
export function encodeBriefly(octets: Octets): Uint8Array {
  return filled(cut(octets.length), octets);
}

/** A copy for what is written at once and then forgotten, see {@linkcode encodeBriefly}. */
export function copyBriefly(bytes: Uint8Array): Uint8Array {
  const copy = cut(bytes.length);
  copy.set(bytes);
  return copy;
}

function filled(bytes: Uint8Array, octets: Octets): Uint8Array {
  for (let i = 0; i < octets.length; i++) bytes[i] = octets.charCodeAt(i);
  return bytes;
}

/** Memory from the slab, or of its own where it is too long for that. */
function cut(length: number): Uint8Array {
  if (length > LONGEST_CUT) return new Uint8Array(length);
  if (slabUsed + length > slab.length) {
    slab = new Uint8Array(SLAB);
    slabUsed = 0;
  }
  const start = slabUsed;
  slabUsed += length;
  return new Uint8Array(slab.buffer, start, length);
}

/** The string of the octets from `start` up to, but not with, `end`. */
export function decode(bytes: Uint8Array, start = 0, end = bytes.length): Octets {
  if (end - start <= LONGEST_SHORT) return shortText(bytes, start, end);
  if (end - start <= CHUNK) return fromCharCodes(bytes.subarray(start, end));
  let octets = "";
  for (let at = start; at < end; at += CHUNK) octets += fromCharCodes(bytes.subarray(at, Math.min(end, at + CHUNK)));
  return octets;
}

/**
 * Where the first LF at or after `from` is, or -1. Lines are short as a rule, and V8's own search costs as much as a look at
 * {@linkcode NEAR} octets.
 */
export function indexOfLf(bytes: Uint8Array, from: number): number {
  const near = Math.min(bytes.length, from + NEAR);
  for (let at = from; at < near; at++) if (bytes[at] === LF) return at;
  return near === bytes.length ? -1 : bytes.indexOf(LF, near);
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

/** A view costs more than a list of its own for what a command or a reply is made of. */
function shortText(bytes: Uint8Array, start: number, end: number): Octets {
  const codes = new Array<number>(end - start);
  for (let i = start; i < end; i++) codes[i - start] = bytes[i] ?? 0;
  return String.fromCharCode.apply(null, codes);
}

function fromCharCodes(bytes: Uint8Array): Octets {
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

const NEAR = 96;
const LONGEST_CUT = 1024;
const SLAB = 16 * 1024;
let slab = EMPTY;
let slabUsed = 0;

const LONGEST_SHORT = 64;

/** How many arguments one call safely takes on every engine. */
const CHUNK = 4096;
