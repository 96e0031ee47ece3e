/**
 * What the demo's servers have in common: each connection is a conversation that takes octets and says octets, and
 * knows no socket. `host.ts` gives it one.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { InputBuffer } from "../session/buffer.ts";

/** A server's half of one connection. */
export interface Conversation {
  /** Takes what the client sent; the octets are copied. {@linkcode next} tells what follows from it. */
  receive(bytes: Uint8Array): void;
  /** The next thing to say, or `undefined` while there is none: then the client has to speak, or the store to change. */
  next(): Uint8Array | undefined;
  /** Whether everything was said: after the last `next` the connection is closed. */
  readonly isOver: boolean;
}

/** A line, or why there is none: it is longer than allowed, or not complete yet. */
export type Line = { readonly text: Octets } | "tooLong" | undefined;

/** Octets that arrived and were not looked at yet. It grows with what is pushed; its users bound that. */
export class Incoming {
  readonly #buffer = new InputBuffer();

  get length(): number {
    return this.#buffer.length;
  }

  push(bytes: Uint8Array): void {
    this.#buffer.append(bytes);
    this.#buffer.settle();
  }

  /** Takes one line, without its CRLF or LF, when it is no longer than `limit`. */
  line(limit: number): Line {
    const line = this.wholeLine(limit + 2);
    if (line === undefined || line === "tooLong") return line;
    return { text: line.text.slice(0, line.text.endsWith("\r\n") ? -2 : -1) };
  }

  /** Takes one line with its line end, when both together are no longer than `limit`. */
  wholeLine(limit: number): Line {
    const end = this.#buffer.lineEnd() + 1;
    if ((end === 0 ? this.length : end) > limit) return "tooLong";
    return end === 0 ? undefined : { text: this.#cut(end) };
  }

  /** Takes exactly `count` octets, once they are there. */
  take(count: number): Octets | undefined {
    return this.length < count ? undefined : this.#cut(count);
  }

  #cut(count: number): Octets {
    const octets = this.#buffer.text(0, count);
    this.#buffer.consume(count);
    return octets;
  }
}
