import type { Octets } from "../runtime.ts";

/** A command word and what follows it, as POP3 and SMTP have them. */
export interface WordLine {
  /** The word in capitals. */
  readonly word: Octets;
  /** What follows the blanks behind the word, up to the line's end; empty when nothing does. */
  readonly rest: Octets;
}

/**
 * Takes a line apart behind its first word. `undefined` when the line does not begin with a word of letters that a
 * blank or the line's end follows, or when it has a CR: a CR belongs in front of LF and nowhere else.
 */
export function parseWordLine(line: Octets): WordLine | undefined {
  let end = 0;
  while (end < line.length && isLetter(line.charCodeAt(end))) end++;
  if (end === 0 || line.includes("\r")) return undefined;
  if (end < line.length && line[end] !== " ") return undefined;
  return { word: capitals(line.slice(0, end)), rest: line.slice(skipBlanks(line, end)) };
}

/** The text in capitals, which most commands are in already. */
export function capitals(text: Octets): Octets {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > CAPITAL_Z) return text.toUpperCase();
  return text;
}

/** The words of a text that blanks part, or `undefined` when there are more than `most`. */
export function splitWords(text: Octets, most: number): Octets[] | undefined {
  const words: Octets[] = [];
  let at = skipBlanks(text, 0);
  while (at < text.length) {
    if (words.length === most) return undefined;
    const blank = text.indexOf(" ", at);
    const end = blank < 0 ? text.length : blank;
    words.push(text.slice(at, end));
    at = skipBlanks(text, end);
  }
  return words;
}

/** The text without the blanks at its end. */
export function trimEnd(text: Octets): Octets {
  let end = text.length;
  while (end > 0 && text[end - 1] === " ") end--;
  return text.slice(0, end);
}

/** Whether an octet is an ASCII letter. */
export function isLetter(octet: number): boolean {
  return (octet >= 0x41 && octet <= 0x5a) || (octet >= 0x61 && octet <= 0x7a);
}

/** Whether a text has an octet that would end a line of a protocol, or a C string: CR, LF or NUL. */
export function breaksLine(text: Octets): boolean {
  return text.includes("\r") || text.includes("\n") || text.includes("\0");
}

const CAPITAL_Z = 0x5a;

function skipBlanks(text: Octets, from: number): number {
  let at = from;
  while (text[at] === " ") at++;
  return at;
}
