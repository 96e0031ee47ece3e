import { LF } from "./bytes.ts";

/**
 * Where the last line of a chunk begins, whether it has ended or not: 0 where the chunk has no other. `undefined` where it
 * is longer than `longest` octets, of which no more are looked at: in bulk a chunk must not cost what its length is.
 */
export function lastLineStart(bytes: Uint8Array, longest: number): number | undefined {
  const least = Math.max(0, bytes.length - 1 - longest);
  for (let at = bytes.length - 2; at >= least; at--) if (bytes[at] === LF) return at + 1;
  return least === 0 ? 0 : undefined;
}

/** Chunks that are longer are bulk: what moves through a relay in such pieces is not read line by line. */
export const LONGEST_DIALOGUE = 4096;
