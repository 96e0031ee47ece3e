/**
 * Long timers, nearly all of which are taken back before they ring: a session sets three or four of a minute each. Here
 * that costs one object and no call into the runtime, and one timer of the runtime's serves all of them.
 */

import { type Cancel, type Listed, type Millis, NOWHERE, Roster } from "../src/runtime.ts";

/** How late a timer of the wheel may ring. */
export const STEP: Millis = 100;

/** How many steps the wheel has: those that ring later go round once more. Timeouts of a minute do not. */
export const STEPS = 640;

/** What a wheel needs. */
export interface WheelClock {
  now(): Millis;
  /** Calls `fire` once after `delay`, or a little earlier. */
  timer(delay: Millis, fire: () => void): Cancel;
  /** Hears what was thrown behind a timer: that keeps no other one from ringing. */
  failed(error: unknown): void;
}

/** A timer on the wheel. */
export class WheelTimer implements Listed {
  place = NOWHERE;
  /** Where it is, for the wheel alone. */
  slot: Roster<WheelTimer> | undefined;
  readonly due: Millis;
  readonly fire: () => void;

  constructor(due: Millis, fire: () => void) {
    this.due = due;
    this.fire = fire;
  }
}

/** Rings timers up to a {@linkcode STEP} late and never early. */
export class TimerWheel {
  readonly #clock: WheelClock;
  readonly #slots = Array.from({ length: STEPS }, () => new Roster<WheelTimer>());
  /** The step up to which all has rung. */
  #done: number;
  /** The step for which the runtime's timer is set. */
  #awaited = Infinity;
  #isTurning = false;
  #stopWaiting: Cancel | undefined;

  constructor(clock: WheelClock) {
    this.#clock = clock;
    this.#done = this.#currentStep();
  }

  start(delay: Millis, fire: () => void): WheelTimer {
    const timer = new WheelTimer(this.#clock.now() + delay, fire);
    // Nothing has been looked at while nothing was there.
    if (this.#awaited === Infinity && !this.#isTurning) this.#done = this.#currentStep();
    this.#add(timer);
    return timer;
  }

  /** Takes a timer back; one that has rung already is none any more. */
  cancel(timer: WheelTimer): void {
    timer.slot?.delete(timer);
    timer.slot = undefined;
  }

  #add(timer: WheelTimer): void {
    const step = Math.min(Math.max(Math.ceil(timer.due / STEP), this.#done + 1), this.#done + STEPS);
    timer.slot = this.#slotOf(step);
    timer.slot.add(timer);
    if (step < this.#awaited) this.#waitFor(step);
  }

  #waitFor(step: number): void {
    this.#stopWaiting?.();
    this.#awaited = step;
    this.#stopWaiting = this.#clock.timer(Math.max(step * STEP - this.#clock.now(), 0), () => this.#turn());
  }

  /** Rings all whose time has come, then waits for the next step that somebody is on. */
  #turn(): void {
    this.#awaited = Infinity;
    this.#isTurning = true;
    const current = this.#currentStep();
    for (let left = STEPS; this.#done < current && left > 0; left--) {
      this.#done++;
      this.#ringAll(this.#slotOf(this.#done));
    }
    this.#done = Math.max(this.#done, current);
    this.#isTurning = false;
    for (let step = this.#done + 1; step <= this.#done + STEPS; step++) {
      if (step >= this.#awaited) return;
      if (this.#slotOf(step).size > 0) return this.#waitFor(step);
    }
  }

  #ringAll(slot: Roster<WheelTimer>): void {
    const now = this.#clock.now();
    for (const timer of slot.all()) {
      // One that rang before may have taken this one back.
      if (timer.slot !== slot) continue;
      this.cancel(timer);
      if (timer.due > now) this.#add(timer);
      else this.#ring(timer);
    }
  }

  #ring({ fire }: WheelTimer): void {
    try {
      fire();
    } catch (error) {
      this.#clock.failed(error);
    }
  }

  #slotOf(step: number): Roster<WheelTimer> {
    const slot = this.#slots[step % STEPS];
    if (slot === undefined) throw new RangeError(`The wheel has no step ${step}`);
    return slot;
  }

  #currentStep(): number {
    return Math.floor(this.#clock.now() / STEP);
  }
}
