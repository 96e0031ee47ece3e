/** Which hosts answer at once when they are connected to. */

import { performance } from "node:perf_hooks";
import type { Millis } from "../src/runtime.ts";

/** Bounded: whoever is known longest is forgotten first, and becomes known again. */
export class Answers {
  readonly #known = new Map<string, Answer>();

  of({ host, port }: { readonly host: string; readonly port: number }): Answer {
    const key = `${host} ${port}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const answer = new Answer();
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
  #isKnown = false;
  #waiting = 0;
  /** When the last answer came, or when the first of those that wait began. */
  #since: Millis = 0;

  /** Whether it answered last time, and answers those that wait. */
  get isPrompt(): boolean {
    return this.#isKnown && (this.#waiting === 0 || performance.now() - this.#since < PROMPT);
  }

  /** Somebody waits from now on, and cannot be made to stop. */
  begin(): void {
    if (this.#waiting++ === 0) this.#since = performance.now();
  }

  came(): void {
    this.#isKnown = true;
    this.#since = performance.now();
    if (this.#waiting > 0) this.#waiting--;
  }

  failed(): void {
    this.#isKnown = false;
    if (this.#waiting > 0) this.#waiting--;
  }
}

/** Most answer within a millisecond; and within this time no great number of connections is begun. */
const PROMPT: Millis = 250;
const MOST = 1_000;
