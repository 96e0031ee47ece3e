import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { inServer, problem, serverWith } from "../../support/config.ts";

describe("proxy_next_upstream", () => {
  const rows: readonly [lines: string, tries: number, timeout: number][] = [
    ["", Infinity, Infinity],
    ["proxy_next_upstream ON;", Infinity, Infinity],
    ["proxy_next_upstream off;", 1, Infinity],
    ["proxy_next_upstream_tries 3; proxy_next_upstream_timeout 90s;", 3, 90_000],
    ["proxy_next_upstream_tries 0; proxy_next_upstream_timeout 0;", Infinity, Infinity],
  ];
  for (const [lines, tries, timeout] of rows) {
    it(lines || "is on", () => assertEquals(serverWith(lines).proxy.nextUpstream, { tries, timeout }));
  }

  const errors: readonly [line: string, problem: string][] = [
    [
      "proxy_next_upstream error;",
      'invalid value "error" in "proxy_next_upstream" directive, it must be "on" or "off" in f:4',
    ],
    [
      "proxy_next_upstream error timeout;",
      'invalid value "error" in "proxy_next_upstream" directive, it must be "on" or "off" in f:4\n' +
      "what is tried at another server follows from the mail protocols",
    ],
    [
      "proxy_next_upstream_tries x;",
      '"proxy_next_upstream_tries" directive invalid number in f:4\na number is digits and nothing else',
    ],
    [
      "proxy_next_upstream_timeout x;",
      '"proxy_next_upstream_timeout" directive invalid value in f:4\na time is digits with or without units, such as 90, 90s or 1h30m',
    ],
  ];
  for (const [line, expected] of errors) {
    it(`refuses ${line}`, () => assertEquals(problem(inServer(line)), expected));
  }
});
