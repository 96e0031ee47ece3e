import type { Octets } from "../runtime.ts";
import { copyBriefly, decode, EMPTY, indexOfLf } from "./bytes.ts";

/**
 * What a peer sent and nobody has used yet. It looks at a chunk where it lies and copies only what is left of it when
 * the input is over, so that a command which arrives whole is never copied.
 */
export class InputBuffer {
  #bytes: Uint8Array = EMPTY;
  #start = 0;
  #end = 0;
  #isOwned = true;
  /** How far, counted from the start, no LF was found. */
  #scanned = 0;

  /** How many octets are waiting. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Adds octets at the end. They may change once {@linkcode settle} was called. */
  append(bytes: Uint8Array): void {
    if (this.length === 0) {
      this.#bytes = bytes;
      this.#start = 0;
      this.#end = bytes.length;
      this.#isOwned = false;
      return;
    }
    this.#makeRoom(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Copies what is left of a chunk that belongs to somebody else. */
  settle(): void {
    if (this.#isOwned) return;
    this.#bytes = this.length === 0 ? EMPTY : this.#bytes.slice(this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    this.#isOwned = true;
  }

  /** The octet at a place counted from the first that is waiting. */
  at(index: number): number {
    return this.#bytes[this.#start + index] ?? 0;
  }

  /** Where the first LF at or after `from` is, or -1. */
  lineEnd(from = 0): number {
    const start = Math.max(from, this.#scanned);
    const found = indexOfLf(this.#bytes, this.#start + start);
    if (found >= 0 && found < this.#end) return found - this.#start;
    if (from <= this.#scanned) this.#scanned = this.length;
    return -1;
  }

  /** The octets from `from` up to, but not with, `to`, as a string. */
  text(from: number, to: number): Octets {
    return decode(this.#bytes, this.#start + from, this.#start + to);
  }

  /** Forgets the first `count` octets. */
  consume(count: number): void {
    this.#start += count;
    this.#scanned = 0;
  }

  /** A copy of all that is waiting, to be written at once and then forgotten; nothing is left. */
  takeAll(): Uint8Array {
    const all = this.length === 0 ? EMPTY : copyBriefly(this.#bytes.subarray(this.#start, this.#end));
    this.clear();
    return all;
  }

  /** Forgets everything. */
  clear(): void {
    this.#bytes = EMPTY;
    this.#start = 0;
    this.#end = 0;
    this.#scanned = 0;
    this.#isOwned = true;
  }

  #makeRoom(more: number): void {
    const length = this.length;
    if (this.#isOwned && this.#end + more <= this.#bytes.length) return;
    const capacity = Math.max(2 * length, length + more, SMALLEST);
    const bytes = new Uint8Array(capacity);
    bytes.set(this.#bytes.subarray(this.#start, this.#end));
    this.#bytes = bytes;
    this.#start = 0;
    this.#end = length;
    this.#isOwned = true;
  }
}

/** The first memory a split command gets: most commands fit. */
const SMALLEST = 128;
