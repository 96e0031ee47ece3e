import type { Cancel, Millis } from "../../src/runtime.ts";

/** Time that passes only when a test says so. */
export class FakeClock {
  #now: Millis;
  readonly #timers = new Set<Timer>();

  constructor(now: Millis = 0) {
    this.#now = now;
  }

  now(): Millis {
    return this.#now;
  }

  timer(delay: Millis, fire: () => void): Cancel {
    return this.#add({ due: this.#now + Math.max(delay, 0), isWorlds: false, fire });
  }

  /** What the world does by itself after a while: a timer that {@linkcode pending} leaves out. */
  later(delay: Millis, fire: () => void): Cancel {
    return this.#add({ due: this.#now + delay, isWorlds: true, fire });
  }

  /** How many timers run that the code under test has set. */
  get pending(): number {
    return [...this.#timers].filter((timer) => !timer.isWorlds).length;
  }

  /** Lets time pass and fires what falls due, in order. */
  advance(duration: Millis): void {
    const end = this.#now + duration;
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#timers.delete(timer);
      this.#now = timer.due;
      timer.fire();
    }
    this.#now = end;
  }

  #add(timer: Timer): Cancel {
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  #next(end: Millis): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.due <= end && (next === undefined || timer.due < next.due)) next = timer;
    }
    return next;
  }
}

interface Timer {
  readonly due: Millis;
  readonly isWorlds: boolean;
  readonly fire: () => void;
}
