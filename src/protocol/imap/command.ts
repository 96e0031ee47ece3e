/**
 * How an IMAP command is written (RFC 9051, 9), as far as it matters before the login: a tag, a word and at most three
 * arguments, each an atom, a quoted string or a literal. The parser maps octets to a value and writes no replies.
 *
 * @module
 */

import type { Octets } from "../../runtime.ts";
import type { InputBuffer } from "../../session/buffer.ts";
import { CR, SPACE } from "../../session/bytes.ts";
import { capitals, isLetter } from "../../session/line.ts";

export type ImapWord = "CAPABILITY" | "NOOP" | "ID" | "LOGIN" | "LOGOUT" | "AUTHENTICATE" | "STARTTLS";

/** What the octets at the beginning of the input are. `length` is how many of them it takes. */
export type ImapParse =
  | {
    readonly type: "command";
    readonly tag: Octets;
    readonly word: ImapWord;
    readonly args: readonly Octets[];
    readonly length: number;
  }
  /** More octets are needed. */
  | { readonly type: "more" }
  /** A synchronizing literal was announced: the client waits for our word. Parse on with `end` as `announced`. */
  | { readonly type: "literal"; readonly end: number }
  | {
    readonly type: "invalid";
    /** The tag, when one could be read. */
    readonly tag: Octets | undefined;
    readonly length: number;
    /** The line ends in a literal that the client sends without waiting: what follows cannot be told from commands. */
    readonly isFollowedByLiteral: boolean;
  };

/** The tag of a command that is too long to be parsed, when one can be read. */
export function tagOf(input: InputBuffer): Octets | undefined {
  let end = 0;
  while (end < input.length && isTagOctet(input.at(end))) end++;
  return end <= LONGEST_TAG && end < input.length && input.at(end) === SPACE ? input.text(0, end) : undefined;
}

/**
 * Parses one command. `limit` is the octets a command may have in all, `announced` where the last synchronizing
 * literal that the client was told to send ends (0 for none).
 */
export function parseImapCommand(input: InputBuffer, limit: number, announced: number): ImapParse {
  return new Parser(input, limit, announced).parse();
}

const MOST_ARGUMENTS = 3;
const LONGEST_TAG = 32;
const QUOTE = 0x22;
const PLUS = 0x2b;
const BACKSLASH = 0x5c;
const BRACE_OPEN = 0x7b;
const BRACE_CLOSE = 0x7d;
// A set would have V8 look for the word among all its strings first.
const WORDS: readonly ImapWord[] = ["CAPABILITY", "NOOP", "ID", "LOGIN", "LOGOUT", "AUTHENTICATE", "STARTTLS"];
const MORE: ImapParse = { type: "more" };

class Parser {
  readonly #input: InputBuffer;
  readonly #limit: number;
  readonly #announced: number;
  readonly #args: Octets[] = [];
  #tag: Octets | undefined;
  #at = 0;
  /** Where the LF of the line under way is, and where its text ends. */
  #lineFeed = -1;
  #end = 0;

  constructor(input: InputBuffer, limit: number, announced: number) {
    this.#input = input;
    this.#limit = limit;
    this.#announced = announced;
  }

  parse(): ImapParse {
    if (!this.#findLine(0)) return MORE;
    if (!this.#readTag() || this.#hasBareCr(this.#at)) return this.#invalid();
    const word = this.#readWord();
    if (word === undefined) return this.#invalid();
    if (word === "ID") return this.#id();
    for (;;) {
      this.#skipBlanks();
      if (this.#at === this.#end) break;
      if (this.#args.length === MOST_ARGUMENTS) return this.#invalid();
      const stop = this.#readArgument();
      if (stop !== undefined) return stop;
    }
    return { type: "command", tag: this.#tag ?? "", word, args: this.#args, length: this.#lineFeed + 1 };
  }

  /** ID (RFC 2971) has a list in parentheses, taken as it is; with a literal in it, it would not end here. */
  #id(): ImapParse {
    const endsInLiteral = this.#input.at(this.#end - 1) === BRACE_CLOSE;
    if (endsInLiteral) return this.#invalid();
    const list = this.#input.text(this.#at, this.#end);
    return { type: "command", tag: this.#tag ?? "", word: "ID", args: [list], length: this.#lineFeed + 1 };
  }

  /** Finds the line that begins at `from`; `false` when its end has not arrived or lies past the limit. */
  #findLine(from: number): boolean {
    this.#lineFeed = this.#input.lineEnd(from);
    if (this.#lineFeed < 0 || this.#lineFeed >= this.#limit) return false;
    const before = this.#lineFeed - 1;
    this.#end = before >= from && this.#input.at(before) === CR ? before : this.#lineFeed;
    return true;
  }

  #hasBareCr(from: number): boolean {
    for (let i = from; i < this.#end; i++) if (this.#input.at(i) === CR) return true;
    return false;
  }

  /** A tag may be empty, as nginx has it: then it is the blank that the line begins with. */
  #readTag(): boolean {
    this.#tag = tagOf(this.#input);
    this.#at = this.#tag?.length ?? 0;
    return this.#tag !== undefined;
  }

  #readWord(): ImapWord | undefined {
    this.#skipBlanks();
    const start = this.#at;
    while (this.#at < this.#end && isLetter(this.#input.at(this.#at))) this.#at++;
    if (this.#at < this.#end && this.#input.at(this.#at) !== SPACE) return undefined;
    const word = capitals(this.#input.text(start, this.#at));
    return WORDS.find((known) => known === word);
  }

  #skipBlanks(): void {
    while (this.#at < this.#end && this.#input.at(this.#at) === SPACE) this.#at++;
  }

  /** Reads one argument; what it gives back ends the parsing. */
  #readArgument(): ImapParse | undefined {
    switch (this.#input.at(this.#at)) {
      case QUOTE:
        return this.#readQuoted();
      case BRACE_OPEN:
        return this.#readLiteral();
      default:
        return this.#readAtom();
    }
  }

  #readAtom(): undefined {
    const start = this.#at;
    while (this.#at < this.#end && this.#input.at(this.#at) !== SPACE) this.#at++;
    this.#args.push(this.#input.text(start, this.#at));
  }

  #readQuoted(): ImapParse | undefined {
    let text = "";
    let start = ++this.#at;
    for (; this.#at < this.#end; this.#at++) {
      const octet = this.#input.at(this.#at);
      if (octet === QUOTE) {
        this.#args.push(text + this.#input.text(start, this.#at++));
        return undefined;
      }
      if (octet !== BACKSLASH) continue;
      text += this.#input.text(start, this.#at);
      start = ++this.#at;
      if (this.#at === this.#end) break;
    }
    return this.#invalid();
  }

  #readLiteral(): ImapParse | undefined {
    const literal = this.#literalAt(this.#at);
    if (literal === undefined) return this.#invalid();
    const start = this.#lineFeed + 1;
    const end = start + literal.length;
    if (end >= this.#limit) return this.#invalid();
    if (literal.isSynchronizing && end > this.#announced) return { type: "literal", end };
    if (this.#input.length <= end || !this.#findLine(end)) return MORE;
    this.#args.push(this.#input.text(start, end));
    this.#at = end;
    const isFollowedWell = end === this.#end || this.#input.at(end) === SPACE;
    return isFollowedWell && !this.#hasBareCr(end) ? undefined : this.#invalid();
  }

  /** What `{N}` or `{N+}` at a place says, when it is one and the line ends with it. */
  #literalAt(from: number): { readonly length: number; readonly isSynchronizing: boolean } | undefined {
    let at = from + 1;
    let length = 0;
    for (; isDigit(this.#input.at(at)) && at < this.#end; at++) {
      // Past the limit it only has to stay too long, and must not run out of exact integers.
      length = Math.min(length * 10 + this.#input.at(at) - 0x30, TOO_LONG);
    }
    if (at === from + 1) return undefined;
    const isSynchronizing = this.#input.at(at) !== PLUS;
    if (!isSynchronizing) at++;
    return this.#input.at(at) === BRACE_CLOSE && at + 1 === this.#end ? { length, isSynchronizing } : undefined;
  }

  #invalid(): ImapParse {
    return {
      type: "invalid",
      tag: this.#tag,
      length: this.#lineFeed + 1,
      isFollowedByLiteral: this.#endsInNonSyncLiteral(),
    };
  }

  #endsInNonSyncLiteral(): boolean {
    let at = this.#end - 1;
    if (this.#input.at(at) !== BRACE_CLOSE || this.#input.at(at - 1) !== PLUS) return false;
    at -= 2;
    while (at > 0 && isDigit(this.#input.at(at))) at--;
    return this.#input.at(at) === BRACE_OPEN && this.#literalAt(at) !== undefined;
  }
}

function isTagOctet(octet: number): boolean {
  return isLetter(octet) || isDigit(octet) || octet === 0x2d || octet === 0x2e || octet === 0x5f;
}

function isDigit(octet: number): boolean {
  return octet >= 0x30 && octet <= 0x39;
}

const TOO_LONG = 2 ** 52;
