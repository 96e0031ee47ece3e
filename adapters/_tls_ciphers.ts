/**
 * OpenSSL's cipher lists, for a library that always offers the same suites: such a list is obeyed if all of them are in
 * it. So the usual `HIGH:!aNULL:!MD5` means no change, and `AES128-SHA` is refused instead of being ignored.
 */

import type { Octets } from "../src/runtime.ts";

/** Which of these suites a list leaves out. Words that OpenSSL does not know select nothing there either. */
export function leftOut(list: Octets, suites: readonly string[]): string[] {
  let chosen = new Set<string>();
  const killed = new Set<string>();
  for (const word of list.split(/[: ,;]+/)) {
    const name = word.replace(/^[-+!]/, "");
    const meant = suites.filter((suite) => name.split("+").every((part) => matches(suite, part)));
    if (word.startsWith("@") || word.startsWith("+") || word === "") continue;
    if (word.startsWith("!")) { for (const suite of meant) killed.add(suite); }
    if (word.startsWith("!") || word.startsWith("-")) chosen = new Set([...chosen].filter((s) => !meant.includes(s)));
    else for (const suite of meant) if (!killed.has(suite)) chosen.add(suite);
  }
  return suites.filter((suite) => !chosen.has(suite));
}

/** Whether a suite of TLS 1.2 with ECDHE and AEAD belongs to what a word stands for (openssl-ciphers(1)). */
function matches(suite: string, word: string): boolean {
  if (EVERY_SUITE.has(word) || word === suite) return true;
  const test = WORDS.get(word);
  return test !== undefined && test.test(suite);
}

const EVERY_SUITE: ReadonlySet<string> = new Set(
  "ALL DEFAULT HIGH TLSv1.2 ECDHE kECDHE EECDH kEECDH".split(" "),
);

const WORDS: ReadonlyMap<string, RegExp> = new Map([
  ["AES", /-AES/],
  ["AESGCM", /-AES.*-GCM/],
  ["AES128", /-AES128/],
  ["AES256", /-AES256/],
  ["CHACHA20", /-CHACHA20/],
  ["aRSA", /-RSA-/],
  ["aECDSA", /-ECDSA-/],
  ["ECDSA", /-ECDSA-/],
]);
