import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { SOLITARY_BOARD } from "../../../src/proxy/board.ts";

describe("the board of a process that works alone", () => {
  it("is the first's, and nobody hears what stands on it", () => {
    const heard: unknown[] = [];
    const board = SOLITARY_BOARD;
    assertEquals([board.id, board.isFirst], [0, true]);
    const cancel = board.subscribe("count", (value) => heard.push(value));
    board.onGone((id) => heard.push(id));
    board.publish("count", 1);
    cancel();
    assertEquals(heard, []);
  });
});
