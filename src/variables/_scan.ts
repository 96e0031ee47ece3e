/** How a variable is written: `$name` or `${name}`, and `$1` for a capture. This file knows no names. */

import { ConfigError } from "../config/error.ts";
import type { Place } from "../config/types.ts";
import type { Octets } from "../runtime.ts";

/** A name that was found, in lower case: nginx's variables are the same in any case. */
export interface Mention {
  readonly name: Octets;
  /** As written, with `$` and braces. */
  readonly written: Octets;
}

/** What nginx says of a `$` that no name follows; `rest` is the text from there on. */
export type Complaint = (rest: Octets) => Octets;

/** Cuts a text into plain texts and names. Throws {@linkcode ConfigError}. */
export function scan(text: Octets, place: Place, complaint: Complaint): readonly (Octets | Mention)[] {
  const pieces: (Octets | Mention)[] = [];
  let start = 0;
  for (let at = text.indexOf("$"); at !== -1; at = text.indexOf("$", start)) {
    if (at > start) pieces.push(text.slice(start, at));
    const end = endOfMention(text, at, place);
    const written = text.slice(at, end);
    const name = written.startsWith("${") ? written.slice(2, -1) : written.slice(1);
    if (name === "") throw new ConfigError(complaint(text.slice(at)), { place });
    pieces.push({ name: name.toLowerCase(), written });
    start = end;
  }
  if (start < text.length) pieces.push(text.slice(start));
  return pieces;
}

/** The index behind the name whose `$` stands at `at`. */
function endOfMention(text: Octets, at: number, place: Place): number {
  const isBraced = text.charAt(at + 1) === "{";
  const start = isBraced ? at + 2 : at + 1;
  const isCapture = !isBraced && DIGIT.test(text.charAt(start));
  let end = isCapture ? start + 1 : start;
  while (!isCapture && isNameOctet(text.charCodeAt(end))) end++;
  if (!isBraced) return end;
  if (text.charAt(end) === "}") return end + 1;
  if (start === text.length) return start;
  throw new ConfigError(`the closing bracket in "${text.slice(start, end)}" variable is missing`, { place });
}

/** Whether an octet may stand in a name: a letter, a digit or `_`. */
export function isNameOctet(octet: number): boolean {
  const lower = octet | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || (octet >= 0x30 && octet <= 0x39) || octet === 0x5f;
}

/** `$0` is a name like any other: nginx's captures begin with 1. */
const DIGIT = /^[1-9]$/;
