/**
 * Taking back what is done in steps.
 *
 * @module
 */

import type { Cancel } from "./runtime.ts";

/**
 * Steps that follow each other, and the way to take back the one under way. A step may be over, and may have begun the
 * next one, before its own cancel is known.
 */
export class Steps {
  #cancel: Cancel = () => {};
  #begun = 0;
  #isCancelled = false;

  /** Begins the next step, unless all was taken back. */
  begin(step: () => Cancel): void {
    if (this.#isCancelled) return;
    const number = ++this.#begun;
    const cancel = step();
    if (number !== this.#begun) return;
    if (this.#isCancelled) cancel();
    else this.#cancel = cancel;
  }

  /** Takes back the step under way, and those that would follow. */
  cancel(): void {
    this.#isCancelled = true;
    this.#cancel();
  }
}
