import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { describe, it } from "node:test";
import { Call } from "../../../src/config/call.ts";
import type { AnyDirective, Directive } from "../../../src/config/directive.ts";
import { MODULES } from "../../../src/config/directives/mod.ts";
import { Scope } from "../../../src/config/scope.ts";
import { Tokenizer } from "../../../src/config/tokens.ts";
import { memoryFiles } from "../../support/config.ts";

const ENTRIES: readonly AnyDirective[] = MODULES.flatMap((module) => module.directives);

/** Defaults that depend on where the program runs, or that mean "not given". */
const NOT_READ: readonly string[] = ["user", "pid", "error_log"];

/** What the default comes to when it is read as an operator would have written it. */
function readDefault(entry: Directive<unknown, unknown>): unknown {
  const { words } = new Tokenizer(`${entry.name} ${entry.written};`, "default").next();
  const context = {
    place: "command line",
    scope: new Scope(),
    warn: () => {},
    base: "",
    files: memoryFiles({}),
  } as const;
  const call = new Call(words, context);
  return entry.kind.read(call, undefined);
}

describe("the directive table", () => {
  it("has one meaning for a name in a place", () => {
    const places = ENTRIES.flatMap((entry) => entry.contexts.map((context) => `${context} ${entry.name}`));
    assertEquals(places.length, new Set(places).size);
  });

  for (const entry of ENTRIES) {
    it(`${entry.name} is well described`, () => {
      assertMatch(entry.name, /^[a-z][a-z0-9_]*$/);
      assertMatch(entry.meaning, /^[A-Z`].*[^.]$/);
      if (entry.since !== undefined) assertMatch(entry.since, /\d\.\d+\.\d+/);
      if (entry.state.type === "accepted") assertNotMatch(entry.state.reason, /\.$|^[A-Z]/);
    });

    if (entry.type !== "simple" || entry.written === undefined || NOT_READ.includes(entry.name)) continue;
    it(`${entry.name} has the default that is written`, () => {
      const value = readDefault(entry);
      if (entry.state.type === "supported") assertEquals(entry.default ?? value, value);
    });
  }
});
