/** Several servers on one socket, told apart by the name that a client's TLS asks for. */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { load, problem, warnings } from "../../support/config.ts";

const HEAD = "events {} mail { auth_http a; ssl_certificate c; ssl_certificate_key k;";

/** A file with these servers, each on a line of its own, from line 2 on. */
function servers(...lines: readonly string[]): string {
  const all = lines.map((line) => `\nserver { ${line.includes("protocol ") ? "" : "protocol imap; "}${line} }`);
  return `${HEAD}${all.join("")} }`;
}

const DUPLICATE = 'duplicate "0.0.0.0:993" address and port pair in f:3';

const GOOD: readonly [what: string, ...lines: string[]][] = [
  ["two names", "listen 993 ssl; server_name a.example;", "listen 993 ssl; server_name b.example;"],
  ["a default without a name", "listen 993 ssl;", "listen 993 ssl; server_name b.example;"],
  [
    "wildcards",
    "listen 1 ssl; server_name a.example;",
    "listen 1 ssl; server_name *.example;",
    "listen 1 ssl; server_name .b;",
  ],
  ["STARTTLS", "listen 143; starttls on; server_name a;", "listen 143; starttls on; server_name b;"],
  ["ssl of the past", "listen 993; ssl on; server_name a;", "listen 993 ssl; server_name b;"],
  ["a unix socket", "listen unix:/a ssl; server_name a;", "listen unix:/a ssl; server_name b;"],
  ["settings of the socket once", "listen 993 ssl backlog=5; server_name a;", "listen 993 ssl; server_name b;"],
  ["settings of the socket twice", "listen 9 ssl backlog=5; server_name a;", "listen 9 ssl backlog=5; server_name b;"],
  ["starttls that is not looked at", "listen 9 ssl; server_name a;", "listen 9 ssl; starttls on; server_name b;"],
];

const BAD: readonly [what: string, error: string, ...lines: string[]][] = [
  ["no TLS at all", DUPLICATE, "listen 993; server_name a;", "listen 993; server_name b;"],
  ["no TLS at one", DUPLICATE, "listen 993 ssl; server_name a;", "listen 993; server_name b;"],
  [
    "the same name",
    `${DUPLICATE}\n"a.example" is a "server_name" of both servers`,
    "listen 993 ssl; server_name a.example;",
    "listen 993 ssl; server_name b A.example;",
  ],
  [
    "no name",
    `${DUPLICATE}\na "server_name" must tell this server from the first one`,
    "listen 993 ssl; server_name a.example;",
    "listen 993 ssl;",
  ],
  [
    "TLS at first and later",
    `${DUPLICATE}\nservers that share a socket must have the same "listen ... ssl"`,
    "listen 993 ssl; server_name a;",
    "listen 993; starttls on; server_name b;",
  ],
  [
    "PROXY headers at one",
    `${DUPLICATE}\nservers that share a socket must have the same "listen ... proxy_protocol"`,
    "listen 993 ssl; server_name a;",
    "listen 993 ssl proxy_protocol; server_name b;",
  ],
  [
    "two protocols",
    `${DUPLICATE}\nservers that share a socket must have the same "protocol"`,
    "listen 993 ssl; server_name a;",
    "listen 993 ssl; server_name b; protocol pop3;",
  ],
  [
    "two kinds of STARTTLS",
    `${DUPLICATE}\nservers that share a socket must have the same "starttls"`,
    "listen 993; starttls on; server_name a;",
    "listen 993; starttls only; server_name b;",
  ],
  [
    "other settings of the socket",
    'duplicate listen options for "0.0.0.0:993" in f:3',
    "listen 993 ssl; server_name a;",
    "listen 993 ssl backlog=5; server_name b;",
  ],
  [
    "a pattern that is none",
    'invalid server name or wildcard "mail.*" on 0.0.0.0:993 in f:3',
    "listen 993 ssl; server_name a;",
    "listen 993 ssl; server_name mail.*;",
  ],
];

describe("servers on one socket", () => {
  for (const [what, ...lines] of GOOD) it(what, () => assertEquals(problem(servers(...lines)), "ok"));
  for (const [what, error, ...lines] of BAD) {
    it(`not with ${what}`, () => assertEquals(problem(servers(...lines)), error));
  }

  it("have their names in lower case", () => {
    const [first] = load(servers("listen 993 ssl; server_name Mail.Example *.Example .B;")).servers;
    assertEquals(first?.serverNames, ["mail.example", "*.example", ".b"]);
    assertEquals(first?.serverName, "Mail.Example");
  });

  it("may have several names without a warning, others not", () => {
    const [one, two] = ["listen 993 ssl; server_name a b;", "listen 993 ssl; server_name c d;"];
    assertEquals(warnings(servers(one, two)), []);
    assertEquals(warnings(servers(one, "listen 994 ssl; server_name c;")), [
      'warn: "server_name" takes one plain name today, "a" is used in f:2',
    ]);
  });

  it("see what mail {} says after them", () => {
    const text = servers("listen 143; server_name a;", "listen 143; server_name b;");
    assertEquals(problem(text), 'duplicate "0.0.0.0:143" address and port pair in f:3');
    assertEquals(problem(`${text.slice(0, -1)}starttls on; }`), "ok");
  });

  it("the same server cannot have a socket twice", () => {
    assertEquals(
      problem(servers("listen 993 ssl; listen 993 ssl; server_name a;")),
      'duplicate "0.0.0.0:993" address and port pair in f:2',
    );
  });
});
