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
      const timer = setTimeout(() => {
        leave();
        reject(new AssertionError(`Waited ${limit} ms in vain: ${describe()}`));
      }, limit);
      const leave = () => {
        clearTimeout(timer);
        this.#waiting.delete(look);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

/** Waits for what nobody tells: it looks again and again, as often as the event loop turns. */
export async function eventually(holds: () => boolean, describe: () => string, limit = PATIENCE): Promise<void> {
  const start = performance.now();
  while (!holds()) {
    if (performance.now() - start > limit) throw new AssertionError(`Waited ${limit} ms in vain: ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Milliseconds: long enough for a machine that has more to do than this. */
const PATIENCE = 20_000;
