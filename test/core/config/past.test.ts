/** What older documents have: it works, and one warning names today's form. */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { inMail, inMain, inServer, load, problem, serverWith, warnings } from "../../support/config.ts";

const deprecated = (name: string, today: string) => `warn: the "${name}" directive is deprecated, ${today}`;

describe("directives of the past", () => {
  const rows: readonly [line: string, warning: string][] = [
    ["auth plain apop;", deprecated("auth", 'use the "pop3_auth" directive instead')],
    ["ssl off;", deprecated("ssl", 'use the "listen ... ssl" directive instead')],
    ["proxy on;", deprecated("proxy", "leave it out: sessions are always handed on")],
    ["so_keepalive on;", deprecated("so_keepalive", 'use the "listen ... so_keepalive" directive instead')],
    [
      "timeout 60000;",
      'warn: "timeout" of 60000 is taken for milliseconds, write "60000ms", or "60000s" if seconds are meant',
    ],
    ["server_name a.example b.example;", 'warn: "server_name" takes one plain name today, "a.example" is used'],
    ["server_name .a.example;", 'warn: "server_name" takes one plain name today, "a.example" is used'],
    ["server_name *.a.example b;", 'warn: "server_name" takes one plain name today, "a.example" is used'],
    ["server_name *;", 'warn: "server_name" takes one plain name today, the host name is used'],
  ];
  for (const [line, warning] of rows) {
    it(line, () => {
      assertEquals(warnings(inServer(line)), [`${warning} in f:4`]);
      assertEquals(warnings(inMail(line)), [`${warning} in f:3`]);
    });
  }

  it("ssl on is for all listen lines", () => {
    const certified = "ssl_certificate c; ssl_certificate_key k;";
    const today = deprecated("ssl", 'use the "listen ... ssl" directive instead');
    for (const text of [inServer(certified, "listen 1; ssl on;"), inMail(certified, "ssl on;")]) {
      const { servers, warnings } = load(text);
      assertEquals(servers.flatMap(({ listens }) => listens).every(({ ssl }) => ssl), true);
      assertEquals(warnings.map(({ text }) => text.replace(/ in f:\d$/, "")), [today.replace("warn: ", "")]);
    }
    assertEquals(serverWith("ssl off;").listens.map(({ ssl }) => ssl), [false]);
    assertEquals(
      problem(inServer("ssl yes;")),
      'invalid value "yes" in "ssl" directive, it must be "on" or "off" in f:4',
    );
  });

  it("auth adds to pop3_auth", () => {
    assertEquals(serverWith("auth cram-md5;").pop3.auth, ["cram-md5"]);
    assertEquals(serverWith("pop3_auth apop; auth plain;").pop3.auth, ["plain", "apop"]);
    assertEquals(
      problem(inServer("auth login;")),
      'invalid value "login" in f:4\n"auth" takes "plain", "apop", "cram-md5", "external", "xoauth2", "oauthbearer", "scram-sha-1" or "scram-sha-256"',
    );
  });

  it("so_keepalive is for the listen lines that say nothing of it", () => {
    const keepAlives = (lines: string) => load(inServer(lines)).servers[0]?.listens.map(({ keepAlive }) => keepAlive);
    assertEquals(keepAlives("so_keepalive on; listen 1 so_keepalive=off; listen 2;"), [true, false, true]);
    assertEquals(keepAlives("so_keepalive off;"), [false]);
    assertEquals(load(inMail("so_keepalive on;")).servers[0]?.listens[0]?.keepAlive, true);
    assertEquals(keepAlives(""), [undefined]);
  });

  const timeouts: readonly [written: string, millis: number][] = [
    ["60000", 60_000],
    ["10000", 10_000],
    ["9999", 9_999_000],
    ["60", 60_000],
    ["60000s", 60_000_000],
    ["1000ms", 1000],
    ["0", 0],
  ];
  for (const [written, millis] of timeouts) {
    it(`timeout ${written} is ${millis} ms`, () => assertEquals(serverWith(`timeout ${written};`).timeout, millis));
  }

  const names: readonly [written: string, name: string, ...names: string[]][] = [
    ["a.example b.example", "a.example", "a.example", "b.example"],
    ["a.example *.a.example", "a.example", "a.example", "*.a.example"],
    [".a.example", "a.example", ".a.example"],
    ["_ *", "_", "_", "*"],
    ["*", "host.example", "*"],
    ['""', "host.example"],
    ["a.example", "a.example", "a.example"],
  ];
  for (const [written, name, ...all] of names) {
    it(`server_name ${written}`, () => {
      const { serverName, serverNames } = serverWith(`server_name ${written};`);
      assertEquals([serverName, serverNames], [name, all]);
    });
  }

  it("server_name does not take the next directive for a name when the ; is missing", () => {
    assertEquals(
      problem(inServer("server_name a.example", "timeout 5s;")),
      'invalid number of arguments in "server_name" directive in f:5\nis a ";" missing before "timeout"?',
    );
  });
});

describe("imap {} for mail {}", () => {
  it("is the same, with a warning", () => {
    const config = load("events {}\nimap {\nauth_http a; auth apop;\nserver { listen 110; } }");
    assertEquals(config.servers.map(({ protocol, pop3 }) => [protocol, pop3.auth]), [["pop3", ["apop"]]]);
    assertEquals(config.warnings.map(({ text }) => text), [
      'the "imap" directive is deprecated, use the "mail" directive instead in f:2',
      'the "auth" directive is deprecated, use the "pop3_auth" directive instead in f:3',
    ]);
  });

  const rows: readonly [text: string, problem: string][] = [
    ["imap {} mail {", '"mail" directive is duplicate in f:1'],
    ["mail {}\nimap {", '"imap" directive is duplicate in f:2'],
    ["imap {\nserver { listen 143; } }", 'no "auth_http" is defined for server in f:2'],
    ["imap;", 'directive "imap" has no opening "{" in f:1'],
    [
      "imap {\nworker_processes 1;",
      '"worker_processes" directive is not allowed here in f:2\n"worker_processes" belongs outside of all blocks',
    ],
    [inMain("imap {"), '"events" directive is not allowed here in f:3\n"events" belongs outside of all blocks'],
  ];
  for (const [text, expected] of rows) it(JSON.stringify(text), () => assertEquals(problem(text), expected));
});

const SEMICOLON = "\xef\xbc\x9b";
const BLANK = "\xc2\xa0";

describe("characters of web pages", () => {
  const rows: readonly [what: string, lines: string, problem: string][] = [
    [
      "a no-break space for a blank",
      `timeout${BLANK}5s;`,
      `unknown directive "timeout${BLANK}5s" in f:4\n"timeout${BLANK}5s" has a no-break space in it, write a blank`,
    ],
    [
      "one in a value",
      `timeout 5s${BLANK};`,
      `"timeout" directive invalid value in f:4\n"5s${BLANK}" has a no-break space in it, write a blank`,
    ],
    [
      "a full-width semicolon before }",
      `timeout 5s${SEMICOLON}`,
      `unexpected "}" in f:5\n"5s${SEMICOLON}" has a full-width semicolon in it, write a ";"`,
    ],
    [
      "a full-width semicolon before another directive",
      `timeout 5s${SEMICOLON}\nmax_errors 5;`,
      `invalid number of arguments in "timeout" directive in f:5\n"5s${SEMICOLON}" has a full-width semicolon in it, write a ";"`,
    ],
    [
      "a full-width brace",
      "\xef\xbd\x9d;",
      'unknown directive "\xef\xbd\x9d" in f:4\n"\xef\xbd\x9d" has a full-width brace in it, write a "}"',
    ],
  ];
  for (const [what, lines, expected] of rows) it(what, () => assertEquals(problem(inServer(lines)), expected));

  it("at the end of the file", () => {
    assertEquals(
      problem(`events {}\ndaemon off${SEMICOLON}`),
      `unexpected end of file, expecting ";" or "}" in f:2\n"off${SEMICOLON}" has a full-width semicolon in it, write a ";"`,
    );
  });

  it("are warned about where they do no harm", () => {
    const lines = `imap_capabilities A \xe2\x80\x9cB\xe2\x80\x9d C${SEMICOLON}\ntimeout 5s;`;
    const [warning, ...more] = warnings(inServer(`${lines.split("\n")[0]};`));
    assertEquals(warning, 'warn: "\xe2\x80\x9cB\xe2\x80\x9d" has a typographic quote in it, write a " in f:4');
    assertEquals(more, []);
  });

  it("a byte order mark is passed over, in included files, too", () => {
    assertEquals(warnings("\xef\xbb\xbfevents {}\nmail { auth_http a; server { listen 143; } }"), [
      "warn: the file begins with a byte order mark, which nginx refuses in f:1",
    ]);
    assertEquals(load("\xef\xbb\xbf# a").files[0]?.text, "\xef\xbb\xbf# a");
    assertEquals(
      problem("\n\xef\xbb\xbfevents {}").split("\n")[1],
      '"\xef\xbb\xbfevents" has a byte order mark in it, write nothing there',
    );
  });

  it("line ends of Windows count lines as ever", () => {
    assertEquals(problem("events {}\r\n\tmail\t{\r\n\tnonsense\t1;\r\n}"), 'unknown directive "nonsense" in f:3');
  });
});
