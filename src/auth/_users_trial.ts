/**
 * What a client showed, tried against the lines of a users file. Comparisons take the same time wherever the difference
 * is, and a trial against somebody else's lines costs what one against one's own costs.
 *
 * @module
 */

import type { Cancel, Hashing, Octets } from "../runtime.ts";
import type { UserEntry } from "./_users_table.ts";

/** What a trial does with what it finds out. */
export interface TrialHandler {
  /** The line's password is right. Whether that is enough: if not, the other lines are tried, too. */
  matched(entry: UserEntry): boolean;
  /** All lines were tried, and none was enough. */
  exhausted(): void;
  /** A hash could not be computed. */
  failed(reason: Octets): void;
}

/** Tries a password against each line in turn, one hash at a time. */
export function tryPassword(
  given: Octets,
  entries: readonly UserEntry[],
  { hashing, handler }: { readonly hashing: Hashing; readonly handler: TrialHandler },
): Cancel {
  let at = 0;
  let cancel: Cancel = () => {};
  const goOn = (): void => {
    for (let entry = entries[at++]; entry !== undefined; entry = entries[at++]) {
      const { password } = entry;
      if (password.type === "plain" && areEqual(given, password.secret.reveal()) && handler.matched(entry)) return;
      if (password.type !== "hash") continue;
      const tried = entry;
      const derived = (digest: Octets) => {
        const isEnough = areEqual(digest, password.digest) && handler.matched(tried);
        if (!isEnough) goOn();
      };
      cancel = hashing.derive(given, password.derivation, { derived, failed: (reason) => handler.failed(reason) });
      return;
    }
    handler.exhausted();
  };
  goOn();
  return () => cancel();
}

/** Tries a digest that was made with a password and a salt: only lines that have the password itself can be right. */
export function tryDigest(
  given: Octets,
  entries: readonly UserEntry[],
  { digestOf, handler }: { readonly digestOf: (secret: Octets) => Octets; readonly handler: TrialHandler },
): void {
  const digest = given.toLowerCase();
  for (const entry of entries) {
    const { password } = entry;
    if (password.type !== "plain") continue;
    if (areEqual(digest, toHex(digestOf(password.secret.reveal()))) && handler.matched(entry)) return;
  }
  handler.exhausted();
}

/** Looks at every octet of `given`, whatever it finds. */
export function areEqual(given: Octets, kept: Octets): boolean {
  let difference = given.length ^ kept.length;
  for (let i = 0; i < given.length; i++) difference |= given.charCodeAt(i) ^ kept.charCodeAt(i % (kept.length || 1));
  return difference === 0;
}

function toHex(octets: Octets): Octets {
  return Array.from(octets, (octet) => octet.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}
