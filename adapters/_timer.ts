/** Timers that do not keep the process alive and know no longest delay. */

import { performance } from "node:perf_hooks";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import type { Cancel, Millis } from "../src/runtime.ts";
import { Agenda, Appointment } from "./_agenda.ts";
import { now } from "./_clock.ts";
import { reportError } from "./_report.ts";
import { TimerWheel, WheelTimer } from "./_timer_wheel.ts";

export type Timer = ShortTimer | WheelTimer;

/** Calls `fire` once after any delay, to the millisecond below {@linkcode LONG}, and up to a tenth of that late above. */
export function setTimer(delay: Millis, fire: () => void): Timer {
  return delay < LONG ? new ShortTimer(Math.max(delay, 0), fire) : WHEEL.start(delay, fire);
}

export function clearTimer(timer: Timer | undefined): void {
  if (timer instanceof WheelTimer) WHEEL.cancel(timer);
  else timer?.cancel();
}

/** The same as {@linkcode setTimer}, see `Runtime.timer`. */
export function startTimer(delay: Millis, fire: () => void): Cancel {
  const timer = setTimer(delay, fire);
  return () => clearTimer(timer);
}

/** Calls `fire` in the next turn of the event loop. */
export function setLater(fire: () => void): void {
  const appointment = new Appointment(0);
  AGENDA.add(appointment);
  setImmediate(() => {
    AGENDA.remove(appointment);
    fire();
  });
}

/**
 * Says that a thread of the runtime's is to answer, until the function that this returns is called: Deno's do that
 * without anything that {@linkcode nextRing} could be asked for.
 */
export function expectAnswer(): Cancel {
  return AGENDA.expect();
}

/** When the next timer may ring: it is that time or earlier. `Infinity` when there is none. */
export function nextRing(now: Millis): Millis {
  return AGENDA.next(now);
}

/** A timer of the runtime's. */
class ShortTimer extends Appointment {
  readonly #timer: ReturnType<typeof setTimeout>;

  constructor(delay: Millis, fire: () => void) {
    super(performance.now() + delay);
    AGENDA.add(this);
    this.#timer = setTimeout(() => {
      AGENDA.remove(this);
      fire();
    }, delay);
    this.#timer.unref();
  }

  cancel(): void {
    AGENDA.remove(this);
    clearTimeout(this.#timer);
  }
}

const LONG: Millis = 1_000;

/** All that this process waits for besides its sockets. */
const AGENDA = new Agenda();

const WHEEL = new TimerWheel({
  now,
  timer: (delay, fire) => {
    const timer = new ShortTimer(delay, fire);
    return () => timer.cancel();
  },
  failed: reportError,
});
