/**
 * Where a mail server's words may be followed by a `421` of ours: behind the last line of a reply. A client that is in the
 * middle of a letter may hear it too (RFC 5321, 3.8).
 *
 * @module
 */

import type { RelayWatch } from "../../runtime.ts";
import { indexOfLf } from "../../session/bytes.ts";
import { isLastLine, lastLineStart, LONGEST_DIALOGUE } from "../../session/last_line.ts";

export class SmtpWatch implements RelayWatch {
  #isBetween = true;
  /** How long the line under way is, and whether it is one that more lines of its reply follow. */
  #length = 0;
  #isContinued = false;
  isClientLeaving = false;

  get isBetweenReplies(): boolean {
    return this.#isBetween;
  }

  client(bytes: Uint8Array): void {
    const from = lastLineStart(bytes, LONGEST_QUIT);
    this.isClientLeaving = from !== undefined && isLastLine(bytes, from, QUIT);
  }

  upstream(bytes: Uint8Array): void {
    const from = bytes.length > LONGEST_DIALOGUE ? lastLineStart(bytes, LONGEST_DIALOGUE) : 0;
    if (from !== 0) this.#length = 0;
    // A line of such a length is no reply; whatever it is, it is not over before another one is.
    if (from === undefined) this.#isBetween = false;
    else this.#read(bytes, from);
  }

  clientUnseen(): void {
    this.isClientLeaving = false;
  }

  upstreamUnseen(octets: number): void {
    this.#isBetween = false;
    // A line that nobody has seen all of is no reply.
    this.#isContinued = true;
    this.#length = octets;
  }

  #read(bytes: Uint8Array, from: number): void {
    for (let at = from; at < bytes.length;) {
      const end = indexOfLf(bytes, at);
      const mark = at + MARK - this.#length;
      const stop = end < 0 ? bytes.length : end;
      if (this.#length <= MARK && mark < stop) this.#isContinued = bytes[mark] === HYPHEN;
      this.#length += stop - at;
      this.#isBetween = end >= 0 && !this.#isContinued;
      if (end < 0) return;
      this.#length = 0;
      this.#isContinued = false;
      at = end + 1;
    }
  }
}

const QUIT = "quit";
const LONGEST_QUIT = 6;
const HYPHEN = 0x2d;
/** Where `250-` has its hyphen. */
const MARK = 3;
