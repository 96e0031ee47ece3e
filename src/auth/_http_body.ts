/**
 * The end of a response whose body nobody reads: where it is, and nothing else.
 *
 * @module
 */

import { CR, LF } from "../session/bytes.ts";

/** How many octets of a body we throw away to keep a connection; a longer one costs the connection. */
export const MAX_BODY = 64 * 1024;

/** How far a body is: `broken` means that its end cannot be known. */
export type BodyState = "more" | "done" | "broken";

/** Throws a body away. */
export interface Body {
  readonly state: BodyState;
  /** Takes octets from `at` on and returns where it stopped: behind the body's end, or at the end of `bytes`. */
  skip(bytes: Uint8Array, at: number): number;
}

/** A body of known length. */
export class SizedBody implements Body {
  #left: number;

  constructor(length: number) {
    this.#left = length;
  }

  get state(): BodyState {
    if (this.#left > MAX_BODY) return "broken";
    return this.#left === 0 ? "done" : "more";
  }

  skip(bytes: Uint8Array, at: number): number {
    const taken = Math.min(this.#left, bytes.length - at);
    this.#left -= taken;
    return at + taken;
  }
}

/** Where in a chunked body the next octet belongs (RFC 9112, 7.1). */
type Place = "size" | "extension" | "sizeEnd" | "data" | "dataEnd" | "dataLf" | "trailerStart" | "trailer" | "lastLf";

/** A body in chunks. An LF alone ends a line, as it does in the head. */
export class ChunkedBody implements Body {
  state: BodyState = "more";
  #place: Place = "size";
  #digits = 0;
  #left = 0;
  #total = 0;

  skip(bytes: Uint8Array, at: number): number {
    while (at < bytes.length && this.state === "more") {
      const taken = this.#place === "data" ? Math.min(this.#left, bytes.length - at) : 1;
      this.#total += taken;
      if (this.#total > MAX_BODY) this.state = "broken";
      else if (this.#place === "data") this.#skipData(taken);
      else this.#take(bytes[at] ?? 0);
      at += taken;
    }
    return at;
  }

  #skipData(taken: number): void {
    this.#left -= taken;
    if (this.#left === 0) this.#place = "dataEnd";
  }

  #take(octet: number): void {
    switch (this.#place) {
      case "size":
        return this.#takeSize(octet);
      case "extension":
        if (octet === LF) this.#endSize();
        return;
      case "sizeEnd":
        return octet === LF ? this.#endSize() : this.#break();
      case "dataEnd":
        if (octet === CR) this.#place = "dataLf";
        else if (octet === LF) this.#startChunk();
        else this.#break();
        return;
      case "dataLf":
        return octet === LF ? this.#startChunk() : this.#break();
      case "trailerStart":
        if (octet === LF) this.state = "done";
        else this.#place = octet === CR ? "lastLf" : "trailer";
        return;
      case "trailer":
        if (octet === LF) this.#place = "trailerStart";
        return;
      case "lastLf":
        if (octet === LF) this.state = "done";
        else this.#break();
        return;
    }
  }

  #takeSize(octet: number): void {
    const digit = hexDigit(octet);
    if (digit !== undefined && this.#digits < MAX_SIZE_DIGITS) {
      this.#digits++;
      this.#left = this.#left * 16 + digit;
    } else if (this.#digits === 0 || digit !== undefined) this.#break();
    else if (octet === LF) this.#endSize();
    else if (octet === CR) this.#place = "sizeEnd";
    else if (octet === SEMICOLON || octet === BLANK || octet === TAB) this.#place = "extension";
    else this.#break();
  }

  #startChunk(): void {
    this.#place = "size";
    this.#digits = 0;
    this.#left = 0;
  }

  #endSize(): void {
    this.#place = this.#left === 0 ? "trailerStart" : "data";
  }

  #break(): void {
    this.state = "broken";
  }
}

function hexDigit(octet: number): number | undefined {
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const letter = octet | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : undefined;
}

/** More would exceed {@linkcode MAX_BODY} anyway, leading zeros apart, which nobody sends in earnest. */
const MAX_SIZE_DIGITS = 8;
const TAB = 0x09;
const BLANK = 0x20;
const SEMICOLON = 0x3b;
