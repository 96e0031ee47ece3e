import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { MODULES } from "../../../src/config/directives/mod.ts";
import { inMail, inMain, inServer, problem } from "../../support/config.ts";

/** What follows in later work is refused by name, and neither ignored nor called unknown. */
const REFUSED: readonly [line: string, name: string][] = [
  ["proxy_next_upstream on;", "proxy_next_upstream"],
];

describe("what comes later", () => {
  for (const [line, name] of REFUSED) {
    it(line, () => {
      assertEquals(problem(inServer(line)), `"${name}" directive is not supported yet in f:4`);
      assertEquals(problem(inMail(line)), `"${name}" directive is not supported yet in f:3`);
    });
  }

  it("is checked for its form first", () => {
    assertEquals(
      problem(inServer("proxy_pass;")),
      'invalid number of arguments in "proxy_pass" directive in f:4',
    );
    assertEquals(problem(inMail("upstream a;")), 'directive "upstream" has no opening "{" in f:3');
    assertEquals(
      problem(inServer("upstream a {")),
      '"upstream" directive is not allowed here in f:4\n"upstream" belongs into "mail {}"',
    );
  });

  it("leaves no entry out", () => {
    const entries = MODULES.flatMap((module) => module.directives).filter(({ state }) => state.type === "planned");
    for (const entry of entries) {
      const { least } = entry.type === "simple" ? entry.kind.count : entry.count;
      const line = `${entry.name}${" a".repeat(least)}${entry.type === "simple" ? ";" : " {"}`;
      const place = entry.contexts.includes("main") ? inMain(line) : inMail(line);
      const [text] = problem(place).split(" in f:");
      assertEquals(text, `"${entry.name}" directive is not supported yet`);
    }
  });
});
