/**
 * IMAP commands from octets: first a whole command is gathered, literals and all, then it becomes a tree of values.
 * What the values mean is left to whoever carries the command out.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import type { Incoming } from "./conversation.ts";
import { MESSAGE_LIMIT } from "./mailbox.ts";

/** An argument. An atom may be `BODY[HEADER.FIELDS (FROM)]<0.10>` or `\Seen`; a string was quoted or a literal. */
export type Value =
  | { readonly type: "atom"; readonly text: Octets }
  | { readonly type: "string"; readonly text: Octets }
  | { readonly type: "list"; readonly items: readonly Value[] };

/** One command of a client. */
export interface Command {
  readonly tag: Octets;
  /** In capitals, and without the `UID` in front. */
  readonly name: Octets;
  readonly byUid: boolean;
  readonly args: readonly Value[];
}

/** What gathering came to; `undefined` while there is more to come. */
export type Gathered =
  /** A whole command, with line ends and literals in it. */
  | { readonly type: "command"; readonly octets: Octets }
  /** The client waits for `+` before it sends its literal. */
  | { readonly type: "continue" }
  /** It is too long. When the client `mustClose`, the octets of its literal cannot be told from commands. */
  | { readonly type: "tooLong"; readonly tag: Octets; readonly mustClose: boolean };

/** Puts lines and literals together to commands (RFC 3501, 2.2.1; RFC 7888). */
export class CommandGatherer {
  #octets = "";
  /** How many octets the literal under way has. */
  #literal: number | undefined;

  /** Takes what it can. `mayAppend` says whether a message may come: everything else is short. */
  next(incoming: Incoming, mayAppend: boolean): Gathered | undefined {
    for (;;) {
      if (this.#literal !== undefined) {
        const octets = incoming.take(this.#literal);
        if (octets === undefined) return undefined;
        this.#octets += octets;
        this.#literal = undefined;
      }
      const line = incoming.line(LINE_LIMIT);
      if (line === undefined) return undefined;
      if (line === "tooLong") return this.#tooLong(true);
      this.#octets += line.text;
      const literal = literalAtEnd(line.text);
      if (literal === undefined) return { type: "command", octets: this.#clear() };
      const limit = mayAppend && nameOf(this.#octets) === "APPEND" ? MESSAGE_LIMIT : LINE_LIMIT;
      if (this.#octets.length + literal.length > limit + LINE_LIMIT) return this.#tooLong(!literal.isSynchronizing);
      this.#octets += "\r\n";
      this.#literal = literal.length;
      if (literal.isSynchronizing) return { type: "continue" };
    }
  }

  #tooLong(mustClose: boolean): Gathered {
    return { type: "tooLong", tag: tagOf(this.#clear()), mustClose };
  }

  #clear(): Octets {
    const octets = this.#octets;
    this.#octets = "";
    return octets;
  }
}

/** Reads a gathered command, or `undefined` when it is none. */
export function parseCommand(octets: Octets): Command | undefined {
  const tag = tagOf(octets);
  if (tag === "*") return undefined;
  const parser = new ValueParser(octets, tag.length + 1);
  const values = parser.values(0);
  if (values === undefined || !parser.isAtEnd) return undefined;
  const [first, second] = values;
  if (first?.type !== "atom") return undefined;
  const name = first.text.toUpperCase();
  if (name !== "UID") return { tag, name, byUid: false, args: values.slice(1) };
  if (second?.type !== "atom") return undefined;
  return { tag, name: second.text.toUpperCase(), byUid: true, args: values.slice(2) };
}

/** The tag that a reply to these octets has: `*` when they begin with none. */
export function tagOf(octets: Octets): Octets {
  const end = octets.indexOf(" ");
  const tag = end < 0 ? "" : octets.slice(0, end);
  return isTag(tag) ? tag : "*";
}

/** The text of an atom or a string. */
export function textOf(value: Value | undefined): Octets | undefined {
  return value === undefined || value.type === "list" ? undefined : value.text;
}

/** The texts of a list, or of a lone value; `undefined` when there is a list in it. */
export function textsOf(value: Value | undefined): readonly Octets[] | undefined {
  if (value === undefined) return undefined;
  if (value.type !== "list") return [value.text];
  const texts = value.items.map(textOf);
  return texts.every((text) => text !== undefined) ? texts : undefined;
}

class ValueParser {
  readonly #octets: Octets;
  #at: number;

  constructor(octets: Octets, at: number) {
    this.#octets = octets;
    this.#at = at;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#octets.length;
  }

  /** Values up to the end or a closing parenthesis. */
  values(depth: number): Value[] | undefined {
    const values: Value[] = [];
    for (;;) {
      while (this.#octets[this.#at] === " ") this.#at++;
      if (this.isAtEnd || this.#octets[this.#at] === ")") return values;
      const value = this.#value(depth);
      if (value === undefined) return undefined;
      values.push(value);
    }
  }

  #value(depth: number): Value | undefined {
    switch (this.#octets[this.#at]) {
      case "(":
        return this.#list(depth + 1);
      case '"':
        return this.#quoted();
      case "{":
        return this.#literal();
      default:
        return this.#atom();
    }
  }

  #list(depth: number): Value | undefined {
    if (depth > DEPTH_LIMIT) return undefined;
    this.#at++;
    const items = this.values(depth);
    if (items === undefined || this.#octets[this.#at] !== ")") return undefined;
    this.#at++;
    return { type: "list", items };
  }

  #quoted(): Value | undefined {
    let text = "";
    for (this.#at++; !this.isAtEnd; this.#at++) {
      let character = this.#octets.charAt(this.#at);
      if (character === '"') {
        this.#at++;
        return { type: "string", text };
      }
      if (character === "\\") character = this.#octets.charAt(++this.#at);
      if (character === "\r" || character === "\n") return undefined;
      text += character;
    }
    return undefined;
  }

  #literal(): Value | undefined {
    const start = this.#octets.indexOf("\r\n", this.#at);
    const length = literalAtEnd(this.#octets.slice(this.#at, start))?.length;
    if (start < 0 || length === undefined || this.#octets.lastIndexOf("{", start) !== this.#at) return undefined;
    this.#at = start + 2 + length;
    return { type: "string", text: this.#octets.slice(start + 2, this.#at) };
  }

  /** Runs to a blank or a parenthesis, but over all that stands in square brackets. */
  #atom(): Value | undefined {
    const start = this.#at;
    let isBracketed = false;
    let isQuoted = false;
    for (; !this.isAtEnd; this.#at++) {
      const character = this.#octets.charAt(this.#at);
      if (character < " " || character === "\x7f") return undefined;
      if (isQuoted) isQuoted = character !== '"';
      else if (isBracketed) {
        isBracketed = character !== "]";
        isQuoted = character === '"';
      } else if (character === "[") isBracketed = true;
      else if (' ()"{'.includes(character)) break;
    }
    return isBracketed || this.#at === start ? undefined : { type: "atom", text: this.#octets.slice(start, this.#at) };
  }
}

/** `{N}` or `{N+}` at the end of a line. No line ends so that has another sense: `{` stands in no atom. */
function literalAtEnd(line: Octets): { readonly length: number; readonly isSynchronizing: boolean } | undefined {
  const open = line.endsWith("}") ? line.lastIndexOf("{") : -1;
  if (open < 0) return undefined;
  const isSynchronizing = !line.endsWith("+}");
  const digits = line.slice(open + 1, isSynchronizing ? -1 : -2);
  if (digits === "" || digits.length > 10) return undefined;
  for (const digit of digits) if (digit < "0" || digit > "9") return undefined;
  return { length: Number(digits), isSynchronizing };
}

/** The command word of what was gathered so far. */
function nameOf(octets: Octets): Octets {
  return (octets.slice(0, 200).split(" ")[1] ?? "").toUpperCase();
}

function isTag(text: Octets): boolean {
  for (const character of text) if (character <= " " || '(){%*"\\+\x7f'.includes(character)) return false;
  return text !== "";
}

const LINE_LIMIT = 16 * 1024;
const DEPTH_LIMIT = 20;
