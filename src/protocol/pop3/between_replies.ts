/**
 * Where a mail server's words may be followed by a `-ERR` of ours: behind a whole reply, never within a letter or a list. Which
 * replies have several lines follows from the commands, so these are watched too.
 *
 * @module
 */

import type { Octets, RelayWatch } from "../../runtime.ts";
import { decode, indexOfLf, LF } from "../../session/bytes.ts";
import { lastLineStart, LONGEST_DIALOGUE } from "../../session/last_line.ts";
import { capitals } from "../../session/line.ts";

export class Pop3Watch implements RelayWatch {
  /** Of the replies that are to come, whether each has several lines; the first is that to the login. */
  readonly #expected: boolean[] = [false];
  #isInBody = false;
  #isAtLineStart = true;
  /** How the line under way begins, as far as it is looked at. */
  #line: Octets = "";
  /** The same of the client's. */
  #command: Octets = "";
  /** Whether there was a command that nobody knows the reply of, or more in one piece than is read. */
  #isOpaque = false;
  isClientLeaving = false;

  get isBetweenReplies(): boolean {
    return this.#isAtLineStart && !this.#isInBody && !this.#isOpaque;
  }

  client(bytes: Uint8Array): void {
    this.isClientLeaving = false;
    if (bytes.length > LONGEST_COMMANDS) this.#isOpaque = true;
    if (this.#isOpaque) return;
    for (let at = 0; at < bytes.length;) {
      const end = indexOfLf(bytes, at);
      this.#command = lengthened(this.#command, bytes, at, end < 0 ? bytes.length : end);
      this.isClientLeaving = false;
      if (end < 0) return;
      const command = capitals(this.#command).trimEnd();
      this.#expect(command);
      this.isClientLeaving = !this.#isOpaque && command === "QUIT";
      this.#command = "";
      at = end + 1;
    }
  }

  upstream(bytes: Uint8Array): void {
    if (this.#isOpaque) return;
    for (let at = 0; at < bytes.length;) {
      // The body of the only reply that is awaited ends where all that has arrived does.
      if (this.#isInBody && this.#expected.length === 0) return this.#addEnd(bytes.subarray(at));
      if (bytes.length - at > LONGEST_DIALOGUE && this.#isInBody) {
        this.#isOpaque = true;
        return;
      }
      const end = indexOfLf(bytes, at);
      this.#line = lengthened(this.#line, bytes, at, end < 0 ? bytes.length : end);
      this.#isAtLineStart = end >= 0;
      if (end < 0) return;
      this.#endLine();
      at = end + 1;
    }
  }

  clientUnseen(): void {
    this.#isOpaque = true;
    this.isClientLeaving = false;
  }

  upstreamUnseen(): void {
    this.#isAtLineStart = false;
    this.#line = LONG;
    if (!this.#isInBody || this.#expected.length > 0) this.#isOpaque = true;
  }

  /** Looks at the last line alone, and at that only as far as it may be a dot. */
  #addEnd(bytes: Uint8Array): void {
    const from = lastLineStart(bytes, LOOK);
    if (from !== 0) this.#line = "";
    this.#isAtLineStart = bytes.at(-1) === LF;
    const end = this.#isAtLineStart ? bytes.length - 1 : bytes.length;
    if (from === undefined) this.#line = LONG;
    else this.#line = lengthened(this.#line, bytes, from, end);
    if (this.#isAtLineStart) this.#endLine();
  }

  #expect(command: string): void {
    const blank = command.indexOf(" ");
    const verb = blank < 0 ? command : command.slice(0, blank);
    const isList = LISTS.includes(verb);
    const isMultiple = MULTIPLE.includes(verb);
    const isKnown = isList || isMultiple || SINGLE.includes(verb);
    if (!isKnown || this.#expected.length >= MOST_EXPECTED) this.#isOpaque = true;
    else this.#expected.push(isMultiple || (isList && blank < 0));
  }

  #endLine(): void {
    const line = this.#line;
    this.#line = "";
    if (this.#isInBody) this.#isInBody = line !== ".\r" && line !== ".";
    else this.#isInBody = this.#expected.shift() === true && line.startsWith("+OK");
  }
}

/** The beginning of a line together with what follows of it, as far as it is looked at. */
function lengthened(line: Octets, bytes: Uint8Array, from: number, to: number): Octets {
  const stop = Math.min(to, from + LOOK - line.length);
  return stop > from ? line + decode(bytes, from, stop) : line;
}

/** Octets of a line that are looked at: a verb, a blank and a bit. */
const LOOK = 8;
/** A line of which only this is known: that there is more of it than is looked at. */
const LONG: Octets = "?".repeat(LOOK);
/** Octets of commands in one piece; nobody uploads anything over POP3. */
const LONGEST_COMMANDS = 32 * 1024;
/** Nobody sends more commands ahead. */
const MOST_EXPECTED = 4096;
/** RFC 1939, RFC 2449, RFC 2595, RFC 6856. */
const SINGLE = ["USER", "PASS", "APOP", "STAT", "DELE", "NOOP", "RSET", "QUIT", "LAST", "STLS", "UTF8"];
const MULTIPLE = ["RETR", "TOP", "CAPA"];
/** Of one letter they tell in one line. */
const LISTS = ["LIST", "UIDL"];
