import type { Octets } from "../runtime.ts";
import { InputBuffer } from "./buffer.ts";
import { concat, CR, encode, encodeBriefly } from "./bytes.ts";

/**
 * What the upstream says during its login. Lines are read one by one, but kept until the reply that they belong to is
 * over: the client may have to hear all of it.
 */
export class UpstreamReplies {
  readonly #limit: number;
  readonly #buffer = new InputBuffer();
  /** How much of the current reply was read. */
  #length = 0;

  /** `limit` is the octets that one reply may have: `proxy_buffer`. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  append(bytes: Uint8Array): void {
    this.#buffer.append(bytes);
  }

  settle(): void {
    this.#buffer.settle();
  }

  /** The next whole line without its end; `undefined` when there is none yet, or none within the limit. */
  nextLine(): Octets | undefined {
    const lineEnd = this.#buffer.lineEnd(this.#length);
    if (lineEnd < 0 || lineEnd >= this.#limit) return undefined;
    const end = lineEnd > this.#length && this.#buffer.at(lineEnd - 1) === CR ? lineEnd - 1 : lineEnd;
    const line = this.#buffer.text(this.#length, end);
    this.#length = lineEnd + 1;
    return line;
  }

  /** Whether a reply has grown past the limit without an end. */
  get isTooLong(): boolean {
    return this.#buffer.length >= this.#limit;
  }

  /** The first octets of what is too long, for the log. */
  beginning(length: number): Octets {
    return this.#buffer.text(0, Math.min(this.#limit, length));
  }

  /** Whether more was said than was read. */
  get hasMore(): boolean {
    return this.#buffer.length > this.#length;
  }

  /** All that is for the client: the reply that was read, or `instead` of it, and what came behind it. */
  takeAll(instead?: Octets): Uint8Array {
    if (instead !== undefined) this.#buffer.consume(this.#length);
    const held = this.#buffer.takeAll();
    this.#length = 0;
    if (instead === undefined) return held;
    return held.length === 0 ? encodeBriefly(instead) : concat([encode(instead), held]);
  }

  /** Forgets all that was said. */
  clear(): void {
    this.#buffer.clear();
    this.#length = 0;
  }
}
