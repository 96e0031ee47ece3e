/** Sockets that are closed by us and wait a while for their peers. All have the same time, so one timer serves all. */

import { performance } from "node:perf_hooks";
import type { Millis } from "../src/runtime.ts";
import { setTimer } from "./_timer.ts";

/** Who is cut off when its time has come. */
export interface Lingerer {
  abort(): void;
}

/** Each lingerer has a time of its own, and is asked for about every {@linkcode STEP} whether that is over. */
export class Lingerers {
  readonly #due = new Map<Lingerer, Millis>();
  #isTicking = false;

  /** Cuts `lingerer` off after `delay`, or up to a {@linkcode STEP} later; what it was told before is void. */
  add(lingerer: Lingerer, delay: Millis): void {
    this.#due.set(lingerer, performance.now() + delay);
    if (!this.#isTicking) this.#wait();
  }

  remove(lingerer: Lingerer): void {
    this.#due.delete(lingerer);
  }

  #wait(): void {
    this.#isTicking = true;
    setTimer(STEP, () => this.#tick());
  }

  #tick(): void {
    this.#isTicking = false;
    const now = performance.now();
    for (const [lingerer, due] of this.#due) {
      if (due > now) continue;
      this.#due.delete(lingerer);
      lingerer.abort();
    }
    if (this.#due.size > 0) this.#wait();
  }
}

const STEP: Millis = 250;
