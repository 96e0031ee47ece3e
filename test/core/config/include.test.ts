import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { expand, isPattern } from "../../../src/config/glob.ts";
import { ConfigError, loadConfig, parseConfig } from "../../../src/config/mod.ts";
import type { Config } from "../../../src/config/mod.ts";
import { INCLUDE_DEPTH_LIMIT } from "../../../src/config/parse.ts";
import { memoryFiles } from "../../support/config.ts";

/** Loads `/etc/nginx/nginx.conf` from a file system of these texts, the paths relative to `/etc/nginx`. */
function load(texts: Readonly<Record<string, string>>, globals?: string): Config {
  const absolute = Object.entries(texts).map((
    [path, text],
  ) => [path.startsWith("/") ? path : `/etc/nginx/${path}`, text]);
  const options = { files: memoryFiles(Object.fromEntries(absolute)), hostname: "h", path: "nginx.conf" };
  return loadConfig({ ...options, prefix: "/etc/nginx/", ...(globals === undefined ? {} : { globals }) });
}

function problem(texts: Readonly<Record<string, string>>, globals?: string): string {
  return assertThrows(() => load(texts, globals), ConfigError, "").message;
}

describe("include", () => {
  it("reads files in every block, also from files that were included", () => {
    const config = load({
      "nginx.conf":
        "include main; events { include conf.d/events; } mail { include mail; include servers/*.conf; upstream x { include members; } }",
      "main": "worker_processes 2;",
      "conf.d/events": "worker_connections 7;",
      "mail": "auth_http auth; include conf.d/timeouts;",
      "conf.d/timeouts": "timeout 5s;",
      "servers/b.conf": "server { listen 110; include /srv/more; }",
      "servers/a.conf": "server { listen 143; }",
      "servers/c.txt": "nonsense;",
      "/srv/more": "max_errors 9;",
      "members": "server 192.0.2.1:1; server 192.0.2.2:1;",
    });
    assertEquals(config.upstreams.map(({ servers }) => servers.map(({ text }) => text)), [[
      "192.0.2.1:1",
      "192.0.2.2:1",
    ]]);
    assertEquals(config.main.workerProcesses, 2);
    assertEquals(config.main.workerConnections, 7);
    assertEquals(config.servers.map(({ protocol, timeout, maxErrors }) => [String(protocol), timeout, maxErrors]), [
      ["imap", 5000, 5],
      ["pop3", 5000, 9],
    ]);
    assertEquals(config.servers[0]?.position, { file: "/etc/nginx/servers/a.conf", line: 1 });
  });

  it("lists all files in order of first use, each once", () => {
    const config = load({
      "nginx.conf": "include a; include b; include a;",
      "a": "# a",
      "b": "include c;",
      "c": "# c",
    });
    assertEquals(config.files, [
      { path: "/etc/nginx/nginx.conf", text: "include a; include b; include a;" },
      { path: "/etc/nginx/a", text: "# a" },
      { path: "/etc/nginx/b", text: "include c;" },
      { path: "/etc/nginx/c", text: "# c" },
    ]);
  });

  const rows: readonly [what: string, texts: Readonly<Record<string, string>>, problem: string][] = [
    [
      "a file that is missing",
      { "nginx.conf": "events {}\ninclude a;" },
      'open() "/etc/nginx/a" failed (2: No such file or directory) in /etc/nginx/nginx.conf:2',
    ],
    [
      "no file for a pattern",
      { "nginx.conf": "events {}\ninclude a*;\nnonsense;" },
      'unknown directive "nonsense" in /etc/nginx/nginx.conf:3',
    ],
    [
      "a mistake in it",
      { "nginx.conf": "include a;", "a": "\n\nnonsense;" },
      'unknown directive "nonsense" in /etc/nginx/a:3',
    ],
    [
      "a mistake after it",
      { "nginx.conf": "include a;\nnonsense;", "a": "\n\n" },
      'unknown directive "nonsense" in /etc/nginx/nginx.conf:2',
    ],
    ["a } in it", { "nginx.conf": "mail { include a;", "a": "\n}" }, 'unexpected "}" in /etc/nginx/a:2'],
    [
      "a block that it leaves open",
      { "nginx.conf": "include a; }", "a": "mail {\n" },
      'unexpected end of file, expecting "}" in /etc/nginx/a:2',
    ],
    [
      "a statement that it leaves open",
      { "nginx.conf": "include a; on;", "a": "daemon" },
      'unexpected end of file, expecting ";" or "}" in /etc/nginx/a:1',
    ],
    [
      "a directive that does not fit in its place",
      { "nginx.conf": "include a;", "a": "timeout 1;" },
      '"timeout" directive is not allowed here in /etc/nginx/a:1',
    ],
    [
      "no argument",
      { "nginx.conf": "include;" },
      'invalid number of arguments in "include" directive in /etc/nginx/nginx.conf:1',
    ],
    [
      "two arguments",
      { "nginx.conf": "include a b;" },
      'invalid number of arguments in "include" directive in /etc/nginx/nginx.conf:1',
    ],
    [
      "itself",
      { "nginx.conf": "\ninclude nginx.conf;" },
      '"include" directive makes "/etc/nginx/nginx.conf" include itself in /etc/nginx/nginx.conf:2',
    ],
    [
      "itself by way of another",
      { "nginx.conf": "include a;", "a": "include [b];", "b": "\ninclude a;" },
      '"include" directive makes "/etc/nginx/a" include itself in /etc/nginx/b:2',
    ],
    [
      "itself by other names",
      {
        "nginx.conf": "include ./nginx.conf;",
        "./nginx.conf": "include ././nginx.conf;",
        "././nginx.conf": "include ./nginx.conf;",
      },
      '"include" directive makes "/etc/nginx/./nginx.conf" include itself in /etc/nginx/././nginx.conf:1',
    ],
  ];
  for (const [what, texts, expected] of rows) it(what, () => assertEquals(problem(texts), expected));

  it("has an end when files include one another in a chain", () => {
    const texts = Array.from({ length: 1000 }, (_, i) => [`${i}`, `include ${i + 1};`]);
    const expected = `"include" directive is nested too deeply in /etc/nginx/${INCLUDE_DEPTH_LIMIT - 1}:1`;
    assertEquals(problem({ "nginx.conf": "include 0;", ...Object.fromEntries(texts) }), expected);
  });

  it("has an end when each file includes the next several times", () => {
    const texts = Array.from({ length: 40 }, (_, i) => [`${i}`, `include ${i + 1};`.repeat(10)]);
    const message = problem({ "nginx.conf": "include 0;", ...Object.fromEntries(texts), "40": "" });
    assertEquals(message.replace(/ in .*/, ""), '"include" directive reads too many files');
  });

  it("works from the -g option", () => {
    assertEquals(
      load({ "nginx.conf": "", "a": "worker_processes 3; events {}" }, "include a;").main.workerProcesses,
      3,
    );
    assertEquals(
      problem({ "nginx.conf": "" }, "include a;"),
      'open() "/etc/nginx/a" failed (2: No such file or directory) in command line',
    );
  });

  it("finds nothing from a text that is no file", () => {
    const error = assertThrows(() => parseConfig("include a;"), ConfigError, "");
    assertEquals(error.message, 'open() "a" failed (2: No such file or directory) in postern.conf:1');
  });
});

describe("patterns of include", () => {
  const files = memoryFiles({
    "/c/a.conf": "",
    "/c/b.conf": "",
    "/c/ab.conf": "",
    "/c/B.conf": "",
    "/c/.hidden.conf": "",
    "/c/a.conf.bak": "",
    "/c/a]": "",
    "/c/*": "",
    "/c/\xff": "",
    "/d1/x/m.conf": "",
    "/d2/x/m.conf": "",
    "/d2/y": "",
    "r.conf": "",
  });
  const rows: readonly [pattern: string, ...paths: string[]][] = [
    ["/c/*.conf", "/c/B.conf", "/c/a.conf", "/c/ab.conf", "/c/b.conf"],
    ["/c/?.conf", "/c/B.conf", "/c/a.conf", "/c/b.conf"],
    ["/c/[ab].conf", "/c/a.conf", "/c/b.conf"],
    ["/c/[a-b]*.conf", "/c/a.conf", "/c/ab.conf", "/c/b.conf"],
    ["/c/[!a].conf", "/c/B.conf", "/c/b.conf"],
    ["/c/[^a-z].conf", "/c/B.conf"],
    ["/c/a[]x]", "/c/a]"],
    ["/c/a[.-]*", "/c/a.conf", "/c/a.conf.bak"],
    ["/c/\\*[*]"],
    ["/c/[*]", "/c/*"],
    ["/c/\\**", "/c/*"],
    ["/c/[a"],
    ["/c/.*", "/c/.hidden.conf"],
    ["/c/*hidden*"],
    ["/c/[\x80-\xff]", "/c/\xff"],
    ["/c/*a*b*a*k", "/c/a.conf.bak"],
    ["/c/*.conf.*", "/c/a.conf.bak"],
    ["/d*/x/*.conf", "/d1/x/m.conf", "/d2/x/m.conf"],
    ["/d[12]/x/m.conf", "/d1/x/m.conf", "/d2/x/m.conf"],
    ["/d*/y", "/d2/y"],
    ["/nowhere/*"],
    ["/*/*/m.*", "/d1/x/m.conf", "/d2/x/m.conf"],
    ["*.conf", "r.conf"],
  ];
  for (const [pattern, ...paths] of rows) {
    it(pattern, () => {
      assertEquals(isPattern(pattern), true);
      assertEquals(expand(pattern, files), paths);
    });
  }

  it("takes no time to speak of for many stars", () => {
    const many = memoryFiles({ [`/${"a".repeat(5000)}`]: "" });
    assertEquals(expand(`/${"*a".repeat(50)}*b`, many), []);
  });
});
