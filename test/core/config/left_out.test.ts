/** Protocols that are left out, as in an nginx built `--without-mail_pop3_module` and the like. */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { Protocol } from "../../../src/config/mod.ts";
import { inServer, load, problem } from "../../support/config.ts";

const POP3_IS_OUT = '"pop3" is left out of this build';

const ROWS: readonly [without: readonly Protocol[], text: string, problem: string][] = [
  [["pop3"], inServer(), "ok"],
  [["pop3"], inServer("protocol pop3;"), `unknown protocol "pop3" in f:4\n${POP3_IS_OUT}`],
  [["pop3"], inServer("protocol pop;"), 'unknown protocol "pop" in f:4'],
  [["pop3"], inServer("pop3_auth plain;"), `unknown directive "pop3_auth" in f:4\n${POP3_IS_OUT}`],
  [["pop3"], inServer("auth plain;"), `unknown directive "auth" in f:4\n${POP3_IS_OUT}`],
  [["pop3"], inServer("pop3_auht plain;"), 'unknown directive "pop3_auht" in f:4'],
  [
    ["pop3"],
    "mail { auth_http a;\nserver { listen 110; } }",
    `unknown mail protocol for server in f:2\n${POP3_IS_OUT}`,
  ],
  [["pop3"], "mail { auth_http a; server { listen 110; listen 143; } }", "ok"],
  [
    ["smtp", "imap"],
    inServer("smtp_greeting_delay 5s;"),
    'unknown directive "smtp_greeting_delay" in f:4\n"smtp" is left out of this build',
  ],
  [
    ["smtp", "imap"],
    inServer("imap_auth plain;"),
    'unknown directive "imap_auth" in f:4\n"imap" is left out of this build',
  ],
  [["smtp", "imap"], inServer("protocol smtp;"), 'unknown protocol "smtp" in f:4\n"smtp" is left out of this build'],
  [["smtp", "imap"], inServer("protocol pop3; xclient on; resolver off;"), "ok"],
  [["imap"], "imap { auth_http a; server { listen 110; } }", "ok"],
  [["imap", "pop3", "smtp"], "events {} mail {}", "ok"],
];

describe("protocols that are left out", () => {
  for (const [without, text, expected] of ROWS) {
    it(`${without}: ${JSON.stringify(text)}`, () => assertEquals(problem(text, { without }), expected));
  }

  it("the first port that is known decides", () => {
    const { servers } = load("mail { auth_http a; server { listen 110; listen 143; } }", { without: ["pop3"] });
    assertEquals(servers.map(({ protocol }) => String(protocol)), ["imap"]);
  });
});
