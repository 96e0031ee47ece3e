import type { Millis } from "../runtime.ts";

/**
 * How soon a worker that died is replaced: at once, and ever later, up to {@linkcode LONGEST_DELAY}, while workers keep
 * dying young: a process that cannot live must not keep a processor busy with being born.
 */
export class Restarts {
  #young = 0;

  /** A worker ended without having been told to, after that long. Returns how long to wait for the next. */
  delayAfter(lifetime: Millis): Millis {
    if (lifetime >= GROWN_UP) this.#young = 0;
    const delay = this.#young === 0 ? 0 : Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (this.#young - 1));
    this.#young = Math.min(this.#young + 1, 30);
    return delay;
  }
}

const FIRST_DELAY: Millis = 100;
export const LONGEST_DELAY: Millis = 10_000;

/** A worker that lived so long did not die of how it was started. */
export const GROWN_UP: Millis = 10_000;
