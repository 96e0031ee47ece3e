import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { FromWorker } from "../../../src/process/messages.ts";
import { LONGEST, MOST_AT_ONCE, MOST_WAITING, PAUSE, WorkerBoard } from "../../../src/process/worker_board.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";

/** A board and what it has sent; `isFree` is whether the main process listens fast enough. */
function open() {
  const runtime = new FakeRuntime();
  const sent: unknown[] = [];
  const state = { isFree: true };
  const send = (message: unknown) => {
    const { value } = message as Extract<FromWorker, { type: "news" }>;
    sent.push(value);
    return state.isFree;
  };
  return { board: new WorkerBoard({ number: 7, link: { send }, runtime }), sent, state, clock: runtime.clock };
}

describe("the board of a worker", () => {
  it("hears what others publish under a topic, until it does not want to", () => {
    const { board } = open();
    const heard: unknown[] = [];
    const cancel = board.subscribe("a", (value, from, isEarlier) => heard.push([value, from, isEarlier]));
    board.subscribe("b", (value) => heard.push(value));
    const cancelGone = board.onGone((id) => heard.push(id));
    board.heard("a", 1, { from: 3 });
    board.heard("a", 2, { from: 3, isEarlier: true });
    board.heard("c", 2, { from: 3 });
    board.gone(3);
    cancel();
    cancelGone();
    board.heard("a", 1, { from: 3 });
    board.gone(4);
    assertEquals(heard, [[1, 3, false], [2, 3, true], 3]);
  });

  it("sends so much at once, the rest later, as it was when it was published", () => {
    const { board, sent, clock } = open();
    const changing = { count: 0 };
    for (let i = 0; i < MOST_AT_ONCE; i++) board.publish("a", i);
    board.publish("a", changing);
    changing.count++;
    assertEquals(sent.length, MOST_AT_ONCE);
    clock.advance(PAUSE);
    assertEquals(sent.at(-1), { count: 0 });
  });

  it("loses the oldest of too many, and what is too long", () => {
    const { board, sent, state, clock } = open();
    state.isFree = false;
    board.publish("a", "first");
    for (let i = 0; i <= MOST_WAITING; i++) board.publish("a", i);
    board.publish("a", "x".repeat(LONGEST));
    state.isFree = true;
    while (sent.length < 1 + MOST_WAITING) clock.advance(PAUSE);
    clock.advance(10 * PAUSE);
    assertEquals([sent.length, sent[0], sent[1], sent.at(-1)], [1 + MOST_WAITING, "first", 1, MOST_WAITING]);
    board.publish("a", "x".repeat(LONGEST - 2));
    assertEquals(sent.length, 2 + MOST_WAITING);
  });
});
