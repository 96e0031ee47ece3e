/**
 * Whether a descriptor can be had at all, by trying: no runtime says when an accept has found none. Node closes who waits
 * then, Bun tries again without a pause, and Deno's listeners go deaf (`_wakening.ts`).
 */

import { closeSync, openSync } from "node:fs";
import type { Cancel, Millis, SystemFailure } from "../src/runtime.ts";
import { codeOf, toFailure } from "./_errno.ts";
import { clearTimer, setTimer, type Timer } from "./_timer.ts";

type Hear = (failure: SystemFailure | undefined) => void;

/** See `Runtime.onShortage`. */
export class Shortage {
  readonly #hearers = new Set<Hear>();
  /**
   * Descriptors that are given up in a shortage: one that is accepted then can be closed, and what else needs a
   * descriptor for a moment has it.
   */
  #reserve: readonly number[] = [];
  #isShort = false;
  #timer: Timer | undefined;

  hear(hear: Hear): Cancel {
    this.#hearers.add(hear);
    this.#timer ??= this.#begin();
    return () => {
      this.#hearers.delete(hear);
      if (this.#hearers.size === 0) this.#end();
    };
  }

  #begin(): Timer {
    // One that cannot be had now is missed at the first look.
    take(RESERVE, (taken) => this.#reserve = taken);
    return this.#wait();
  }

  #wait(): Timer {
    return setTimer(PERIOD, () => {
      this.#timer = this.#wait();
      if (this.#isShort) this.#lookForTheEnd();
      else this.#look();
    });
  }

  #end(): void {
    clearTimer(this.#timer);
    this.#timer = undefined;
    this.#isShort = false;
    this.#giveUp();
  }

  #look(): void {
    const failure = take(1, release);
    if (failure === undefined) return;
    this.#isShort = true;
    this.#giveUp();
    this.#tell(failure);
  }

  #lookForTheEnd(): void {
    const failure = take(RESERVE + ENOUGH, (taken) => {
      this.#reserve = taken.slice(0, RESERVE);
      release(taken.slice(RESERVE));
    });
    if (failure !== undefined) return;
    this.#isShort = false;
    this.#tell(undefined);
  }

  #giveUp(): void {
    release(this.#reserve);
    this.#reserve = [];
  }

  #tell(failure: SystemFailure | undefined): void {
    for (const hear of [...this.#hearers]) hear(failure);
  }
}

/** Takes so many descriptors, or none and says why. Only a shortage is a reason. */
function take(count: number, taken: (descriptors: readonly number[]) => void): SystemFailure | undefined {
  const descriptors: number[] = [];
  try {
    while (descriptors.length < count) descriptors.push(openSync("/dev/null", "r"));
  } catch (error) {
    release(descriptors);
    return SHORT.includes(codeOf(error) ?? "") ? toFailure(error) : undefined;
  }
  taken(descriptors);
  return undefined;
}

function release(descriptors: readonly number[]): void {
  for (const descriptor of descriptors) closeSync(descriptor);
}

/** Those of the process, and those of the system. */
const SHORT: readonly string[] = ["EMFILE", "ENFILE"];

const RESERVE = 4;
/** More than the one that the next client takes again. */
const ENOUGH = 4;

/** Bun is busy with nothing for as long, once. */
const PERIOD: Millis = 250;
