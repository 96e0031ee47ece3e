import { assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "node:test";
import { MODULES } from "../../../src/config/directives/mod.ts";
import { inServer, problem } from "../../support/config.ts";

const MEGABYTE = 1 << 20;

describe("hostile configurations", () => {
  const rows: readonly [what: string, text: string, problem: string][] = [
    ["NUL", "\0", 'unexpected end of file, expecting ";" or "}" in f:1'],
    ["NUL in a name", "pid\0 a;", 'unknown directive "pid\0" in f:1\ndid you mean "pid"?'],
    ["NUL in a value", inServer("protocol imap\0;"), 'unknown protocol "imap\0" in f:4\ndid you mean "imap"?'],
    ["a megabyte without an end", "x".repeat(MEGABYTE), 'too long parameter "xxxxxxxxxx..." started in f:1'],
    [
      "a megabyte in quotes",
      `pid "${"\n".repeat(MEGABYTE)}`,
      'too long parameter, probably missing terminating """ character in f:1',
    ],
    [
      "a megabyte of backslashes",
      `pid ${"\\".repeat(MEGABYTE)};`,
      'too long parameter "\\\\\\\\\\\\\\\\\\\\..." started in f:1',
    ],
    [
      "a megabyte of words",
      `pid ${"x ".repeat(MEGABYTE / 2)};`,
      'invalid number of arguments in "pid" directive in f:1',
    ],
    ["a megabyte of lines", `${"\n".repeat(MEGABYTE)}x;`, `unknown directive "x" in f:${MEGABYTE + 1}`],
    ["a megabyte of comments", '# { "\n'.repeat(MEGABYTE / 6), "ok"],
    [
      "10,000 blocks in one another",
      "mail {".repeat(10_000),
      '"mail" directive is not allowed here in f:1\n"mail" belongs outside of all blocks: is a "}" missing?',
    ],
    ["10,000 unknown blocks", "a {".repeat(10_000), 'unknown directive "a" in f:1'],
    ["10,000 blocks of others", `http ${"{ a ".repeat(10_000)}`, 'unexpected end of file, expecting "}" in f:1'],
    ["10,000 }", "}".repeat(10_000), 'unexpected "}" in f:1'],
    [
      "10,000 servers",
      `mail { auth_http a; ${Array.from({ length: 10_000 }, (_, i) => `server { listen a${i}:25; }`).join(" ")} }`,
      "ok",
    ],
    [
      "a port of 4,000 digits",
      inServer(`listen ${"1".repeat(4000)};`),
      `host not found in "${"1".repeat(4000)}" of the "listen" directive in f:4`,
    ],
    [
      "an address of 4,000 colons",
      inServer(`listen [${":".repeat(4000)}];`),
      `invalid IPv6 address in "[${":".repeat(4000)}]" of the "listen" directive in f:4`,
    ],
    [
      "a time of 4,000 groups",
      inServer(`timeout ${"1s".repeat(2000)};`),
      '"timeout" directive invalid value in f:4\na time is digits with or without units, such as 90, 90s or 1h30m',
    ],
    ["names of the runtime's own objects", "constructor a;", 'unknown directive "constructor" in f:1'],
    ["__proto__", "__proto__ {", 'unknown directive "__proto__" in f:1'],
    [
      "a unit of the runtime's own",
      inServer("timeout 1toString;"),
      '"timeout" directive invalid value in f:4\na time is digits with or without units, such as 90, 90s or 1h30m',
    ],
    [
      "a size unit of the runtime's own",
      inServer("proxy_buffer constructor;"),
      '"proxy_buffer" directive invalid value in f:4\na size is digits with or without a unit, such as 4096, 4k or 1m',
    ],
    ["an escape of the runtime's own", inServer("protocol \\constructor;"), 'unknown protocol "\\constructor" in f:4'],
  ];
  for (const [what, text, expected] of rows) {
    it(what, () => assertEquals(problem(text), expected));
  }
});

/** Small pseudo-random numbers that are the same everywhere (mulberry32). */
function randomizer(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const NAMES = MODULES.flatMap((module) => module.directives).map(({ name }) => name);
const PIECES: readonly string[] = [
  ...[" ", " ", " ", "\n", ";", ";", " {", "}", '"', "'", "\\", "#", "$", "${", ")", "\t", "\0", "\xff"],
  ...["on", "off", "1", "10k", "5s", "imap", "plain", "a", "127.0.0.1:143", "[::1]:", "unix:", "-", "*", "?", "["],
  ...["events { ", "mail { ", "server { ", "http { ", "listen 143;", "auth_http a;", "include a;", "daemon off;"],
];

describe("random configurations", () => {
  it("give a configuration or one clear error, and nothing else", () => {
    const random = randomizer(20_260_101);
    for (let round = 0; round < 4000; round++) {
      const length = 1 + random(40);
      const pieces = Array.from({ length }, () => {
        const names = random(3) === 0 ? NAMES : PIECES;
        return names[random(names.length)] ?? "";
      });
      // `problem` throws whatever is no ConfigError.
      const result = problem(pieces.join(random(2) === 0 ? "" : " "));
      if (result !== "ok") assertMatch(result, /^[^]+ in f:\d+(\n[^]+)?$/);
    }
  });
});
