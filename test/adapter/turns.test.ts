import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { Turns } from "../../adapters/_turns.ts";

describe("work that is spread over turns of the event loop", () => {
  it("is done in order, so much in each", async () => {
    const turns = new Turns(2);
    const done: number[] = [];
    const seen: string[] = [];
    for (let i = 1; i <= 5; i++) turns.run(() => done.push(i));
    for (let turn = 0; turn < 4; turn++) {
      seen.push(done.join(" "));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assertEquals(seen, ["1 2", "1 2 3 4", "1 2 3 4 5", "1 2 3 4 5"]);
    turns.run(() => done.push(6));
    assertEquals(done.at(-1), 6);
  });

  it("waits behind what waits already, what comes from work included", async () => {
    const turns = new Turns(1);
    const done: string[] = [];
    turns.run(() => {
      done.push("a");
      turns.run(() => done.push("c"));
    });
    turns.run(() => done.push("d"));
    assertEquals(done, ["a"]);
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    assertEquals(done, ["a", "c", "d"]);
  });

  it("is done at once where there is no bound", () => {
    const turns = new Turns(Infinity);
    let done = 0;
    for (let i = 0; i < 1000; i++) turns.run(() => done++);
    assertEquals(done, 1000);
  });
});
