/**
 * How a POP3 command is written (RFC 1939, 3; RFC 2449, 4): a keyword of letters and its arguments. The parser maps a
 * line to a value and writes no replies.
 *
 * @module
 */

import type { Octets } from "../../runtime.ts";
import { parseWordLine, splitWords } from "../../session/line.ts";

export type Pop3Keyword = "USER" | "PASS" | "APOP" | "CAPA" | "AUTH" | "QUIT" | "NOOP" | "STLS";

export interface Pop3Command {
  readonly keyword: Pop3Keyword;
  readonly args: readonly Octets[];
}

/** The command that a line without its end is, or `undefined` when it is none that we know. */
export function parsePop3Command(line: Octets): Pop3Command | undefined {
  const parsed = parseWordLine(line);
  if (parsed === undefined || !isKeyword(parsed.word)) return undefined;
  const args = takesWholeLine(parsed.word) ? wholeLine(parsed.rest) : splitWords(parsed.rest, MOST_ARGUMENTS);
  return args === undefined ? undefined : { keyword: parsed.word, args };
}

/** Names and passwords may have blanks, at their end too. */
function takesWholeLine(keyword: Pop3Keyword): boolean {
  return keyword === "USER" || keyword === "PASS";
}

function wholeLine(rest: Octets): Octets[] {
  return rest === "" ? [] : [rest];
}

function isKeyword(word: string): word is Pop3Keyword {
  return KEYWORDS.has(word);
}

const MOST_ARGUMENTS = 3;
const KEYWORDS: ReadonlySet<string> = new Set<Pop3Keyword>(
  ["USER", "PASS", "APOP", "CAPA", "AUTH", "QUIT", "NOOP", "STLS"],
);
