/**
 * Regular expressions as nginx's configurations have them: PCRE's language, as far as the runtimes' own says the same.
 * What they have no word for is refused by name, and what they would take for something else is written anew, so that
 * a pattern never silently means another thing here.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { POSIX_CLASSES, SHORTHANDS } from "./_pcre.ts";
import type { Captures } from "./table.ts";

/** A pattern ready to be used. */
export interface Regex {
  /** The groups of the first match; `undefined` where there is none, or the subject is too long. */
  match(subject: Octets): Captures | undefined;
  /** The numbers of named groups, by their names in lower case. */
  readonly names: ReadonlyMap<Octets, number>;
  /** Whether it repeats what fits in several ways: some subjects may take such a pattern forever. Not all are known. */
  readonly isRisky: boolean;
}

/**
 * Octets that a pattern is tried on at most. What a client says may be as long as its buffer, and the work that a
 * pattern needs may grow much faster than its subject.
 */
export const SUBJECT_LIMIT = 1024;

/** Compiles a pattern; the reason as a text when it cannot be. */
export function compileRegex(pattern: Octets, ignoresCase: boolean): Regex | string {
  const compilePart = (part: Octets, flags: string) => compile(new Translator(`${flags}${part}`), ignoresCase);
  return compile(new Translator(pattern, compilePart), ignoresCase);
}

function compile(translator: Translator, ignoresCase: boolean): Regex | string {
  const source = translator.translate();
  if (source === undefined) return translator.fault ?? "";
  const { names, isRisky } = translator;
  const flags = `${ignoresCase || translator.flags.includes("i") ? "i" : ""}${
    translator.flags.includes("m") ? "m" : ""
  }`;
  let regex: RegExp;
  try {
    regex = new RegExp(source, flags);
  } catch {
    return "it is not well formed";
  }
  return {
    names,
    isRisky,
    match: (subject: Octets) => subject.length > SUBJECT_LIMIT ? undefined : regex.exec(subject) ?? undefined,
  };
}

/** Goes through a pattern once, from left to right. */
class Translator {
  readonly names = new Map<Octets, number>();
  /** What cannot be translated. */
  fault: string | undefined;
  /** Those of `(?ims)` at the beginning. */
  flags = "";
  isRisky = false;
  readonly #pattern: Octets;
  readonly #compilePart: CompilePart | undefined;
  #at = 0;
  #groups = 0;
  readonly #open: Group[] = [];
  /** The numbers of the groups that may be referred to. */
  readonly #closed = new Set<number>();
  #repeats = false;

  /** `compilePart` is for a closer look at the alternatives of a group. */
  constructor(pattern: Octets, compilePart?: CompilePart) {
    this.#pattern = pattern;
    this.#compilePart = compilePart;
  }

  translate(): string | undefined {
    const flags = /^\(\?([ims]+)\)/.exec(this.#pattern);
    this.flags = flags?.[1] ?? "";
    this.#at = flags?.[0].length ?? 0;
    let source = "";
    while (this.#at < this.#pattern.length && this.fault === undefined) source += this.#next();
    return this.fault === undefined ? source : undefined;
  }

  #next(): string {
    const character = this.#pattern.charAt(this.#at);
    switch (character) {
      case "\\":
        return this.#escape();
      case "[":
        return this.#class();
      case "(":
        return this.#group();
      case ")":
        return this.#endGroup();
      case "|":
        this.#open.at(-1)?.bars.push(this.#at);
        return this.#take(1);
      case ".":
        this.#at++;
        return this.flags.includes("s") ? "[^]" : "[^\\n]";
      case "*":
      case "+":
      case "?":
        return this.#quantifier(character);
      case "{":
        return this.#quantifier(/^\{\d+(?:,\d*)?\}/.exec(this.#pattern.slice(this.#at, this.#at + 20))?.[0]);
      default:
        this.#at++;
        return character;
    }
  }

  #quantifier(quantifier: string | undefined): string {
    if (quantifier === undefined) return this.#take(1);
    if (isEndless(quantifier)) this.#repeats = true;
    this.#at += quantifier.length;
    if (this.#pattern.charAt(this.#at) === "+") return this.#refuse("possessive quantifiers are not supported");
    return this.#pattern.charAt(this.#at) === "?" ? quantifier + this.#take(1) : quantifier;
  }

  #escape(): string {
    const pair = this.#pattern.slice(this.#at, this.#at + 2);
    const reference = /^\\[1-9]\d*/.exec(this.#pattern.slice(this.#at, this.#at + 5))?.[0];
    if (reference !== undefined) return this.#reference(reference);
    const hex = /^\\x\{([0-9a-fA-F]{1,2})\}/.exec(this.#pattern.slice(this.#at, this.#at + 6));
    if (hex !== null) {
      this.#at += hex[0].length;
      return `\\x${hex[1]?.padStart(2, "0")}`;
    }
    if (pair.length === 1) return this.#refuse("a \\ stands at its end");
    this.#at += 2;
    const letter = pair.charAt(1);
    if (!/[a-zA-Z]/.test(letter) || PLAIN_ESCAPES.includes(letter)) return pair;
    return SHORTHANDS.get(letter) ?? this.#refuse(`"${pair}" is not supported`);
  }

  /** To a group that is not there it is an octet to the runtimes, and to one that is not over it fits always. */
  #reference(text: string): string {
    const number = Number(text.slice(1));
    if (this.#closed.has(number)) return this.#take(text.length);
    const octal = number > 9 && number > this.#groups ? /^[0-7]{1,3}/.exec(text.slice(1))?.[0] : undefined;
    const octet = Number.parseInt(octal ?? "", 8);
    if (octal === undefined || octet > 0xff) return this.#refuse(`"${text}" refers to no group before it`);
    this.#at += 1 + octal.length;
    return `\\x${octet.toString(16).padStart(2, "0")}`;
  }

  #class(): string {
    let source = this.#take(1);
    if (this.#pattern.charAt(this.#at) === "^") source += this.#take(1);
    // Here a bracket is a member of the class; to the runtimes it would be its end.
    if (this.#pattern.charAt(this.#at) === "]") source += `\\${this.#take(1)}`;
    while (this.#at < this.#pattern.length && this.fault === undefined) {
      const character = this.#pattern.charAt(this.#at);
      if (character === "]") return source + this.#take(1);
      if (character === "\\") source += this.#escapeInClass();
      else if (character === "[") source += this.#posixClass();
      else source += this.#take(1);
    }
    return this.fault === undefined ? this.#refuse("a ] is missing") : "";
  }

  #escapeInClass(): string {
    const letter = this.#pattern.charAt(this.#at + 1);
    // There are no references in a class.
    if (/\d/.test(letter)) return this.#take(2);
    const text = this.#escape();
    if (letter === "b") return "\\b";
    // What stands for several characters is a class already: its brackets are too many here.
    if (text.startsWith("[^")) return this.#refuse(`"\\${letter}" in a class is not supported`);
    return text.startsWith("[") ? text.slice(1, -1) : text;
  }

  #posixClass(): string {
    const found = /^\[:(\^?[a-z]+):\]/.exec(this.#pattern.slice(this.#at, this.#at + 14));
    if (found === null) return `\\${this.#take(1)}`;
    this.#at += found[0].length;
    return POSIX_CLASSES.get(found[1] ?? "") ?? this.#refuse(`"${found[0]}" is not supported`);
  }

  #group(): string {
    const rest = this.#pattern.slice(this.#at, this.#at + LONGEST_OPENING);
    const plain = /^\(\?(?::|=|!|<=|<!)/.exec(rest);
    if (plain !== null) return this.#openGroup(plain[0], undefined);
    const named = /^\(\?(?:P?<([a-zA-Z_][a-zA-Z0-9_]*)>|'([a-zA-Z_][a-zA-Z0-9_]*)')/.exec(rest);
    if (named !== null) return this.#namedGroup(named[0], named[1] ?? named[2] ?? "");
    if (/^\((?:\?|\*[A-Z])/.test(rest)) return this.#refuse(`"${rest.slice(0, 3)}" is not supported`);
    return this.#openGroup("(", ++this.#groups);
  }

  #openGroup(opening: string, number: number | undefined): string {
    this.#at += opening.length;
    this.#open.push({ number, from: this.#at, bars: [], repeatedBefore: this.#repeats });
    this.#repeats = false;
    return opening;
  }

  #namedGroup(opening: string, name: string): string {
    const lower = name.toLowerCase();
    if (this.names.has(lower)) return this.#refuse(`two groups are named "${name}"`);
    this.names.set(lower, ++this.#groups);
    this.#openGroup(opening, this.#groups);
    return "(";
  }

  #endGroup(): string {
    const group = this.#open.pop();
    if (group?.number !== undefined) this.#closed.add(group.number);
    const repeatsInside = this.#repeats;
    const next = /^\)(\*|\+|\{\d+,\d*\})/.exec(this.#pattern.slice(this.#at, this.#at + 20))?.[1];
    if (next !== undefined && mostOf(next) > 2 && (repeatsInside || this.#isAmbiguous(group))) this.isRisky = true;
    this.#repeats = repeatsInside || (group?.repeatedBefore ?? false);
    return this.#take(1);
  }

  /** Whether one octet fits several alternatives of a group. */
  #isAmbiguous(group: Group | undefined): boolean {
    const compilePart = this.#compilePart;
    if (compilePart === undefined || group === undefined || group.bars.length === 0) return false;
    const starts = [group.from, ...group.bars.map((bar) => bar + 1)];
    const ends = [...group.bars, this.#at];
    const flags = this.flags === "" ? "" : `(?${this.flags})`;
    const alternatives = starts.map((start, i) => compilePart(`^(?:${this.#pattern.slice(start, ends[i])})$`, flags));
    return OCTETS.some((octet) => {
      return alternatives.filter((each) => typeof each !== "string" && each.match(octet) !== undefined).length > 1;
    });
  }

  #take(count: number): string {
    const text = this.#pattern.slice(this.#at, this.#at + count);
    this.#at += count;
    return text;
  }

  #refuse(reason: string): string {
    this.fault = reason;
    return "";
  }
}

function isEndless(quantifier: string): boolean {
  return quantifier === "*" || quantifier === "+" || quantifier.endsWith(",}");
}

/** How often it may repeat. */
function mostOf(quantifier: string): number {
  return isEndless(quantifier) ? Infinity : Number(/(\d+)\}$/.exec(quantifier)?.[1]);
}

/** Compiles a part of a pattern as it stands there, behind what is said of all of it at its beginning. */
type CompilePart = (part: Octets, flags: string) => Regex | string;

/** A group that is not over. */
interface Group {
  /** `undefined` for one that catches nothing. */
  readonly number: number | undefined;
  /** Where its content begins. */
  readonly from: number;
  /** Where its alternatives are told apart. */
  readonly bars: number[];
  /** Whether something before it, in the group around it, repeats without end. */
  readonly repeatedBefore: boolean;
}

const OCTETS: readonly Octets[] = Array.from({ length: 256 }, (_, octet) => String.fromCharCode(octet));

/** Escapes with letters that mean the same to PCRE and to the runtimes. */
const PLAIN_ESCAPES = "dDwWbBtnrfx";

const LONGEST_OPENING = 64;
