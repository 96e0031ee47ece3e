import type { Octets } from "../runtime.ts";

/** The text in lower case, its ASCII letters alone: an octet from 0x80 on is half of a letter, or none. */
export function lowerAscii(text: Octets): Octets {
  return /[A-Z]/.test(text) ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text;
}
