/** Timers that do not keep the process alive and know no longest delay. */

import { performance } from "node:perf_hooks";
import { clearTimeout, setTimeout } from "node:timers";
import type { Cancel, Millis } from "../src/runtime.ts";
import { reportError } from "./_report.ts";
import { TimerWheel, WheelTimer } from "./_timer_wheel.ts";

export type Timer = ReturnType<typeof setTimeout> | WheelTimer;

/** Calls `fire` once after any delay, to the millisecond below {@linkcode LONG}, and up to a tenth of that late above. */
export function setTimer(delay: Millis, fire: () => void): Timer {
  return delay < LONG ? setShort(Math.max(delay, 0), fire) : WHEEL.start(delay, fire);
}

export function clearTimer(timer: Timer | undefined): void {
  if (timer instanceof WheelTimer) WHEEL.cancel(timer);
  else if (timer !== undefined) clearTimeout(timer);
}

/** The same as {@linkcode setTimer}, see `Runtime.timer`. */
export function startTimer(delay: Millis, fire: () => void): Cancel {
  const timer = setTimer(delay, fire);
  return () => clearTimer(timer);
}

function setShort(delay: Millis, fire: () => void): ReturnType<typeof setTimeout> {
  const timer = setTimeout(fire, delay);
  timer.unref();
  return timer;
}

const LONG: Millis = 1_000;

const WHEEL = new TimerWheel({
  now: () => performance.now(),
  timer: (delay, fire) => {
    const timer = setShort(delay, fire);
    return () => clearTimeout(timer);
  },
  failed: reportError,
});
