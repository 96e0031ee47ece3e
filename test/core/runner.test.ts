import { describe, it } from "node:test";
import { parseArgs } from "@std/cli/parse-args";
import { assertEquals, assertThrows } from "@std/assert";
import { describeFailure, isFailure } from "../../src/runtime.ts";

describe("the ground the tests stand on", () => {
  it("reaches std's argument parser by its own name", () => {
    const args = parseArgs(["-t", "-c", "mail.conf", "7"], { boolean: ["t"], string: ["c", "_"] });
    assertEquals(args, { t: true, c: "mail.conf", _: ["7"] });
  });

  it("reaches std's assertions by their own name", () => {
    assertThrows(() => assertEquals([1, { a: 2 }], [1, { a: 3 }]), Error, "Values are not equal");
  });

  it("tells a failure from a result, and writes it as the log does", () => {
    const failure = { number: 111, text: "Connection refused" };
    assertEquals(isFailure(failure), true);
    assertEquals(isFailure(new Uint8Array(2)), false);
    assertEquals(describeFailure(failure), "(111: Connection refused)");
  });
});
