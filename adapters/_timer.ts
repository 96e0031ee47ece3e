/** Timers that do not keep the process alive and know no longest delay. */

import { clearTimeout, setTimeout } from "node:timers";
import type { Cancel, Millis } from "../src/runtime.ts";

export type Timer = ReturnType<typeof setTimeout>;

/** A plain timer of at most {@linkcode LONGEST_DELAY}, unlinked from the life of the process. */
export function setTimer(delay: Millis, fire: () => void): Timer {
  const timer = setTimeout(fire, delay);
  timer.unref();
  return timer;
}

export function clearTimer(timer: Timer | undefined): void {
  if (timer !== undefined) clearTimeout(timer);
}

/** Calls `fire` once after any delay: a longer one than the runtimes know is cut in pieces. */
export function startTimer(delay: Millis, fire: () => void): Cancel {
  if (delay <= LONGEST_DELAY) {
    const short = setTimer(Math.max(delay, 0), fire);
    return () => clearTimeout(short);
  }
  let timer: Timer;
  const wait = (left: Millis) => {
    const piece = Math.min(left, LONGEST_DELAY);
    timer = setTimer(piece, () => left > piece ? wait(left - piece) : fire());
  };
  wait(delay);
  return () => clearTimeout(timer);
}

/** Beyond this all runtimes fire at once: 31 bits of milliseconds, almost 25 days. */
export const LONGEST_DELAY: Millis = 2 ** 31 - 1;
