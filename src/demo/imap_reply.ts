/**
 * What the IMAP server's commands share: what a connection knows, and what a command answers.
 *
 * @module
 */

import type { Millis, Octets } from "../runtime.ts";
import type { View } from "./imap_view.ts";
import type { Account, MailStore } from "./mailbox.ts";

/** What a connection knows; commands change it. */
export interface ImapState {
  readonly store: MailStore;
  /** The wall clock. */
  readonly date: () => Millis;
  account: Account | undefined;
  view: View | undefined;
}

/** The answer to a command. */
export interface Reply {
  readonly status: "OK" | "NO" | "BAD";
  /** What follows the status in the tagged line: a response code, if any, and words. */
  readonly text: Octets;
  /** Whole untagged responses, which go first. */
  readonly untagged: Octets;
}

/** It was done. */
export function ok(text: Octets, untagged = ""): Reply {
  return { status: "OK", text, untagged };
}

/** It was understood, and cannot be done. */
export function no(text: Octets): Reply {
  return { status: "NO", text, untagged: "" };
}

/** It was not understood. */
export function bad(text: Octets): Reply {
  return { status: "BAD", text, untagged: "" };
}

/** The flags that mean something to the server (RFC 3501, 2.3.2); `\Recent` it never gives. */
export const SYSTEM_FLAGS: readonly Octets[] = ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"];

/** The flags in a list, each once and system flags in their usual spelling; what no client may set is left out. */
export function cleanFlags(flags: readonly Octets[]): readonly Octets[] {
  const clean = new Map<Octets, Octets>();
  for (const flag of flags) {
    const key = flag.toLowerCase();
    const known = SYSTEM_FLAGS.find((own) => own.toLowerCase() === key);
    const isKeyword = flag !== "" && flag.length <= KEYWORD_LENGTH_LIMIT && !flag.startsWith("\\");
    if (known !== undefined) clean.set(key, known);
    else if (isKeyword && clean.size < FLAG_LIMIT) clean.set(key, clean.get(key) ?? flag);
  }
  return [...clean.values()];
}

const KEYWORD_LENGTH_LIMIT = 64;
const FLAG_LIMIT = 32;
