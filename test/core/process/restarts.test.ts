import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { GROWN_UP, LONGEST_DELAY, Restarts } from "../../../src/process/restarts.ts";

describe("how soon a worker is replaced", () => {
  it("later each time, up to a limit, while they die young, and at once after one that lived", () => {
    const restarts = new Restarts();
    const delays = Array.from({ length: 10 }, () => restarts.delayAfter(GROWN_UP - 1));
    assertEquals(delays, [0, 100, 200, 400, 800, 1600, 3200, 6400, LONGEST_DELAY, LONGEST_DELAY]);
    assertEquals([restarts.delayAfter(GROWN_UP), restarts.delayAfter(1)], [0, 100]);
  });
});
