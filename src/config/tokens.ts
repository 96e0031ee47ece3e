/**
 * nginx's tokens. This file knows how words, comments and quotes are written, and nothing about what they mean.
 *
 * Text is an octet string, so that a name in any encoding passes unchanged; octets from 0x80 on are plain characters.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { ConfigError } from "./error.ts";
import { oddCharacter } from "./odd_characters.ts";
import { endOfBlock } from "./skip.ts";
import type { Place } from "./types.ts";

/** How a statement ended: with `;`, with `{`, with a `}` of its own, or with the text. */
export type StatementEnd = "semicolon" | "open" | "close" | "end";

/** A directive's name and arguments, quotes and escapes undone. There are none when it ended in "close" or "end". */
export interface Statement {
  readonly words: readonly Octets[];
  readonly end: StatementEnd;
}

/** The longest word plus one, in octets as written. nginx reads files through a buffer of this size. */
export const WORD_LIMIT = 4096;

/** Reads one text, statement by statement. */
export class Tokenizer {
  readonly #text: Octets;
  /** The file's name, or `undefined` for the `-g` option. */
  readonly #file: Octets | undefined;
  #at = 0;
  #line = 1;

  constructor(text: Octets, file: Octets | undefined) {
    this.#text = text;
    this.#file = file;
  }

  /**
   * The place reached: after a statement the line of its `;`, `{` or `}`. nginx reports that one, not the line where a
   * directive begins.
   */
  get place(): Place {
    return this.#placeOf(this.#line);
  }

  /** The next statement. Throws {@linkcode ConfigError} when the text cannot be one. */
  next(): Statement {
    const words: Octets[] = [];
    for (;;) {
      this.#skipBlanks();
      const character = this.#text[this.#at];
      switch (character) {
        case undefined:
          if (words.length > 0) throw this.#endOfText(words);
          return { words, end: "end" };
        case ";":
        case "{":
          if (words.length === 0) throw this.#unexpected(character);
          this.#at++;
          return { words, end: character === ";" ? "semicolon" : "open" };
        case "}":
          if (words.length > 0) throw this.#unexpected(character, words);
          this.#at++;
          return { words, end: "close" };
        case '"':
        case "'":
          words.push(this.#quoted(character));
          break;
        default:
          words.push(this.#plain());
      }
    }
  }

  /** Passes over the rest of a block whose `{` was just read, without a look at what it says. */
  skipBlock(): void {
    const end = endOfBlock(this.#text, this.#at);
    for (const stop = end ?? this.#text.length; this.#at < stop; this.#at++) this.#countLine();
    if (end === undefined) throw new ConfigError('unexpected end of file, expecting "}"', { place: this.place });
  }

  /** White space and comments. A `#` begins a comment only here, between words: `a#b` is one word. */
  #skipBlanks(): void {
    let inComment = false;
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text.charCodeAt(this.#at);
      if (character === LF) {
        this.#line++;
        inComment = false;
      } else if (character === HASH) {
        inComment = true;
      } else if (!inComment && !isBlank(character)) {
        return;
      }
    }
  }

  /** A word without quotes. It ends before white space, `;` or `{`; a `}` or a quote within it is plain. */
  #plain(): Octets {
    const word: Word = { start: this.#at, line: this.#line, quote: undefined };
    do this.#character(word); while (!this.#endsPlain());
    return this.#finished(word);
  }

  #endsPlain(): boolean {
    const character = this.#text.charCodeAt(this.#at);
    return isBlank(character) || character === SEMICOLON || character === OPEN;
  }

  /** A word in quotes; everything but its own quote is plain in there, line ends too. */
  #quoted(quote: string): Octets {
    const word: Word = { start: ++this.#at, line: this.#line, quote };
    while (this.#text[this.#at] !== quote) this.#character(word);
    const finished = this.#finished(word);
    this.#at++;
    this.#expectGap(word);
    return finished;
  }

  /** Passes over one character of a word, over two when a backslash takes the second's meaning, over `${` as a whole. */
  #character(word: Word): void {
    const character = this.#text[this.#at];
    this.#countLine();
    this.#at++;
    if (character === "\\") {
      this.#countLine();
      this.#at++;
    } else if (character === "$") {
      while (this.#text[this.#at] === "{") this.#at++;
    }
    if (this.#at >= this.#text.length) throw this.#cutOff(word);
  }

  /** The word that ends here, its escapes undone. */
  #finished(word: Word): Octets {
    if (this.#at - word.start >= WORD_LIMIT) throw this.#tooLong(word);
    const raw = this.#text.slice(word.start, this.#at);
    return raw.includes("\\") ? raw.replace(ESCAPE, (pair, character: string) => ESCAPES[character] ?? pair) : raw;
  }

  /** What a closing quote must be followed by. The `)` is there for nginx's `if ($a = "b")`. */
  #expectGap({ line, quote }: Word): void {
    const character = this.#text[this.#at];
    if (character === undefined || AFTER_QUOTE.includes(character)) return;
    const hint = line === this.#line ? undefined : `the ${quote} of line ${line} is closed in this line only`;
    throw new ConfigError(`unexpected "${character}"`, { place: this.place, hint });
  }

  #countLine(): void {
    if (this.#text.charCodeAt(this.#at) === LF) this.#line++;
  }

  #placeOf(line: number): Place {
    return this.#file === undefined ? "command line" : { file: this.#file, line };
  }

  #unexpected(character: string, words: readonly Octets[] = []): ConfigError {
    const slip = words.length === 0 ? undefined : `is a ";" missing before "${character}"?`;
    return new ConfigError(`unexpected "${character}"`, { place: this.place, hint: oddCharacter(words) ?? slip });
  }

  #endOfText(words: readonly Octets[], hint?: Octets): ConfigError {
    const text = this.#file === undefined
      ? 'unexpected end of parameter, expecting ";"'
      : 'unexpected end of file, expecting ";" or "}"';
    return new ConfigError(text, { place: this.place, hint: oddCharacter(words) ?? hint });
  }

  /** The text ended within a word. nginx looks at the length first, which finds a missing quote sooner. */
  #cutOff(word: Word): ConfigError {
    if (this.#text.length - word.start > WORD_LIMIT) return this.#tooLong(word);
    const hint = word.quote === undefined ? undefined : `the ${word.quote} of line ${word.line} is not closed`;
    return this.#endOfText([this.#text.slice(word.start)], hint);
  }

  #tooLong(word: Word): ConfigError {
    const text = word.quote === undefined
      ? `too long parameter "${this.#text.slice(word.start, word.start + 10)}..." started`
      : `too long parameter, probably missing terminating "${word.quote}" character`;
    return new ConfigError(text, { place: this.#placeOf(word.line) });
  }
}

/** Where a word that is being read began, and in which quotes. */
interface Word {
  readonly start: number;
  readonly line: number;
  readonly quote: string | undefined;
}

function isBlank(character: number): boolean {
  return character === 0x20 || character === 0x09 || character === 0x0d || character === LF;
}

const LF = 0x0a;
const HASH = 0x23;
const SEMICOLON = 0x3b;
const OPEN = 0x7b;

const AFTER_QUOTE = " \t\r\n;{)";

/** A backslash and what it takes along; a pair that is not in {@linkcode ESCAPES} stays as it is. */
const ESCAPE = /\\([^])/g;
const ESCAPES: Readonly<Record<string, string>> = { '"': '"', "'": "'", "\\": "\\", t: "\t", r: "\r", n: "\n" };
