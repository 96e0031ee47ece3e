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

/** Cuts a text into plain texts and names. Throws {@linkcode ConfigError} unless there is no `complaint`. */
export function scan(text: Octets, place: Place, complaint: Complaint | undefined): readonly (Octets | Mention)[] {
  const pieces: (Octets | Mention)[] = [];
  let start = 0;
  for (let at = text.indexOf("$"); at !== -1; at = text.indexOf("$", at + 1)) {
    const mention = mentionAt(text, at);
    if (typeof mention !== "string") {
      if (at > start) pieces.push(text.slice(start, at));
      pieces.push(mention);
      start = at + mention.written.length;
    } else if (complaint !== undefined) {
      throw new ConfigError(mention === "" ? complaint(text.slice(at)) : mention, { place });
    }
  }
  if (start < text.length) pieces.push(text.slice(start));
  return pieces;
}

/** The name whose `$` stands at `at`, or what nginx says of it; empty where there is no name at all. */
function mentionAt(text: Octets, at: number): Mention | Octets {
  const isBraced = text.charAt(at + 1) === "{";
  const start = isBraced ? at + 2 : at + 1;
  const isCapture = !isBraced && DIGIT.test(text.charAt(start));
  let end = isCapture ? start + 1 : start;
  while (!isCapture && isNameOctet(text.charCodeAt(end))) end++;
  const name = text.slice(start, end);
  if (isBraced && start < text.length && text.charAt(end) !== "}") {
    return `the closing bracket in "${name}" variable is missing`;
  }
  return name === "" ? "" : { name: name.toLowerCase(), written: text.slice(at, isBraced ? end + 1 : end) };
}

/** Whether an octet may stand in a name: a letter, a digit or `_`. */
export function isNameOctet(octet: number): boolean {
  const lower = octet | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || (octet >= 0x30 && octet <= 0x39) || octet === 0x5f;
}

/** `$0` is a name like any other: nginx's captures begin with 1. */
const DIGIT = /^[1-9]$/;
