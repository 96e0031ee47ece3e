import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { Echoes } from "../../../src/proxy/echoes.ts";
import { FakeClock } from "../../support/fake_clock.ts";

describe("what several server blocks say", () => {
  it("is told once, and again when it is said again later", () => {
    const clock = new FakeClock();
    const lines: string[] = [];
    const log = { write: (level: string, text: string) => lines.push(`${level} ${text}`) };
    const other = { write: (level: string, text: string) => lines.push(`other ${level} ${text}`) };
    const echoes = new Echoes({ now: () => clock.now() });
    const blocks = [echoes.noteTo(log), echoes.noteTo(log), echoes.noteTo(other)];
    for (const note of blocks) note("notice", "renewed");
    assertEquals(lines, ["notice renewed", "other notice renewed"]);
    clock.advance(4_000);
    blocks[0]?.("notice", "renewed");
    blocks[0]?.("warn", "expires");
    assertEquals(lines.slice(2), ["warn expires"]);
    clock.advance(5_001);
    for (const note of blocks) note("notice", "renewed");
    assertEquals(lines.slice(3), ["notice renewed", "other notice renewed"]);
  });
});
