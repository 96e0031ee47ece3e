/**
 * OpenSSL's cipher lists, for a library that always has the same suites of TLS 1.2. If all of them are in a list, as in
 * the usual `HIGH:!aNULL:!MD5`, it means no change. If some are, a peer that would come to one of the others is turned
 * away, which can be told before the handshake: the library follows the client's order. With none of them, as in
 * `AES128-SHA`, the list is refused instead of being ignored.
 */

import type { Octets } from "../src/runtime.ts";

/** Suites by OpenSSL's names, with the numbers they have on the wire. */
export type Suites = ReadonlyMap<Octets, number>;

/** What a list comes to among the suites that a library always has. */
export class CipherChoice {
  /** The suites that are not in the list. */
  readonly leftOut: readonly Octets[];
  readonly #suites: Suites;
  readonly #numbers: ReadonlySet<number>;

  constructor(list: Octets, suites: Suites) {
    this.leftOut = leftOut(list, [...suites.keys()]);
    this.#suites = suites;
    this.#numbers = new Set(suites.values());
  }

  /** Whether the list has none of the suites. */
  get isEmpty(): boolean {
    return this.leftOut.length === this.#suites.size;
  }

  /** Whether a client that offers these suites, in this order, comes to one in the list, or to none at all. */
  admits(offered: readonly number[]): boolean {
    const chosen = offered.find((number) => this.#numbers.has(number));
    return chosen === undefined || !this.leftOut.some((name) => this.#suites.get(name) === chosen);
  }
}

/** Which of these suites a list leaves out. Words that OpenSSL does not know select nothing there either. */
export function leftOut(list: Octets, suites: readonly string[]): string[] {
  let chosen = new Set<string>();
  const killed = new Set<string>();
  for (const word of list.split(/[: ,;]+|(?=@)/)) {
    const name = word.replace(/^[-+!]/, "");
    const meant = suites.filter((suite) => name.split("+").every((part) => matches(suite, part)));
    if (word.startsWith("@") || word.startsWith("+") || word === "") continue;
    if (word.startsWith("!")) { for (const suite of meant) killed.add(suite); }
    if (word.startsWith("!") || word.startsWith("-")) chosen = new Set([...chosen].filter((s) => !meant.includes(s)));
    else for (const suite of meant) if (!killed.has(suite)) chosen.add(suite);
  }
  return suites.filter((suite) => !chosen.has(suite));
}

/** The security level that a list asks for, if it does. */
export function securityLevel(list: Octets): number | undefined {
  const [, level] = /@SECLEVEL=(\d)/.exec(list) ?? [];
  return level === undefined ? undefined : Number(level);
}

/** The list for a library that knows no levels. */
export function withoutSecurityLevel(list: Octets): Octets {
  return list.replace(/[: ,;]*@SECLEVEL=\d/g, "").replace(/^[: ,;]+/, "");
}

/** Whether a suite of TLS 1.2 with ECDHE and AEAD belongs to what a word stands for (openssl-ciphers(1)). */
function matches(suite: string, word: string): boolean {
  if (EVERY_SUITE.has(word) || word === suite) return true;
  const test = WORDS.get(word);
  return test !== undefined && test.test(suite);
}

const EVERY_SUITE: ReadonlySet<string> = new Set(
  "ALL DEFAULT HIGH TLSv1.2 ECDH ECDHE kECDHE EECDH kEECDH".split(" "),
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
