import type { Cancel, SystemFailure } from "../runtime.ts";
import type { Answer } from "./_lookup.ts";
import { TIMED_OUT } from "./failure.ts";

/** Takes the answers of a call, in the order of its questions. */
export type CallDone = (results: readonly (Answer | SystemFailure)[]) => void;

/** One call of a user: it waits for the answers to all of its questions. */
export class Call {
  readonly #results: (Answer | SystemFailure)[];
  readonly #done: CallDone;
  readonly #cancels: Cancel[] = [];
  #left: number;
  #isOver = false;

  constructor(questions: number, done: CallDone) {
    this.#results = Array<SystemFailure>(questions).fill(TIMED_OUT);
    this.#left = questions;
    this.#done = done;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Takes the answer to one of its questions. */
  take(index: number, result: Answer | SystemFailure): void {
    this.#results[index] = result;
    if (--this.#left === 0) this.finish();
  }

  /** Keeps what is to be taken back when the call is over. */
  keep(cancel: Cancel): void {
    if (this.#isOver) cancel();
    else this.#cancels.push(cancel);
  }

  /** Tells what there is; questions without an answer have timed out. */
  finish(): void {
    if (this.#isOver) return;
    this.cancel();
    this.#done(this.#results);
  }

  cancel(): void {
    this.#isOver = true;
    for (const cancel of this.#cancels.splice(0)) cancel();
  }
}
