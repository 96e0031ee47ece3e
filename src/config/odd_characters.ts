/**
 * Characters that look like the language's own and are not: they come from web pages and word processors.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";

/** What to say to the first such character in these words; `undefined` when there is none. */
export function oddCharacter(words: readonly Octets[]): Octets | undefined {
  for (const word of words) {
    const found = ODD.exec(word)?.[0];
    if (found === undefined) continue;
    const [name, plain] = MEANINGS[found] ?? ["an unusual character", "a plain one"];
    return `"${word}" has ${name} in it, write ${plain}`;
  }
  return undefined;
}

/** In UTF-8: what it is, and what stands for it in a configuration. */
const MEANINGS: Readonly<Record<Octets, readonly [name: string, plain: string]>> = {
  "\xc2\xa0": ["a no-break space", "a blank"],
  "\xe2\x80\x8b": ["a space without width", "nothing there"],
  "\xe3\x80\x80": ["a full-width space", "a blank"],
  "\xef\xbb\xbf": ["a byte order mark", "nothing there"],
  "\xef\xbc\x83": ["a full-width number sign", 'a "#"'],
  "\xef\xbc\x9a": ["a full-width colon", 'a ":"'],
  "\xef\xbc\x9b": ["a full-width semicolon", 'a ";"'],
  "\xef\xbd\x9b": ["a full-width brace", 'a "{"'],
  "\xef\xbd\x9d": ["a full-width brace", 'a "}"'],
  "\xe2\x80\x98": ["a typographic quote", "a '"],
  "\xe2\x80\x99": ["a typographic quote", "a '"],
  "\xe2\x80\x9c": ["a typographic quote", 'a "'],
  "\xe2\x80\x9d": ["a typographic quote", 'a "'],
};
const ODD = new RegExp(Object.keys(MEANINGS).join("|"));
