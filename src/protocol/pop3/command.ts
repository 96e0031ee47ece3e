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
  const keyword = KEYWORDS.find((known) => known === parsed?.word);
  if (parsed === undefined || keyword === undefined) return undefined;
  const args = takesWholeLine(keyword) ? wholeLine(parsed.rest) : splitWords(parsed.rest, MOST_ARGUMENTS);
  return args === undefined ? undefined : { keyword, args };
}

/** Names and passwords may have blanks, at their end too. */
function takesWholeLine(keyword: Pop3Keyword): boolean {
  return keyword === "USER" || keyword === "PASS";
}

function wholeLine(rest: Octets): Octets[] {
  return rest === "" ? [] : [rest];
}

const MOST_ARGUMENTS = 3;
// A set would have V8 look for the word among all its strings first.
const KEYWORDS: readonly Pop3Keyword[] = ["USER", "PASS", "APOP", "CAPA", "AUTH", "QUIT", "NOOP", "STLS"];
