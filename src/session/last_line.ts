import type { Octets } from "../runtime.ts";
import { CR, LF } from "./bytes.ts";

/**
 * Where the last line of a chunk begins, whether it has ended or not: 0 where the chunk has no other. `undefined` where it
 * is longer than `longest` octets, of which no more are looked at: in bulk a chunk must not cost what its length is.
 */
export function lastLineStart(bytes: Uint8Array, longest: number): number | undefined {
  const least = Math.max(0, bytes.length - 1 - longest);
  for (let at = bytes.length - 2; at >= least; at--) if (bytes[at] === LF) return at + 1;
  return least === 0 ? 0 : undefined;
}

/** Whether all that there is from `from` on is `word`, in any case, and a line's end. `word` is all small letters. */
export function isLastLine(bytes: Uint8Array, from: number, word: Octets): boolean {
  const end = from + word.length;
  const rest = bytes.length - end;
  if (bytes[bytes.length - 1] !== LF || rest !== 1 && (rest !== 2 || bytes[end] !== CR)) return false;
  return isWordAt(bytes, from, word);
}

/** Whether `word` stands at `from`, in any case. `word` is all small letters. */
export function isWordAt(bytes: Uint8Array, from: number, word: Octets): boolean {
  for (let at = 0; at < word.length; at++) if (((bytes[from + at] ?? 0) | 0x20) !== word.charCodeAt(at)) return false;
  return true;
}

/** Chunks that are longer are bulk: what moves through a relay in such pieces is not read line by line. */
export const LONGEST_DIALOGUE = 4096;
