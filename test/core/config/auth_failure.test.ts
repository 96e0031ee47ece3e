import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { inMail, inServer, load, problem, serverWith } from "../../support/config.ts";

describe("auth_failure_delay", () => {
  it("is off unless it is given", () => {
    assertEquals(serverWith().authFailure, undefined);
    assertEquals(serverWith("auth_failure_delay 1s;").authFailure, { first: 1000, most: 16_000, exempt: [] });
    assertEquals(serverWith("auth_failure_delay 1s 4s;").authFailure, { first: 1000, most: 4000, exempt: [] });
  });

  it("of mail {} can be switched off in a server", () => {
    const delays = load(
      "events {} mail { auth_http a; auth_failure_delay 1s 2s;" +
        "server { listen 143; auth_failure_delay off; } server { listen 144; protocol imap; } }",
    ).servers.map(({ authFailure }) => authFailure?.first);
    assertEquals(delays, [undefined, 1000]);
    assertEquals(load(inMail("auth_failure_delay off;")).servers[0]?.authFailure, undefined);
  });

  const errors: readonly [line: string, problem: string][] = [
    ["auth_failure_delay off; auth_failure_delay 5s;", '"auth_failure_delay" directive is duplicate in f:4'],
    ["auth_failure_delay 5s; auth_failure_delay off;", '"auth_failure_delay" directive is duplicate in f:4'],
    ["auth_failure_delay 0;", '"auth_failure_delay" directive invalid value in f:4'],
    ["auth_failure_delay off 5s;", '"auth_failure_delay" directive invalid value in f:4'],
    [
      "auth_failure_delay 5s 4s;",
      '"auth_failure_delay" directive invalid value in f:4\nit may hold back from "time" up to 120s',
    ],
  ];
  for (const [line, expected] of errors) it(line, () => assertEquals(problem(inServer(line)), expected));
});
