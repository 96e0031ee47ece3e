/**
 * Where a mail server's words may be followed by a `* BYE` of ours: behind a whole response, never within a literal, where
 * it would become a part of somebody's mail.
 *
 * @module
 */

import type { RelayWatch } from "../../runtime.ts";
import { concat, indexOfLf } from "../../session/bytes.ts";
import { isLastLine, isWordAt, lastLineStart, LONGEST_DIALOGUE } from "../../session/last_line.ts";

/**
 * Literals are skipped over as a whole, since a letter is one. Of other responses in bulk nothing is read but the end: they are
 * over when the client's command is.
 */
export class ImapWatch implements RelayWatch {
  /** Octets that are left of a literal. */
  #literal = 0;
  #isAtLineStart = true;
  /** The end of a line that has not ended yet, as far as it may announce a literal. */
  #tail: Uint8Array = NOTHING;
  /** Whether what passes is no IMAP any more: compressed (RFC 4978), for all that we know. */
  #isOpaque = false;
  /** Whether something went by unread, so that it might be a literal that is under way. */
  #isLost = false;
  /** The octets of the tag of the client's last command, and how many count: an array of octets costs Deno a microsecond. */
  readonly #tag: number[] = [];
  #tagLength = 0;
  isClientLeaving = false;

  get isBetweenReplies(): boolean {
    return this.#isAtLineStart && this.#literal === 0 && !this.#isOpaque && !this.#isLost;
  }

  /** Only what is short, or the last line of what is not, can be a command that changes everything. */
  client(bytes: Uint8Array): void {
    this.isClientLeaving = false;
    if (this.#isOpaque || bytes.length > LONGEST_DIALOGUE) return;
    if (bytes.length <= LONGEST_COMMAND) this.#isOpaque = asksForCompression(bytes);
    this.#keepTag(bytes);
  }

  upstream(bytes: Uint8Array): void {
    if (this.#isOpaque) return;
    if (!this.#isLost) this.#read(bytes);
    if (this.#isLost && this.#endsCommand(bytes)) this.#find();
  }

  clientUnseen(): void {
    this.isClientLeaving = false;
  }

  upstreamUnseen(octets: number): void {
    this.#isAtLineStart = false;
    if (octets > this.#literal) this.#isLost = true;
    else this.#literal -= octets;
  }

  #keepTag(bytes: Uint8Array): void {
    const from = lastLineStart(bytes, LONGEST_COMMAND);
    this.#tagLength = 0;
    if (from === undefined) return;
    let length = 0;
    for (; length < LONGEST_TAG && from + length < bytes.length; length++) {
      const octet = bytes[from + length] ?? 0;
      if (octet === SPACE) {
        this.#tagLength = length;
        // In a longer chunk it is the last command: nothing follows until the server has answered (RFC 4978, 3).
        if (bytes.length > LONGEST_COMMAND) this.#isOpaque = isWordAt(bytes, from + length + 1, COMPRESS);
        this.isClientLeaving = !this.#isOpaque && isLastLine(bytes, from + length + 1, LOGOUT);
        return;
      }
      this.#tag[length] = octet;
    }
  }

  /** Whether the chunk ends with the tagged response to the client's last command. */
  #endsCommand(bytes: Uint8Array): boolean {
    const from = bytes.at(-1) === LF ? lastLineStart(bytes, LONGEST_COMMAND) : undefined;
    const length = this.#tagLength;
    if (from === undefined || length === 0) return false;
    for (let at = 0; at < length; at++) if (bytes[from + at] !== this.#tag[at]) return false;
    return bytes[from + length] === SPACE && isStatus(bytes, from + length + 1);
  }

  #find(): void {
    this.#isLost = false;
    this.#isAtLineStart = true;
    this.#literal = 0;
    this.#tail = NOTHING;
  }

  #read(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#literal > 0) {
        const skipped = Math.min(this.#literal, bytes.length - at);
        this.#literal -= skipped;
        at += skipped;
        this.#isAtLineStart = false;
        continue;
      }
      if (bytes.length - at > LONGEST_DIALOGUE) {
        this.#isLost = true;
        return;
      }
      const end = indexOfLf(bytes, at);
      if (end < 0) return this.#keep(bytes, at);
      this.#literal = this.#announced(bytes, at, end);
      this.#isAtLineStart = this.#literal === 0;
      this.#tail = NOTHING;
      at = end + 1;
    }
  }

  #keep(bytes: Uint8Array, from: number): void {
    this.#isAtLineStart = false;
    const line = bytes.subarray(Math.max(from, bytes.length - LONGEST_ANNOUNCEMENT));
    const before = this.#tail.subarray(Math.max(0, this.#tail.length + line.length - LONGEST_ANNOUNCEMENT));
    this.#tail = concat([before, line]);
  }

  /** The size in `{123}` at the end of a line, which begins in `#tail` if that is not empty; 0 where there is none. */
  #announced(bytes: Uint8Array, from: number, end: number): number {
    if (this.#tail.length === 0) return literalAt(bytes, from, end);
    const start = Math.max(from, end - LONGEST_ANNOUNCEMENT);
    const line = concat([this.#tail, bytes.subarray(start, end)]);
    return literalAt(line, 0, line.length);
  }
}

function literalAt(bytes: Uint8Array, from: number, end: number): number {
  let at = end - 1;
  if (at >= from && bytes[at] === CR) at--;
  if (at < from || bytes[at] !== CLOSING) return 0;
  let size = 0;
  let scale = 1;
  for (at--; at >= from; at--, scale *= 10) {
    const octet = bytes[at] ?? 0;
    if (octet === OPENING) return scale === 1 ? 0 : size;
    if (octet < ZERO || octet > NINE || scale > LARGEST) return 0;
    size += (octet - ZERO) * scale;
  }
  return 0;
}

/** Whether `OK`, `NO` or `BAD` and a blank stand there (RFC 9051, 7.1); servers write them in capitals. */
function isStatus(bytes: Uint8Array, from: number): boolean {
  return STATUSES.some((status) => {
    let at = 0;
    while (at < status.length && bytes[from + at] === status.charCodeAt(at)) at++;
    return at === status.length;
  });
}

/** Whether `COMPRESS` stands in it, in any case. */
function asksForCompression(bytes: Uint8Array): boolean {
  for (let at = 0; at + COMPRESS.length <= bytes.length; at++) if (isWordAt(bytes, at, COMPRESS)) return true;
  return false;
}

const NOTHING = new Uint8Array(0);
const COMPRESS = "compress";
const LOGOUT = "logout";
/** A tag, `COMPRESS`, a mechanism, and what little is sent ahead of it in one piece. */
const LONGEST_COMMAND = 256;
/** `{` and a number of 64 bits and `}` and CR. */
const LONGEST_ANNOUNCEMENT = 24;
const LARGEST = 1e18;
/** Clients have tags of a few octets. */
const LONGEST_TAG = 32;
const STATUSES = ["OK ", "NO ", "BAD "];
const [CR, LF, SPACE, ZERO, NINE, OPENING, CLOSING] = [0x0d, 0x0a, 0x20, 0x30, 0x39, 0x7b, 0x7d];
