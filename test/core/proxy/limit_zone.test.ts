import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { LimitZone, SharedLimitZone } from "../../../src/proxy/limit_zone.ts";
import { Boards } from "../../support/boards.ts";
import { FakeClock } from "../../support/fake_clock.ts";

describe("a zone of connections", () => {
  it("takes as many of a key as it is told, and others again when some are over", () => {
    const zone = new LimitZone(8);
    assertEquals([zone.take("a", 2), zone.take("a", 2), zone.take("a", 2)], ["taken", "taken", "limited"]);
    assertEquals([zone.take("b", 1), zone.take("b", 1)], ["taken", "limited"]);
    zone.release("a");
    assertEquals([zone.take("a", 2), zone.take("a", 2)], ["taken", "limited"]);
  });

  it("keeps nothing of a key whose connections are over", () => {
    const zone = new LimitZone(8);
    zone.take("a", 2);
    zone.take("a", 2);
    zone.release("a");
    assertEquals(zone.size, 1);
    zone.release("a");
    zone.release("a");
    assertEquals(zone.size, 0);
  });

  it("has room for so many keys, and refuses one more", () => {
    const zone = new LimitZone(2);
    assertEquals([zone.take("a", 9), zone.take("b", 9), zone.take("c", 9)], ["taken", "taken", "full"]);
    assertEquals(zone.take("a", 9), "taken");
    zone.heard("d", 5, 1);
    assertEquals(zone.size, 2);
    zone.release("b");
    assertEquals(zone.take("c", 9), "taken");
  });

  it("counts what others count, as they last told it", () => {
    const zone = new LimitZone(8);
    zone.heard("a", 1, 1);
    zone.heard("a", 2, 1);
    zone.heard("a", 1, 2);
    assertEquals([zone.take("a", 4), zone.take("a", 4)], ["taken", "limited"]);
    zone.heard("a", 0, 1);
    assertEquals([zone.take("a", 4), zone.take("a", 4), zone.take("a", 4)], ["taken", "taken", "limited"]);
    zone.forget(2);
    assertEquals(zone.take("a", 4), "taken");
    assertEquals([...zone.own()], [["a", 4]]);
  });
});

describe("a zone that several processes share", () => {
  const setUp = () => {
    const clock = new FakeClock();
    const boards = new Boards();
    const runtime = { timer: (delay: number, fire: () => void) => clock.timer(delay, fire) };
    const open = (id: number) =>
      new SharedLimitZone({ name: "z", capacity: 8 }, { board: boards.board(id), runtime }).zone;
    return { clock, boards, open };
  };

  it("is told of changes a moment later", () => {
    const { clock, open } = setUp();
    const [one, two] = [open(1), open(2)];
    one.take("a", 2);
    one.take("a", 2);
    clock.advance(50);
    assertEquals(two.take("a", 2), "limited");
    one.release("a");
    clock.advance(50);
    assertEquals([two.take("a", 2), two.take("a", 2)], ["taken", "limited"]);
  });

  it("is told all when it begins, which is how counts outlive the processes of a reload", () => {
    const { clock, open } = setUp();
    const one = open(1);
    one.take("a", 1);
    const two = open(2);
    assertEquals(two.take("a", 1), "limited");
    one.release("a");
    clock.advance(50);
    assertEquals(two.take("a", 1), "taken");
  });

  it("forgets a process that is gone, and one that begins again under its number", () => {
    const { clock, boards, open } = setUp();
    const [one, two] = [open(1), open(2)];
    two.take("a", 1);
    clock.advance(50);
    assertEquals(one.take("a", 1), "limited");
    boards.gone(2);
    assertEquals(one.take("a", 1), "taken");
    one.release("a");
    clock.advance(50);
    two.take("b", 1);
    clock.advance(50);
    open(2);
    assertEquals(one.take("b", 1), "taken");
  });

  it("is set right by a full account every minute, whatever was lost", () => {
    const { clock, open } = setUp();
    const [one, two] = [open(1), open(2)];
    two.take("a", 1);
    clock.advance(50);
    one.forget(2);
    one.heard("b", 1, 2);
    assertEquals([one.take("a", 2), one.take("b", 1)], ["taken", "limited"]);
    clock.advance(60_000);
    assertEquals([one.take("a", 2), one.take("b", 1)], ["limited", "taken"]);
  });

  it("tells however much there is, in messages that a board carries", () => {
    const { boards, open } = setUp();
    const keys = Array.from({ length: 1000 }, (_, i) => `${String(i).padStart(4, "0")}${"\x01".repeat(251)}`);
    const one = open(1);
    one.capacity = 1000;
    for (const key of keys) one.take(key, 1);
    const two = open(2);
    assertEquals(two.size, 8);
    const three = new LimitZone(1000);
    let longest = 0;
    boards.board(3).subscribe("limit_conn z", (value) => {
      longest = Math.max(longest, JSON.stringify(value).length);
      const { counts = [] } = value as { readonly counts?: readonly (readonly [string, number])[] };
      for (const [key, count] of counts) three.heard(key, count, 1);
    });
    open(4);
    assertEquals([three.size, longest > 30_000, longest < 65_536], [1000, true, true]);
  });

  it("forgets nothing before it has heard the last part of an account, nor where one was lost", () => {
    const { boards, open } = setUp();
    const zone = open(2);
    const other = boards.board(1);
    const tell = (message: object) => other.publish("limit_conn z", message);
    const known = () => ["a", "b", "c"].filter((key) => zone.total(key) > 0).join("");
    tell({ counts: [["a", 1], ["b", 1], ["c", 1]] });
    tell({ part: [1, 3], counts: [["a", 1]] });
    assertEquals(known(), "abc");
    tell({ part: [2, 3], counts: [["b", 1]] });
    assertEquals(known(), "abc");
    tell({ part: [3, 3], counts: [] });
    assertEquals(known(), "ab");
    tell({ part: [1, 3], counts: [["a", 1]] });
    tell({ part: [3, 3], counts: [] });
    assertEquals(known(), "ab");
    tell({ part: [1, 2], counts: [["a", 1]] });
    boards.gone(1);
    assertEquals(known(), "");
    tell({ counts: [["c", 1]] });
    tell({ part: [2, 2], counts: [] });
    assertEquals(known(), "c");
  });

  it("has nothing to tell as long as it is alone", () => {
    const { clock, open } = setUp();
    const one = open(1);
    one.take("a", 1);
    assertEquals(clock.pending, 0);
  });

  it("tells what it has counted until it has heard of somebody, who may have begun before it", () => {
    const { clock, boards, open } = setUp();
    const told: unknown[] = [];
    const early = boards.board(1);
    early.subscribe("limit_conn z", (value) => told.push(value));
    const late = open(2);
    late.take("a", 1);
    early.publish("limit_conn z", { part: [1, 1] });
    early.publish("limit_conn z", { counts: [["b", 1]] });
    const all = { part: [1, 1], counts: [["a", 1]] };
    assertEquals(told, [{ isNew: true }, all]);
    clock.advance(60_000);
    assertEquals(told, [{ isNew: true }, all, all]);
  });
});
