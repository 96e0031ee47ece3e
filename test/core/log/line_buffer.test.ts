import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { LogBuffer } from "../../../src/config/mod.ts";
import { LineBuffer } from "../../../src/log/line_buffer.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import type { SystemFailure } from "../../../src/runtime.ts";

const FULL: SystemFailure = { number: 28, text: "No space left on device" };

/** A buffer before a file that remembers each write. */
class Stage {
  readonly clock = new FakeClock();
  readonly writes: string[] = [];
  readonly notes: string[] = [];
  failure: SystemFailure | undefined;
  /** How many lines of each write it takes all the same. */
  taken = 0;
  readonly buffer: LineBuffer;
  settings: LogBuffer | undefined;

  constructor(settings?: LogBuffer) {
    this.settings = settings;
    const write = (lines: string) => {
      if (this.failure !== undefined) return { ...this.failure, lost: lines.split("\n").length - 1 - this.taken };
      this.writes.push(lines);
      return undefined;
    };
    const file = { write, reopen: () => undefined, close: () => {} };
    const note = (level: string, text: string) => void this.notes.push(`${level} ${text}`);
    this.buffer = new LineBuffer("/a", file, { runtime: this.clock, note });
  }

  add(...lines: string[]): void {
    for (const line of lines) this.buffer.add(`${line}\n`, this.settings);
  }
}

describe("the lines of an access log", () => {
  it("are written at once where nothing else is said", () => {
    const stage = new Stage();
    stage.add("a", "b");
    assertEquals(stage.writes, ["a\n", "b\n"]);
  });

  it("are gathered up to the size of the buffer, and written in one piece", () => {
    const stage = new Stage({ size: 6, flush: undefined });
    stage.add("a", "bb");
    assertEquals(stage.writes, []);
    stage.add("c");
    assertEquals(stage.writes, ["a\nbb\n"]);
    stage.buffer.flush();
    assertEquals(stage.writes, ["a\nbb\n", "c\n"]);
  });

  it("fill the buffer to its last octet, and not one beyond", () => {
    const stage = new Stage({ size: 6, flush: undefined });
    stage.add("ab", "cd");
    assertEquals(stage.writes, []);
    stage.add("");
    assertEquals(stage.writes, ["ab\ncd\n"]);
  });

  it("that are longer than the buffer go past it, in their order", () => {
    const stage = new Stage({ size: 4, flush: undefined });
    stage.add("a", "long line", "b");
    assertEquals(stage.writes, ["a\n", "long line\n"]);
  });

  it("wait no longer than they are allowed to", () => {
    const stage = new Stage({ size: 100, flush: 1000 });
    stage.add("a");
    stage.clock.advance(600);
    stage.add("b");
    stage.clock.advance(399);
    assertEquals(stage.writes, []);
    stage.clock.advance(1);
    assertEquals(stage.writes, ["a\nb\n"]);
    stage.add("c");
    stage.clock.advance(1000);
    assertEquals(stage.writes, ["a\nb\n", "c\n"]);
    stage.clock.advance(10_000);
    assertEquals(stage.writes.length, 2);
  });

  it("that a disk does not take are lost, and the error log hears of it once", () => {
    const stage = new Stage({ size: 4, flush: undefined });
    stage.failure = FULL;
    stage.add("a", "b", "c", "d", "e");
    assertEquals(stage.notes, [
      'alert write() to "/a" failed (28: No space left on device), lines are lost until it succeeds',
    ]);
    stage.failure = undefined;
    stage.buffer.flush();
    assertEquals(stage.writes, ["e\n"]);
    assertEquals(stage.notes.slice(1), ['notice write() to "/a" succeeds again, 4 lines were lost']);
    stage.failure = FULL;
    stage.add("f", "g", "h");
    assertEquals(stage.notes.length, 3);
  });

  it("are not lost where the disk still took them", () => {
    const stage = new Stage({ size: 6, flush: undefined });
    stage.failure = FULL;
    stage.taken = 2;
    stage.add("a", "b", "c", "d");
    stage.failure = undefined;
    stage.buffer.flush();
    assertEquals(stage.notes.slice(1), ['notice write() to "/a" succeeds again, 1 lines were lost']);
  });

  it("keep their order where another log writes to the file at once", () => {
    const stage = new Stage({ size: 100, flush: undefined });
    stage.add("a");
    stage.settings = undefined;
    stage.add("b");
    assertEquals(stage.writes, ["a\n", "b\n"]);
  });
});
