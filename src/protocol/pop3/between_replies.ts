/**
 * Where a mail server's words may be followed by a `-ERR` of ours: behind a whole reply, never within a letter or a list. Which
 * replies have several lines follows from the commands, so these are watched too.
 *
 * @module
 */

import type { RelayWatch } from "../../runtime.ts";
import { lastLineStart, LONGEST_DIALOGUE } from "../../session/last_line.ts";

export class Pop3Watch implements RelayWatch {
  /** Of the replies that are to come, whether each has several lines; the first is that to the login. */
  readonly #expected: boolean[] = [false];
  #isInBody = false;
  #isAtLineStart = true;
  /** How the line under way begins, and how long it is so far. */
  readonly #line = new Uint8Array(LOOK);
  #length = 0;
  /** The same of the client's. */
  readonly #command = new Uint8Array(LOOK);
  #commandLength = 0;
  /** Whether there was a command that nobody knows the reply of, or more in one piece than is read. */
  #isOpaque = false;

  get isBetweenReplies(): boolean {
    return this.#isAtLineStart && !this.#isInBody && !this.#isOpaque;
  }

  client(bytes: Uint8Array): void {
    if (bytes.length > LONGEST_COMMANDS) this.#isOpaque = true;
    if (this.#isOpaque) return;
    for (const octet of bytes) {
      if (octet !== LF) {
        if (this.#commandLength < LOOK) this.#command[this.#commandLength] = octet;
        this.#commandLength++;
        continue;
      }
      this.#expect(textOf(this.#command, this.#commandLength).toUpperCase());
      this.#commandLength = 0;
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
      const end = bytes.indexOf(LF, at);
      this.#add(bytes, at, end < 0 ? bytes.length : end);
      this.#isAtLineStart = end >= 0;
      if (end < 0) return;
      this.#endLine();
      at = end + 1;
    }
  }

  /** Looks at the last line alone, and at that only as far as it may be a dot. */
  #addEnd(bytes: Uint8Array): void {
    const from = lastLineStart(bytes, LOOK);
    if (from !== 0) this.#length = 0;
    this.#isAtLineStart = bytes.at(-1) === LF;
    const end = this.#isAtLineStart ? bytes.length - 1 : bytes.length;
    if (from === undefined) this.#length = LOOK;
    else this.#add(bytes, from, end);
    if (this.#isAtLineStart) this.#endLine();
  }

  #expect(command: string): void {
    const [verb = "", ...args] = command.trimEnd().split(" ");
    const isKnown = SINGLE.includes(verb) || MULTIPLE.includes(verb) || LISTS.includes(verb);
    if (!isKnown || this.#expected.length >= MOST_EXPECTED) this.#isOpaque = true;
    else this.#expected.push(MULTIPLE.includes(verb) || (LISTS.includes(verb) && args.length === 0));
  }

  #add(bytes: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to && this.#length < LOOK; at++) this.#line[this.#length++] = bytes[at] ?? 0;
    // Longer than what is looked at is all that counts.
    if (to - from > LOOK) this.#length = LOOK;
  }

  #endLine(): void {
    const line = textOf(this.#line, this.#length);
    this.#length = 0;
    if (this.#isInBody) this.#isInBody = line !== ".\r" && line !== ".";
    else this.#isInBody = this.#expected.shift() === true && line.startsWith("+OK");
  }
}

function textOf(bytes: Uint8Array, length: number): string {
  return String.fromCharCode(...bytes.subarray(0, Math.min(length, bytes.length)));
}

const LF = 0x0a;
/** Octets of a line that are looked at: a verb, a blank and a bit. */
const LOOK = 8;
/** Octets of commands in one piece; nobody uploads anything over POP3. */
const LONGEST_COMMANDS = 32 * 1024;
/** Nobody sends more commands ahead. */
const MOST_EXPECTED = 4096;
/** RFC 1939, RFC 2449, RFC 2595, RFC 6856. */
const SINGLE = ["USER", "PASS", "APOP", "STAT", "DELE", "NOOP", "RSET", "QUIT", "LAST", "STLS", "UTF8"];
const MULTIPLE = ["RETR", "TOP", "CAPA"];
/** Of one letter they tell in one line. */
const LISTS = ["LIST", "UIDL"];
