/**
 * Finding the end of a block that is somebody else's, such as `http {}`. This file reads what nginx and its modules read
 * there just well enough to count braces, Lua code included, and accepts whatever stands between them.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";

/** Where the block ends whose `{` stands before `from`: the index after its `}`, or `undefined` if it never does. */
export function endOfBlock(text: Octets, from: number): number | undefined {
  let depth = 1;
  let name: Octets | undefined;
  for (let at: number | undefined = from; at !== undefined && at < text.length;) {
    const character = text.charAt(at);
    if (character === "{" && name?.endsWith("_by_lua_block")) {
      name = undefined;
      at = endOfLua(text, at + 1);
    } else if (character === "{" || character === "}" || character === ";") {
      name = undefined;
      at++;
      if (character === "{") depth++;
      if (character === "}" && --depth === 0) return at;
    } else if (BLANK.includes(character)) {
      at++;
    } else {
      const end = endOfWord(text, at);
      if (character !== "#") name ??= text.slice(at, end);
      at = end;
    }
  }
  return undefined;
}

/** Where the word, quoted word or comment at `from` ends. */
function endOfWord(text: Octets, from: number): number | undefined {
  const first = text.charAt(from);
  if (first === "#") return endOfLine(text, from);
  if (first === '"' || first === "'") return endOfQuoted(text, from, false);
  for (let at = from; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === "\\") at++;
    else if (character === "$") at = text.charAt(at + 1) === "{" ? at + 1 : at;
    else if (WORD_END.includes(character)) return at;
  }
  return undefined;
}

function endOfLine(text: Octets, from: number): number | undefined {
  const end = text.indexOf("\n", from);
  return end === -1 ? undefined : end;
}

/** The index after the quote that matches the one at `from`. A string in Lua also ends with its line. */
function endOfQuoted(text: Octets, from: number, inLua: boolean): number | undefined {
  const quote = text.charAt(from);
  for (let at = from + 1; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === "\\") at++;
    else if (character === quote || (inLua && character === "\n")) return at + 1;
  }
  return undefined;
}

/** The same as {@linkcode endOfBlock} for Lua code, whose comments and strings may hold braces and lone quotes. */
function endOfLua(text: Octets, from: number): number | undefined {
  let depth = 1;
  for (let at: number | undefined = from; at !== undefined && at < text.length;) {
    const character = text.charAt(at);
    if (character === "-" && text.charAt(at + 1) === "-") {
      at = endOfLongBracket(text, at + 2) ?? endOfLine(text, at);
    } else if (character === '"' || character === "'") {
      at = endOfQuoted(text, at, true);
    } else if (character === "[") {
      at = endOfLongBracket(text, at) ?? at + 1;
    } else {
      at++;
      if (character === "{") depth++;
      if (character === "}" && --depth === 0) return at;
    }
  }
  return undefined;
}

/** The index after Lua's `[[…]]` or `[=[…]=]`, if one begins at `from`; one that never ends takes the rest with it. */
function endOfLongBracket(text: Octets, from: number): number | undefined {
  if (text.charAt(from) !== "[") return undefined;
  let level = 0;
  while (text.charAt(from + 1 + level) === "=") level++;
  if (text.charAt(from + 1 + level) !== "[") return undefined;
  const close = `]${"=".repeat(level)}]`;
  const end = text.indexOf(close, from + 2 + level);
  return end === -1 ? text.length : end + close.length;
}

const BLANK = " \t\r\n";
const WORD_END = " \t\r\n;{";
