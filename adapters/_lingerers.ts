/** Sockets that are closed by us and wait a while for their peers. One timer serves all of them. */

import { type Listed, type Millis, Roster } from "../src/runtime.ts";
import { now } from "./_clock.ts";
import { setTimer } from "./_timer.ts";

/** Who is cut off when its time has come. */
export interface Lingerer extends Listed {
  /** For {@linkcode Lingerers} alone: when that is. */
  due: Millis;
  abort(): void;
}

/** Each lingerer has a time of its own, and is asked for about every {@linkcode STEP} whether that is over. */
export class Lingerers {
  readonly #waiting = new Roster<Lingerer>();
  #isTicking = false;

  /** Cuts `lingerer` off after `delay`, or up to a {@linkcode STEP} later; what it was told before is void. */
  add(lingerer: Lingerer, delay: Millis): void {
    lingerer.due = now() + delay;
    this.#waiting.add(lingerer);
    if (!this.#isTicking) this.#wait();
  }

  remove(lingerer: Lingerer): void {
    this.#waiting.delete(lingerer);
  }

  #wait(): void {
    this.#isTicking = true;
    setTimer(STEP, () => this.#tick());
  }

  #tick(): void {
    this.#isTicking = false;
    const time = now();
    for (const lingerer of this.#waiting.all()) {
      if (lingerer.due > time) continue;
      this.#waiting.delete(lingerer);
      lingerer.abort();
    }
    if (this.#waiting.size > 0) this.#wait();
  }
}

const STEP: Millis = 250;
