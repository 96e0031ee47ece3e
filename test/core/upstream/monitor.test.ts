import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { ProbeVerdict } from "../../../src/upstream/health/mod.ts";
import {
  type CheckedServer,
  type Health,
  type HealthCheckOptions,
  HealthMonitor,
} from "../../../src/upstream/health/mod.ts";
import { FakeClock } from "../../support/fake_clock.ts";

const GOOD: ProbeVerdict = { isHealthy: true };
const SILENT: ProbeVerdict = { isHealthy: false, reason: "no greeting within 5s" };
const CHECK: HealthCheckOptions = {
  interval: 5000,
  jitter: 0,
  fails: 1,
  passes: 1,
  isMandatory: false,
  isPersistent: false,
};

/** A monitor of servers that the test answers for. */
class Bench {
  readonly clock = new FakeClock();
  /** How servers were judged, and what the log heard. */
  readonly told: string[] = [];
  readonly published: unknown[] = [];
  readonly monitor: HealthMonitor;
  isFirst = true;
  /** What is drawn at random next, from 0 up to 65535. */
  drawn = 0;
  /** What other workers say comes here, by its topic. */
  readonly heard = new Map<string, (value: unknown, from: number, isEarlier: boolean) => void>();
  readonly #before: ReadonlyMap<string, Health>;
  #checks = new Map<string, (verdict: ProbeVerdict | undefined) => void>();

  constructor(changes: Partial<HealthCheckOptions> = {}, before: ReadonlyMap<string, Health> = new Map()) {
    this.#before = before;
    this.monitor = new HealthMonitor({
      group: "mail",
      topic: "health mail",
      check: { ...CHECK, ...changes },
      probe: ({ text }, done) => {
        this.#checks.set(text, done);
        return () => void this.#checks.delete(text);
      },
      board: this.#board(),
      runtime: {
        timer: (delay, fire) => this.clock.timer(delay, fire),
        random: (bytes) => {
          bytes.set([this.drawn >> 8, this.drawn & 255]);
          return bytes;
        },
      },
      note: (level, text) => this.told.push(`${level}: ${text}`),
    });
  }

  start(...texts: readonly string[]): this {
    this.monitor.start(texts.map((text) => this.server(text)));
    return this;
  }

  server(text: string): CheckedServer {
    const judged = (health: Health) => this.told.push(`${text} ${health}`);
    return { text, target: { path: text }, health: this.#before.get(text), judged };
  }

  hear(value: unknown, isEarlier = false): void {
    this.heard.get("health mail")?.(value, 1, isEarlier);
  }

  /** Another worker asks how things are. */
  ask(): void {
    this.heard.get("health mail?")?.(null, 2, false);
  }

  /** Who is being checked. */
  get checked(): string {
    return [...this.#checks.keys()].join(" ");
  }

  /** Lets the next checks begin, and ends that of a server. */
  check(text: string, verdict: ProbeVerdict | undefined): void {
    if (!this.#checks.has(text)) this.clock.advance(5000);
    const done = this.#checks.get(text);
    if (done === undefined) throw new Error(`${text} is not being checked`);
    this.#checks.delete(text);
    done(verdict);
  }

  take(): readonly string[] {
    return this.told.splice(0);
  }

  #board() {
    const isFirst = () => this.isFirst;
    return {
      get isFirst() {
        return isFirst();
      },
      publish: (topic: string, value: unknown) => this.published.push([topic, value]),
      subscribe: (topic: string, hear: (value: unknown, from: number, isEarlier: boolean) => void) => {
        this.heard.set(topic, hear);
        return () => void this.heard.delete(topic);
      },
    };
  }
}

describe("health checks of a group", () => {
  it("begin at once, and go on from the end of each check", () => {
    const bench = new Bench().start("a", "b");
    bench.clock.advance(0);
    assertEquals(bench.checked, "a b");
    bench.check("a", GOOD);
    bench.clock.advance(4999);
    assertEquals(bench.checked, "b");
    bench.clock.advance(1);
    assertEquals(bench.checked, "b a");
  });

  it("are put off at random by as much as the jitter", () => {
    const bench = new Bench({ jitter: 1000 });
    bench.drawn = 32768;
    bench.start("a");
    bench.clock.advance(499);
    assertEquals(bench.checked, "");
    bench.clock.advance(1);
    assertEquals(bench.checked, "a");
  });

  it("take a server out and back, and say so once", () => {
    const bench = new Bench().start("a");
    assertEquals(bench.take(), ["a up"]);
    bench.check("a", GOOD);
    assertEquals(bench.take(), []);
    for (let i = 0; i < 3; i++) bench.check("a", SILENT);
    assertEquals(bench.take(), [
      "a down",
      'error: health check of a in upstream "mail" failed: no greeting within 5s: it gets no sessions',
    ]);
    for (let i = 0; i < 3; i++) bench.check("a", GOOD);
    assertEquals(bench.take(), ["a up", 'notice: health check of a in upstream "mail" passed: it gets sessions']);
  });

  it("wait for as many failures and successes in a row as are wanted", () => {
    const bench = new Bench({ fails: 3, passes: 2 }).start("a");
    for (const verdict of [SILENT, SILENT, GOOD, SILENT, SILENT]) bench.check("a", verdict);
    assertEquals(bench.take(), [
      "a up",
      ...[1, 2, 1, 2].map((n) =>
        `info: health check of a in upstream "mail" failed (${n} of 3): no greeting within 5s`
      ),
    ]);
    bench.check("a", SILENT);
    assertEquals(bench.take()[0], "a down");
    for (const verdict of [GOOD, SILENT, GOOD]) bench.check("a", verdict);
    assertEquals(bench.take(), []);
    bench.check("a", GOOD);
    assertEquals(bench.take()[0], "a up");
  });

  it("change nothing when it is our fault that there is no verdict", () => {
    const bench = new Bench().start("a");
    bench.take();
    bench.check("a", undefined);
    bench.check("a", undefined);
    assertEquals(bench.take(), []);
    bench.check("a", SILENT);
    assertEquals(bench.take()[0], "a down");
  });

  it("keep servers from their first session until they have passed, where that is mandatory", () => {
    const bench = new Bench({ isMandatory: true, passes: 2 }).start("a", "b");
    assertEquals(bench.take(), ["a checking", "b checking"]);
    bench.check("a", GOOD);
    bench.check("b", SILENT);
    assertEquals(bench.take()[0], "b down");
    bench.check("a", GOOD);
    assertEquals(bench.take()[0], "a up");
  });

  it("know after a reload how servers stood before it", () => {
    const standing = (changes: Partial<HealthCheckOptions>) => {
      return new Bench(changes, new Map([["a", "down"], ["b", "up"]])).start("a", "b", "c").take();
    };
    assertEquals(standing({}), ["a down", "b up", "c up"]);
    assertEquals(standing({ isMandatory: true }), ["a down", "b checking", "c checking"]);
    assertEquals(standing({ isMandatory: true, isPersistent: true }), ["a down", "b up", "c checking"]);
  });

  it("go on for servers that stay, begin for new ones, and forget the others", () => {
    const bench = new Bench().start("a", "b");
    bench.clock.advance(0);
    bench.check("a", SILENT);
    bench.take();
    bench.monitor.replace([bench.server("a"), bench.server("c")]);
    bench.clock.advance(0);
    assertEquals([bench.take(), bench.checked], [["a down", "c up"], "c"]);
    bench.check("a", GOOD);
    assertEquals(bench.take()[0], "a up");
    assertEquals(bench.published.at(-1), ["health mail", { a: "up", c: "up" }]);
  });

  it("end", () => {
    const bench = new Bench().start("a", "b");
    bench.clock.advance(0);
    bench.check("a", GOOD);
    bench.monitor.stop();
    bench.clock.advance(60_000);
    assertEquals([bench.checked, bench.clock.pending, bench.heard.size], ["", 0, 0]);
  });
});

describe("health checks of several workers", () => {
  it("are the first one's, which tells the others", () => {
    const bench = new Bench().start("a", "b");
    bench.check("a", SILENT);
    bench.check("b", GOOD);
    assertEquals(bench.published, [
      ["health mail?", null],
      ["health mail", { a: "down", b: "up" }],
    ]);
    // Once in a round, and whenever something has changed.
    bench.published.length = 0;
    bench.check("b", SILENT);
    bench.check("a", SILENT);
    bench.check("b", SILENT);
    assertEquals(bench.published, [
      ["health mail", { a: "down", b: "down" }],
      ["health mail", { a: "down", b: "down" }],
    ]);
  });

  it("are heard of by the others, whose log says nothing", () => {
    const bench = new Bench({ isMandatory: true });
    bench.isFirst = false;
    bench.start("a", "b");
    bench.take();
    bench.hear({ a: "down", b: "up", unknown: "down" });
    assertEquals(bench.take(), ["a down", "b up"]);
    bench.hear({ a: "down", b: "well" });
    bench.hear("nonsense");
    bench.hear(null);
    bench.clock.advance(60_000);
    assertEquals([bench.take(), bench.checked, bench.published], [[], "", [["health mail?", null]]]);
  });

  it("are told to a worker that begins later", () => {
    const bench = new Bench().start("a");
    bench.check("a", SILENT);
    bench.published.length = 0;
    bench.ask();
    assertEquals(bench.published, [["health mail", { a: "down" }]]);
    bench.isFirst = false;
    bench.ask();
    assertEquals(bench.published.length, 1);
  });

  it("do not make a server wait for a first check that is not mandatory any more", () => {
    const before = new Map<string, Health>([["a", "checking"], ["b", "checking"]]);
    for (const isPersistent of [false, true]) {
      const bench = new Bench({ passes: 3, isPersistent }, before).start("a", "b");
      assertEquals(bench.take(), ["a up", "b up"]);
      bench.hear({ a: "checking", b: "down" }, true);
      assertEquals(bench.take(), ["b down"]);
    }
  });

  it("begin soon once it is clear who is the first", () => {
    const bench = new Bench({ interval: 60_000 });
    bench.isFirst = false;
    bench.start("a");
    bench.clock.advance(100);
    bench.isFirst = true;
    bench.clock.advance(400);
    assertEquals(bench.checked, "a");
  });

  it("go over to another worker when it becomes the first", () => {
    const bench = new Bench();
    bench.isFirst = false;
    bench.start("a");
    bench.hear({ a: "down" });
    bench.isFirst = true;
    bench.take();
    bench.check("a", GOOD);
    assertEquals(bench.take()[0], "a up");
    // What an old first one still has to say comes too late.
    bench.hear({ a: "down" });
    assertEquals(bench.take(), []);
  });

  it("know from the workers before a reload how servers stood, be it too late for who is the first by then", () => {
    const bench = new Bench().start("a", "b");
    bench.take();
    bench.hear({ a: "down", b: "up" }, true);
    assertEquals(bench.take(), ["a down"]);
    bench.check("a", GOOD);
    bench.check("b", SILENT);
    bench.take();
    // By now they know better.
    bench.hear({ a: "down", b: "up" }, true);
    assertEquals(bench.take(), []);
  });

  it("do not believe workers before a reload more than a reload lets them", () => {
    const standing = (changes: Partial<HealthCheckOptions>) => {
      const bench = new Bench({ isMandatory: true, ...changes });
      bench.isFirst = false;
      bench.start("a", "b", "c").take();
      bench.hear({ a: "down", b: "up", c: "checking" }, true);
      return [bench, bench.take()] as const;
    };
    assertEquals(standing({ isPersistent: true })[1], ["a down", "b up"]);
    const [bench, told] = standing({});
    assertEquals(told, ["a down"]);
    // What the first one finds after it counts, and nothing else from then on.
    bench.hear({ a: "up", b: "up", c: "down" });
    assertEquals(bench.take(), ["a up", "b up", "c down"]);
    bench.hear({ a: "down", c: "up" }, true);
    assertEquals(bench.take(), []);
  });
});
