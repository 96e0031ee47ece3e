import type { Octets } from "../runtime.ts";

/** The base64 of an octet string, padded, in one line (RFC 4648, 4). */
export function toBase64(octets: Octets): Octets {
  let text = "";
  for (let i = 0; i < octets.length; i += 3) {
    const a = octets.charCodeAt(i);
    const b = octets.charCodeAt(i + 1);
    const c = octets.charCodeAt(i + 2);
    text += digit(a >> 2) + digit(((a & 3) << 4) | (b >> 4));
    text += i + 1 < octets.length ? digit(((b & 15) << 2) | (c >> 6)) : "=";
    text += i + 2 < octets.length ? digit(c & 63) : "=";
  }
  return text;
}

/**
 * The octets that base64 text stands for, or `undefined` when it is none. As nginx reads it: decoding stops at the
 * first `=`, padding may be missing, and a single digit left over is an error.
 */
export function fromBase64(text: Octets): Octets | undefined {
  const stop = text.indexOf("=");
  const length = stop < 0 ? text.length : stop;
  if (length % 4 === 1) return undefined;
  let octets = "";
  // An array of octets would cost Deno a microsecond.
  let codes: number[] = [];
  let bits = 0;
  for (let i = 0; i < length; i++) {
    const value = VALUES[text.charCodeAt(i)] ?? INVALID;
    if (value === INVALID) return undefined;
    bits = (bits << 6) | value;
    if (i % 4 !== 0) codes.push((bits >> (6 - 2 * (i % 4))) & 255);
    if (codes.length < MOST_CODES && i < length - 1) continue;
    octets += String.fromCharCode.apply(null, codes);
    codes = [];
  }
  return octets;
}

/** The same octets in base64 that is padded and has nothing behind it: what is passed on. `undefined` when it is none. */
export function canonicalBase64(text: Octets): Octets | undefined {
  const octets = fromBase64(text);
  return octets === undefined ? undefined : toBase64(octets);
}

function digit(value: number): Octets {
  return DIGITS.charAt(value);
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const INVALID = 255;
/** How many arguments a function is given at once. */
const MOST_CODES = 1024;
const VALUES = new Uint8Array(256).fill(INVALID);
for (let i = 0; i < DIGITS.length; i++) VALUES[DIGITS.charCodeAt(i)] = i;
