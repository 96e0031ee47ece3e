/** Work that is spread over the turns of the event loop. */

import { setLater } from "./_timer.ts";

/** Does at most so many things in a turn of the event loop; the others wait, in order, for the turns that follow. */
export class Turns {
  readonly #most: number;
  readonly #waiting: (() => void)[] = [];
  #left: number;
  #isTurning = false;

  /** `Infinity` for all at once. */
  constructor(most: number) {
    this.#most = most;
    this.#left = most;
  }

  run(task: () => void): void {
    if (this.#left === 0) {
      this.#waiting.push(task);
      return;
    }
    this.#left--;
    if (this.#most !== Infinity && !this.#isTurning) this.#wait();
    task();
  }

  #wait(): void {
    this.#isTurning = true;
    setLater(() => this.#turn());
  }

  #turn(): void {
    this.#isTurning = false;
    this.#left = this.#most;
    for (const task of this.#waiting.splice(0, this.#most)) this.run(task);
  }
}
