/**
 * How an SMTP command is written (RFC 5321, 4.1.1): a verb of letters and its arguments. The parser maps a line to a
 * value and writes no replies.
 *
 * @module
 */

import type { Octets } from "../../runtime.ts";
import { parseWordLine, splitWords, trimEnd } from "../../session/line.ts";

export type SmtpVerb =
  | "HELO"
  | "EHLO"
  | "AUTH"
  | "MAIL"
  | "RCPT"
  | "RSET"
  | "NOOP"
  | "QUIT"
  | "STARTTLS"
  | "VRFY"
  | "EXPN"
  | "HELP";

export interface SmtpCommand {
  readonly verb: SmtpVerb;
  readonly args: readonly Octets[];
  /** The whole line as it was sent, without blanks at its end: MAIL and RCPT are passed on like this. */
  readonly line: Octets;
}

/**
 * The command that a line without its end is, or `undefined` when it is none that we know. One that a mail
 * server is told of is none with a NUL in it: no server is told such a thing, and that must not pass for its fault.
 */
export function parseSmtpCommand(line: Octets): SmtpCommand | undefined {
  const parsed = parseWordLine(line);
  const verb = VERBS.find((known) => known === parsed?.word);
  if (parsed === undefined || verb === undefined) return undefined;
  if (TOLD.includes(verb) && line.includes("\0")) return undefined;
  const args = splitWords(parsed.rest, MOST_ARGUMENTS);
  return args === undefined ? undefined : { verb, args, line: trimEnd(line) };
}

/** What the mail server is told of these, the client has said. */
const TOLD: readonly SmtpVerb[] = ["HELO", "EHLO", "MAIL", "RCPT"];
const MOST_ARGUMENTS = 11;
// A set would have V8 look for the word among all its strings first.
const VERBS: readonly SmtpVerb[] = [
  "EHLO",
  "HELO",
  "AUTH",
  "MAIL",
  "RCPT",
  "RSET",
  "NOOP",
  "QUIT",
  "STARTTLS",
  "VRFY",
  "EXPN",
  "HELP",
];
