import { describe, it, type TestContext } from "node:test";
import process from "node:process";
import { assertEquals } from "@std/assert";
import { nodeParts, tlsWrapper } from "../../adapters/_node_native.ts";

describe("Node's own parts", () => {
  const answers: readonly [string, () => unknown][] = [
    ["keeps them to itself", () => {
      throw new Error("No such module");
    }],
    ["has nothing under their names", () => undefined],
    [
      "has other things under their names",
      () => ({ TCP: class {}, constants: { SOCKET: 0 }, TLSWrap: class {}, wrap() {} }),
    ],
  ];
  for (const [what, answer] of answers) {
    it(`are done without where a Node ${what}`, (t: TestContext) => {
      const owner = process as unknown as { binding: (name: string) => unknown };
      const { binding } = owner;
      t.after(() => {
        owner.binding = binding;
      });
      owner.binding = answer;
      assertEquals([nodeParts(), tlsWrapper()], [undefined, undefined]);
    });
  }
});
