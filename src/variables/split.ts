/**
 * The spreading of texts over values, the same text to the same value each time.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";

/** One value and its share. */
export interface Share {
  /** In hundredths of a percent; `undefined` for all that is left. */
  readonly percent: number | undefined;
  readonly value: Octets;
}

/** Chooses by nginx's hash, so that whoever comes from there finds everybody where they were. */
export function splitter(shares: readonly Share[]): (text: Octets) => Octets | undefined {
  let last = 0;
  const parts = shares.map(({ percent, value }) => {
    if (percent === undefined) return { below: Infinity, value };
    last += Math.floor(percent * HIGHEST / WHOLE);
    return { below: last, value };
  });
  return (text) => {
    const hash = murmurHash2(text);
    return parts.find(({ below }) => hash < below)?.value;
  };
}

/** Hundredths of a percent in the whole. */
export const WHOLE = 10_000;

/** MurmurHash2 of 32 bits, with a seed as long as the text: what nginx has. */
export function murmurHash2(text: Octets): number {
  let hash = text.length;
  let at = 0;
  for (let left = text.length; left >= 4; left -= 4, at += 4) {
    hash = Math.imul(hash, FACTOR) ^ mixed(wordAt(text, at, 4));
  }
  const left = text.length - at;
  if (left > 0) hash = Math.imul(hash ^ wordAt(text, at, left), FACTOR);
  hash = Math.imul(hash ^ (hash >>> 13), FACTOR);
  return (hash ^ (hash >>> 15)) >>> 0;
}

function mixed(word: number): number {
  const spread = Math.imul(word, FACTOR);
  return Math.imul(spread ^ (spread >>> 24), FACTOR);
}

/** Octets as a number, the first one lowest. */
function wordAt(text: Octets, at: number, count: number): number {
  let word = 0;
  for (let i = count - 1; i >= 0; i--) word = word << 8 | text.charCodeAt(at + i);
  return word;
}

const FACTOR = 0x5bd1e995;
const HIGHEST = 0xffff_ffff;
