/**
 * Which known word a misspelt one may stand for.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";

/** The hint for a misspelt word: `did you mean "timeout"?`; `undefined` when nothing is near. */
export function didYouMean(word: Octets, candidates: Iterable<string>): Octets | undefined {
  const near = closest(word, candidates);
  return near === undefined ? undefined : `did you mean "${near}"?`;
}

/** The candidate with the fewest typing slips from `word`, if they are few enough to be slips. */
export function closest(word: Octets, candidates: Iterable<string>): string | undefined {
  if (word.length > LONGEST) return undefined;
  let best: string | undefined;
  // A third of the letters may be wrong, but `pid` must not come out as `bind`.
  let limit = Math.max(1, Math.floor(word.length / 3));
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > limit) continue;
    const slips = distance(word.toLowerCase(), candidate.toLowerCase());
    if (slips > limit) continue;
    best = candidate;
    limit = slips - 1;
  }
  return best;
}

/** How many letters must be put in, left out, replaced or swapped with their neighbour to make `b` of `a`. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let slips = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + change);
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) slips = Math.min(slips, at(beforeLast, j - 2) + 1);
      row.push(slips);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}

/** No directive is longer; and nobody wants to wait for a comparison with a megabyte. */
const LONGEST = 64;
