import type { Octets } from "../runtime.ts";

/** What a server says it can do: words without regard to case, the SASL mechanisms among them. */
export class Capabilities {
  readonly #words = new Set<Octets>();
  readonly #mechanisms = new Set<Octets>();

  /** Adds words of a CAPABILITY, CAPA or EHLO reply; no more than a reply may reasonably have. */
  add(words: Iterable<Octets>): void {
    for (const word of words) if (this.#words.size < MOST) this.#words.add(word.toUpperCase());
  }

  addMechanisms(names: Iterable<Octets>): void {
    for (const name of names) if (this.#mechanisms.size < MOST) this.#mechanisms.add(name.toUpperCase());
  }

  has(word: Octets): boolean {
    return this.#words.has(word);
  }

  readonly hasMechanism = (name: Octets): boolean => this.#mechanisms.has(name);

  /** For the log: the mechanisms, or that there are none. */
  describeMechanisms(): Octets {
    return this.#mechanisms.size === 0 ? "none" : [...this.#mechanisms].join(" ");
  }
}

const MOST = 256;
