import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { ConfigError, loadConfig } from "../../../src/config/mod.ts";
import { inMail, inMain, inServer, load, memoryFiles, problem } from "../../support/config.ts";

/** The table of section f, and where each text points to: the line of the `;` or `{`. */
const ROWS: readonly [what: string, text: string, problem: string][] = [
  ["an unknown name", "nonsense 1;", 'unknown directive "nonsense" in f:1'],
  ["an unknown block", "\nnonsense {", 'unknown directive "nonsense" in f:2'],
  ["an empty name", '"" a;', 'unknown directive "" in f:1'],
  ["another case", "Mail {", 'unknown directive "Mail" in f:1\ndid you mean "mail"?'],
  [
    "a name of another block",
    "\n\nlisten 143;",
    '"listen" directive is not allowed here in f:3\n"listen" belongs into "server {}"',
  ],
  [
    "a main directive in mail",
    inMail("worker_processes 2;"),
    '"worker_processes" directive is not allowed here in f:3\n"worker_processes" belongs outside of all blocks',
  ],
  [
    "a server in a server",
    inServer("server {"),
    '"server" directive is not allowed here in f:4\n"server" belongs into "mail {}" or "upstream {}": is a "}" missing?',
  ],
  ["too few arguments", inServer("timeout;"), 'invalid number of arguments in "timeout" directive in f:4'],
  ["too many arguments", inServer("timeout 1 2;"), 'invalid number of arguments in "timeout" directive in f:4'],
  ["arguments to a block", "mail a {", 'invalid number of arguments in "mail" directive in f:1'],
  [
    "a directive over several lines",
    inServer("timeout\n1\n2\n;"),
    'invalid number of arguments in "timeout" directive in f:7',
  ],
  ["a block where none may be", inServer("timeout 1 {"), 'directive "timeout" is not terminated by ";" in f:4'],
  ["no block where one must be", "mail;", 'directive "mail" has no opening "{" in f:1'],
  ["a } too many", "events {}\n}\n", 'unexpected "}" in f:2'],
  [
    "a } too few",
    "events {}\nmail {\n\n",
    'unexpected end of file, expecting "}" in f:4\nthe "mail" block of line 2 is not closed',
  ],
  [
    "a quote too few",
    "events {}\nmail {\nserver_name 'a;\n}\n",
    'unexpected end of file, expecting ";" or "}" in f:5\nthe \' of line 3 is not closed',
  ],
  [
    "a quote too few before another one",
    'events {}\nmail {\nserver_name "a;\nserver_name "b";\n}\n',
    'unexpected "b" in f:4\nthe " of line 3 is closed in this line only',
  ],
  ["no ; at the end", "events {}\ndaemon on", 'unexpected end of file, expecting ";" or "}" in f:2'],
  ["no ; before }", inServer("timeout 1"), 'unexpected "}" in f:5\nis a ";" missing before "}"?'],
  ["an empty statement", "events {};", 'unexpected ";" in f:1'],
  ["a block twice", "events {}\nmail {}\nmail {", '"mail" directive is duplicate in f:3'],
  ["events twice", "events {}\nevents {", '"events" directive is duplicate in f:2'],
  ["http twice", "http {}\nhttp {", '"http" directive is duplicate in f:2'],
  ["a module after a block", "events {}\nload_module a;", '"load_module" directive is specified too late in f:2'],
  ["a module after http", "http { }\nload_module a;", '"load_module" directive is specified too late in f:2'],
  [
    "the first mistake counts",
    "daemon x;\nnonsense;",
    'invalid value "x" in "daemon" directive, it must be "on" or "off" in f:1',
  ],
  [
    "even before a } is missing",
    inServer("timeout x;").slice(0, -3),
    '"timeout" directive invalid value in f:4\na time is digits with or without units, such as 90, 90s or 1h30m',
  ],
];

describe("what nginx says to a mistake", () => {
  for (const [what, text, expected] of ROWS) it(what, () => assertEquals(problem(text), expected));

  it("main file missing", () => {
    const options = { files: memoryFiles({}), path: "conf/nginx.conf", prefix: "/srv", hostname: "h" };
    assertThrows(
      () => loadConfig(options),
      ConfigError,
      'open() "/srv/conf/nginx.conf" failed (2: No such file or directory)',
    );
  });

  it("keeps the place besides the text", () => {
    const error = assertThrows(() => load("a;\n"), ConfigError, 'unknown directive "a" in f:1');
    assertEquals([error.name, error.place, error.hint], ["ConfigError", { file: "f", line: 1 }, undefined]);
  });
});

describe("directives of the -g option", () => {
  const rows: readonly [globals: string, problem: string][] = [
    ["daemon off; pid /run/p;", "ok"],
    ["", "ok"],
    ["# nothing", "ok"],
    ["daemon off", 'unexpected end of parameter, expecting ";" in command line'],
    ["daemon 'off", 'unexpected end of parameter, expecting ";" in command line\nthe \' of line 1 is not closed'],
    ["events {}", "block directives are not supported in -g option in command line"],
    ["daemon off;}", 'unexpected "}" in command line'],
    ["daemon maybe;", 'invalid value "maybe" in "daemon" directive, it must be "on" or "off" in command line'],
    ["demon off;", 'unknown directive "demon" in command line\ndid you mean "daemon"?'],
    [
      "timeout 5s;",
      '"timeout" directive is not allowed here in command line\n"timeout" belongs into "mail {}" or "server {}"',
    ],
    ["worker_processes 2;", '"worker_processes" directive is duplicate in f:2'],
  ];
  for (const [globals, expected] of rows) {
    it(globals, () => assertEquals(problem(inMain("worker_processes 1;"), { globals }), expected));
  }

  it("come before those of the file", () => {
    const { main } = load("error_log /b; events {}", { globals: "error_log /a; worker_processes 3;" });
    assertEquals(main.errorLogs.map((log) => log.target), [
      { type: "file", path: "/a", place: "command line" },
      { type: "file", path: "/b", place: { file: "f", line: 1 } },
    ]);
    assertEquals(main.workerProcesses, 3);
  });
});

describe("hints", () => {
  const rows: readonly [text: string, problem: string][] = [
    [inServer("timout 5s;"), 'unknown directive "timout" in f:4\ndid you mean "timeout"?'],
    [inServer("tiemout 5s;"), 'unknown directive "tiemout" in f:4\ndid you mean "timeout"?'],
    [inServer("imap_capability A;"), 'unknown directive "imap_capability" in f:4\ndid you mean "imap_capabilities"?'],
    [inServer("SERVER_NAME a;"), 'unknown directive "SERVER_NAME" in f:4\ndid you mean "server_name"?'],
    [
      inServer("worker_proceses 1;"),
      'unknown directive "worker_proceses" in f:4\ndid you mean "worker_processes"? It belongs outside of all blocks',
    ],
    [inServer("location / {"), 'unknown directive "location" in f:4'],
    [inServer("x 1;"), 'unknown directive "x" in f:4'],
    [
      "worker_processes auto\n\nevents {",
      'directive "worker_processes" is not terminated by ";" in f:3\nis a ";" missing before "events"?',
    ],
    [
      inServer("timeout 60s", "max_errors 5;"),
      'invalid number of arguments in "timeout" directive in f:5\nis a ";" missing before "max_errors"?',
    ],
    [
      inServer("listen 143", "protocol imap;"),
      'invalid parameter "protocol" in f:5\nis a ";" missing before "protocol"?',
    ],
    [
      "events {} mail {\nupstream a {\nserver 127.0.0.1\nserver 127.0.0.2;",
      'invalid parameter "server" in f:4\nis a ";" missing before "server"?',
    ],
    [inServer("protocol impa;"), 'unknown protocol "impa" in f:4\ndid you mean "imap"?'],
    [inServer("imap_auth plian;"), 'invalid value "plian" in f:4\ndid you mean "plain"?'],
    [inServer("error_log stderr eror;"), 'invalid log level "eror" in f:4\ndid you mean "error"?'],
    [inServer(`${"timeout".repeat(300)} 1;`), `unknown directive "${"timeout".repeat(300)}" in f:4`],
  ];
  for (const [text, expected] of rows) it(expected.slice(0, 200), () => assertEquals(problem(text), expected));
});
