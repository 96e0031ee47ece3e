import { AssertionError } from "@std/assert";

/** Who waits for something to become true. It looks when told that something happened, and does not wait for ever. */
export class Watch {
  readonly #waiting = new Set<() => void>();

  /** Looks whether what is waited for is there. */
  look(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** Resolves as soon as this holds. Past its time it fails, with what `describe` says there is instead. */
  until(holds: () => boolean, describe: () => string, limit = PATIENCE): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!holds()) return;
        leave();
        resolve();
      };
      const patience = new Patience(limit);
      const timer = setInterval(() => {
        if (!patience.isOver()) return;
        leave();
        reject(new AssertionError(`Waited ${limit} ms in vain: ${describe()}`));
      }, LONGEST_STEP / 2);
      const leave = () => {
        clearInterval(timer);
        this.#waiting.delete(look);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

/** Waits for what nobody tells: it looks again and again, as often as the event loop turns. */
export async function eventually(holds: () => boolean, describe: () => string, limit = PATIENCE): Promise<void> {
  const patience = new Patience(limit);
  while (!holds()) {
    if (patience.isOver()) throw new AssertionError(`Waited ${limit} ms in vain: ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/**
 * Time that one waits, as one who was there: a process that stood still meanwhile finds that its timers are due before
 * it hears what was said to it.
 */
class Patience {
  readonly #limit: number;
  #waited = 0;
  #last = performance.now();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether it is all used up. This has to be asked again and again. */
  isOver(): boolean {
    const now = performance.now();
    this.#waited += Math.min(now - this.#last, LONGEST_STEP);
    this.#last = now;
    return this.#waited > this.#limit;
  }
}

/** Milliseconds; more than these between two looks, and the process stood still. */
const LONGEST_STEP = 100;
/** Milliseconds: long enough for a machine that has more to do than this. */
const PATIENCE = 20_000;
