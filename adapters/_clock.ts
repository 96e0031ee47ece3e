/**
 * The clock of the adapters. Within a turn of the poller it stands still, as nginx's does: a login looks at it forty
 * times, which was a fortieth of its CPU on Bun.
 */

import { performance } from "node:perf_hooks";
import type { Millis } from "../src/runtime.ts";

/**
 * A time that has not been set. V8 has two kinds of numbers, and throws away the code for all objects that have a 0 there once
 * the first of them gets a fraction: that is long after the code was compiled.
 */
export const NEVER: Millis = Infinity;

/** The time of the turn; 0 outside of turns. */
let turn: Millis = 0;
/** Its time of day; 0 until somebody asks. */
let date: Millis = 0;

/** Milliseconds that never go back. */
export function now(): Millis {
  return turn === 0 ? performance.now() : turn;
}

/** Milliseconds since 1970. */
export function today(): Millis {
  if (turn === 0) return Date.now();
  if (date === 0) date = Date.now();
  return date;
}

/** Stops the clock, until {@linkcode endTurn}. */
export function beginTurn(): void {
  turn = performance.now();
  date = 0;
}

export function endTurn(): void {
  turn = 0;
}
