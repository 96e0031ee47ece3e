import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Lingerers } from "../../adapters/_lingerers.ts";
import { NOWHERE } from "../../src/roster.ts";

describe("those who linger", () => {
  it("are cut off when their time has come, each by its own and none that has left", async () => {
    const lingerers = new Lingerers();
    const started = performance.now();
    const gone = new Map<string, number>();
    const after = () => performance.now() - started;
    const lingerer = (name: string) => ({ place: NOWHERE, due: 0, abort: () => void gone.set(name, after()) });
    const [early, late, left] = [lingerer("early"), lingerer("late"), lingerer("left")];
    lingerers.add(late, 10);
    lingerers.add(left, 10);
    lingerers.add(early, 10);
    lingerers.add(late, 600);
    lingerers.remove(left);
    // The timer of those who linger keeps nobody alive.
    const alive = setInterval(() => {}, 1_000);
    await new Promise<void>((resolve) => {
      lingerers.add({ place: NOWHERE, due: 0, abort: resolve }, 700);
    });
    clearInterval(alive);
    const waited = after();
    assert(waited >= 700 && waited < 3_000, `waited ${waited} ms`);
    // Whose time has come when the timer rings goes in no order.
    assertEquals([...gone.keys()].sort(), ["early", "late"]);
    const [goneEarly = 0, goneLate = 0] = [gone.get("early"), gone.get("late")];
    assert(goneEarly >= 10 && goneLate >= 600, `${goneEarly}, ${goneLate} ms`);
    if (waited < 1_500) assert(goneEarly < goneLate, `${goneEarly}, ${goneLate} ms`);
  });
});
