/** Which hosts answer at once when they are connected to. */

import { isIP } from "node:net";
import type { Millis } from "../src/runtime.ts";

/** Bounded: whoever is known longest is forgotten first, and becomes known again. */
export class Answers {
  readonly #known = new Map<string, Answer>();

  of({ host, port }: { readonly host: string; readonly port: number }): Answer {
    const key = `${host} ${port}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const answer = new Answer(isIP(host));
    this.#known.set(key, answer);
    if (this.#known.size > MOST) this.#forgetOne();
    return answer;
  }

  #forgetOne(): void {
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}

/** What is known of one host and port. */
export class Answer {
  /** The family of the host's address; 0 for a name. */
  readonly family: number;
  #isKnown = false;
  #waiting = 0;
  /** When the last answer came, or when the first of those that wait began. */
  #since: Millis = 0;

  constructor(family: number) {
    this.family = family;
  }

  /** Whether it answered last time, and answers those that wait. */
  isPrompt(now: Millis): boolean {
    return this.#isKnown && (this.#waiting === 0 || now - this.#since < PROMPT);
  }

  /** Somebody waits from now on, and cannot be made to stop. */
  begin(now: Millis): void {
    if (this.#waiting++ === 0) this.#since = now;
  }

  came(now: Millis): void {
    this.#isKnown = true;
    this.#since = now;
    if (this.#waiting > 0) this.#waiting--;
  }

  failed(): void {
    this.#isKnown = false;
    if (this.#waiting > 0) this.#waiting--;
  }
}

/** Most answer within a millisecond; and within this time no great number of connections is begun. */
export const PROMPT: Millis = 250;
export const MOST = 1_000;
