import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { murmurHash2 } from "../../../src/variables/split.ts";
import { inMail, load, problem } from "../../support/config.ts";
import { factsOf } from "../../support/facts.ts";

function inSplit(...lines: readonly string[]): string {
  return inMail("split_clients $remote_addr $to {", ...lines, "}");
}

describe("split_clients", () => {
  it("hashes as MurmurHash2 does, whatever remains behind the last four octets", () => {
    const hashes = ["", "a", "ab", "abc", "abcd", "hello, world", "\xff\xfe\xfd\xfc\xfb"].map(murmurHash2);
    assertEquals(hashes, [0, 0x92685f5e, 0x1aa14063, 0x13577c9b, 0x26873021, 0x4b4c9d80, 0xfae45ebc]);
  });

  it("gives each value its share, and the same text the same value", () => {
    const text = inMail("auth_http_header X $to;", "split_clients $remote_addr $to { 20% a; 0.50% b; .5% c; * d; }");
    const value = load(text).servers[0]?.authHttp?.headers[0]?.value;
    const counts = new Map<string | undefined, number>();
    for (let i = 0; i < 20_000; i++) {
      const client = { family: 4, host: `10.${i % 7}.${i >> 8}.${i & 255}`, port: 1 } as const;
      const chosen = value?.(factsOf({ client }));
      assertEquals(value?.(factsOf({ client })), chosen);
      counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
    }
    const near = (name: string, share: number) => Math.abs((counts.get(name) ?? 0) / 20_000 - share) < 0.01;
    assertEquals([near("a", 0.2), near("b", 0.005), near("c", 0.005), near("d", 0.79)], [true, true, true, true]);
  });

  it("is empty beyond its shares", () => {
    const text = inMail("auth_http_header X $to;", "split_clients $protocol $to { 0.01% a; }");
    assertEquals(load(text).servers[0]?.authHttp?.headers[0]?.value(factsOf()), "");
  });

  for (
    const [text, expected] of [
      [inMail("split_clients a b {}"), 'invalid variable name "b" in f:3'],
      [inSplit("a b;"), 'invalid percent value "a" in f:4'],
      [inSplit("0% b;"), 'invalid percent value "0%" in f:4'],
      [inSplit("% b;"), 'invalid percent value "%" in f:4'],
      [inSplit("1.234% b;"), 'invalid percent value "1.234%" in f:4'],
      [inSplit("-1% b;"), 'invalid percent value "-1%" in f:4'],
      [inSplit("50% a;", "50.01% b;"), "percent total is greater than 100% in f:6"],
      [inSplit("* a;", "1% b;"), "percent total is greater than 100% in f:6"],
      [inSplit("50% a;", "50% b;", "* c;"), "ok"],
      [inSplit("50%;"), 'invalid number of the split_clients parameters in f:4\na line is two words and a ";"'],
    ] as const
  ) {
    it(`says what is wrong: ${expected}`, () => assertEquals(problem(text), expected));
  }
});
