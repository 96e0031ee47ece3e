import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { Farewells, type Leaver } from "../../../src/proxy/farewells.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";
import { Proxy, settle } from "./_support.ts";

/** A session on the stage's clock. */
class Session implements Leaver {
  readonly name: string;
  readonly #now: () => number;
  /** When it stirred last; `undefined` before the login. */
  lastTraffic: number | undefined;

  constructor(name: string, now: () => number, lastTraffic: number | undefined) {
    this.name = name;
    this.#now = now;
    this.lastTraffic = lastTraffic;
  }

  get idleFor(): number | undefined {
    return this.lastTraffic === undefined ? undefined : this.#now() - this.lastTraffic;
  }
}

class Stage {
  readonly runtime = new FakeRuntime();
  readonly told: { readonly name: string; readonly at: number }[] = [];
  readonly here = new Set<Session>();

  /** Sessions that have been silent for so long, or are not logged in. */
  constructor(idle: readonly (number | undefined)[]) {
    const now = () => this.runtime.now();
    for (const [i, time] of idle.entries()) this.here.add(new Session(`${i}`, now, time && -time));
  }

  say(duration: number): Farewells<Session> {
    return new Farewells([...this.here], {
      runtime: this.runtime,
      duration,
      isHere: (session) => this.here.has(session),
      tell: (sessions) => {
        for (const session of sessions) {
          this.told.push({ name: session.name, at: this.runtime.now() });
          this.here.delete(session);
        }
      },
    });
  }
}

describe("farewells", () => {
  it("are spread over all the time there is, whatever the number", () => {
    for (const count of [2, 10, 700, 50_000]) {
      const stage = new Stage(Array.from({ length: count }, (_, i) => i + 1));
      stage.say(60_000);
      stage.runtime.clock.advance(60_000);
      assertEquals(stage.told.length, count);
      const inSecond = new Map<number, number>();
      for (const { at } of stage.told) {
        const second = Math.min(59, Math.floor(at / 1000));
        inSecond.set(second, (inSecond.get(second) ?? 0) + 1);
      }
      const most = Math.max(...inSecond.values());
      assert(most <= Math.ceil(count / 60 * 2), `${most} of ${count} in one second`);
      assert(inSecond.size >= Math.min(count, 60) / 2, `${inSecond.size} seconds`);
    }
  });

  it("begin with those that have been silent for longest", () => {
    const stage = new Stage([5_000, 90_000, 10, 40_000]);
    stage.say(60_000);
    stage.runtime.clock.advance(60_000);
    assertEquals(stage.told.map(({ name }) => name), ["1", "3", "0", "2"]);
  });

  it("are put off for those that have stirred since", () => {
    const stage = new Stage([90_000, 80_000, 70_000]);
    const [first] = stage.here;
    stage.say(60_000);
    stage.runtime.clock.advance(1);
    if (first !== undefined) first.lastTraffic = stage.runtime.now();
    stage.runtime.clock.advance(60_000);
    assertEquals(stage.told.map(({ name }) => name), ["1", "2", "0"]);
  });

  it("leave the last one, and those that are not logged in, all the time", () => {
    const stage = new Stage([undefined, 5_000, undefined]);
    stage.say(10_000);
    stage.runtime.clock.advance(9_999);
    assertEquals(stage.told, []);
    stage.runtime.clock.advance(1);
    assertEquals(stage.told.map(({ at }) => at), [10_000, 10_000, 10_000]);
  });

  it("count those that log in meanwhile", () => {
    const stage = new Stage([undefined, 3, 2, 1]);
    const [newcomer] = stage.here;
    stage.say(10_000);
    if (newcomer !== undefined) newcomer.lastTraffic = 0;
    stage.runtime.clock.advance(10_000);
    assertEquals(stage.told.length, 4);
    assertEquals(new Set(stage.told.map(({ at }) => at)).size, 4);
  });

  it("are told to whoever goes on for another, in its turn and once", () => {
    const stage = new Stage([undefined, 3, 2, 1]);
    const farewells = stage.say(10_000);
    const [before] = stage.here;
    // By then it has been put off.
    stage.runtime.clock.advance(5_000);
    if (before === undefined) throw new Error("nobody is here");
    const after = new Session("after", () => stage.runtime.now(), 0);
    stage.here.delete(before);
    stage.here.add(after);
    farewells.replace(before, after);
    stage.runtime.clock.advance(5_000);
    assertEquals(stage.told.map(({ name }) => name).toSorted(), ["1", "2", "3", "after"]);
    assertEquals(stage.runtime.clock.pending, 0);
  });

  it("are over when everybody has left", () => {
    const stage = new Stage([3, 2, 1]);
    stage.say(10_000);
    stage.here.clear();
    stage.runtime.clock.advance(10_000);
    assertEquals([stage.told, stage.runtime.clock.pending], [[], 0]);
  });

  it("leave no one behind when many leave by themselves", () => {
    const stage = new Stage(Array.from({ length: 1000 }, (_, i) => i));
    stage.say(10_000);
    for (let second = 0; second < 10; second++) {
      for (const session of [...stage.here].slice(0, 40)) stage.here.delete(session);
      stage.runtime.clock.advance(1_000);
    }
    assertEquals(stage.here.size, 0);
    const early = stage.told.filter(({ at }) => at <= 5_000).length;
    assert(early > stage.told.length / 3 && early < stage.told.length * 4 / 5, `${early} of ${stage.told.length}`);
  });
});

describe("worker_shutdown_timeout", () => {
  it("spreads the farewells of a graceful stop", async () => {
    const proxy = await Proxy.start("", "worker_shutdown_timeout 10s;");
    for (let i = 0; i < 5; i++) proxy.logIn(proxy.client());
    const stopped = proxy.server.stop("graceful");
    await settle();
    const times = new Set<number>();
    for (let time = 100; time <= 10_000; time += 100) {
      proxy.runtime.clock.advance(100);
      const told = proxy.runtime.relays.filter(({ lastLine }) => lastLine !== undefined);
      if (told.length > times.size) times.add(time);
    }
    for (const relay of proxy.runtime.relays) relay.finish({ end: "stopped" });
    await stopped;
    assertEquals(times.size, 5);
  });
});
