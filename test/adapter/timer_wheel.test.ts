import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { STEP, STEPS, TimerWheel } from "../../adapters/_timer_wheel.ts";
import type { Millis } from "../../src/runtime.ts";

/** A clock that stands still until it is moved on, and then rings what is due on its way. */
class HandClock {
  time = 12_345.5;
  /** How many timers were asked for. */
  asked = 0;
  readonly failures: unknown[] = [];
  #timers: { readonly due: Millis; readonly fire: () => void }[] = [];

  readonly now = (): Millis => this.time;

  readonly timer = (delay: Millis, fire: () => void) => {
    // As all runtimes have it.
    const timer = { due: this.time + Math.max(delay, 1), fire };
    this.asked++;
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((each) => each !== timer));
  };

  readonly failed = (error: unknown): void => void this.failures.push(error);

  get waiting(): number {
    return this.#timers.length;
  }

  /** Goes on by so much, from timer to timer; `early` is how far before its time each of them rings. */
  pass(duration: Millis, early = 0): void {
    const end = this.time + duration;
    for (;;) {
      const next = this.#timers.reduce((due, timer) => Math.min(due, timer.due), Infinity);
      if (next - early > end) break;
      this.time = Math.max(this.time, next - early);
      const due = this.#timers.filter((timer) => timer.due === next);
      this.#timers = this.#timers.filter((timer) => timer.due !== next);
      for (const { fire } of due) fire();
    }
    this.time = end;
  }
}

describe("a timer wheel", () => {
  const begin = () => {
    const clock = new HandClock();
    return { clock, wheel: new TimerWheel(clock) };
  };

  for (const early of [0, 0.7]) {
    it(`rings each timer once, never early and at most a step late, on a clock that is ${early} ms too fast`, () => {
      const { clock, wheel } = begin();
      const horizon = STEP * STEPS;
      const delays = [
        0,
        1,
        STEP,
        STEP + 1,
        1_000,
        59_999.9,
        horizon - 1,
        horizon,
        horizon + 1,
        3 * horizon + 7,
        86_400_000,
      ];
      const rang: [delay: Millis, after: Millis][] = [];
      const started = clock.time;
      for (const delay of delays) wheel.start(delay, () => rang.push([delay, clock.time - started]));
      clock.pass(86_400_000 + STEP + 1, early);
      assertEquals(rang.map(([delay]) => delay), delays);
      const late = rang.map(([delay, after]) => after - delay).filter((by) => by < 0 || by > STEP + 1);
      assertEquals(late, []);
      assertEquals(clock.waiting, 0);
    });
  }

  it("rings none that was taken back, also by another of the same step, and waits for nobody then", () => {
    const { clock, wheel } = begin();
    const rang: string[] = [];
    const gone = wheel.start(5_000, () => rang.push("gone"));
    const later = wheel.start(5_000, () => rang.push("later"));
    const first = wheel.start(4_990, () => {
      rang.push("first");
      wheel.cancel(later);
      wheel.cancel(first);
    });
    wheel.cancel(gone);
    wheel.cancel(gone);
    clock.pass(20_000);
    assertEquals([rang, clock.waiting], [["first"], 0]);
  });

  it("takes timers that are set while others ring, and after a long time without any", () => {
    const { clock, wheel } = begin();
    const rang: Millis[] = [];
    const again = () => {
      rang.push(Math.round(clock.time));
      if (rang.length < 3) wheel.start(1_000, again);
    };
    clock.pass(10 * STEP * STEPS);
    const started = clock.time;
    wheel.start(1_000, again);
    clock.pass(5_000);
    const steps = rang.map((time, i) => time - (i === 0 ? started : rang[i - 1] ?? 0));
    assertEquals(steps.map((step) => step >= 999 && step <= 1_000 + STEP + 1), [true, true, true]);
  });

  it("rings all that is due when the process was stopped for longer than a turn", () => {
    const { clock, wheel } = begin();
    let rang = 0;
    for (let i = 1; i <= 100; i++) wheel.start(i * 900, () => rang++);
    // The timer rings late, once, as after a suspended process.
    clock.time += 3 * STEP * STEPS;
    clock.pass(0);
    assertEquals(rang, 100);
  });

  it("rings all that is due when it rings late, also where one that rings sets another", () => {
    const { clock, wheel } = begin();
    const rang: number[] = [];
    for (let i = 1; i <= 10; i++) {
      wheel.start(i * 1_000, () => {
        rang.push(i);
        wheel.start(60_000, () => rang.push(i + 100));
      });
    }
    clock.time += 10_500;
    clock.pass(0);
    assertEquals(rang, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    clock.pass(60_000 + STEP + 1);
    assertEquals(rang.slice(10).sort(), [101, 102, 103, 104, 105, 106, 107, 108, 109, 110]);
    assertEquals(clock.waiting, 0);
  });

  it("asks the runtime for one timer, however many there are", () => {
    const { clock, wheel } = begin();
    for (let i = 0; i < 10_000; i++) wheel.cancel(wheel.start(60_000, () => {}));
    assertEquals([clock.asked, clock.waiting], [1, 1]);
    clock.pass(61_000);
    assertEquals([clock.asked, clock.waiting], [1, 0]);
  });

  it("loses no timer when another one throws", () => {
    const { clock, wheel } = begin();
    const rang: string[] = [];
    const fault = new Error("first");
    wheel.start(2_000, () => {
      throw fault;
    });
    wheel.start(2_000, () => rang.push("second"));
    clock.pass(3_000);
    assertEquals([clock.failures, rang], [[fault], ["second"]]);
  });
});
