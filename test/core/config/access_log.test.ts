import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { AccessLogConfig } from "../../../src/config/mod.ts";
import { inMail, inServer, load, problem } from "../../support/config.ts";
import { factsOf } from "../../support/facts.ts";

/** The logs of the only server, with what each would write of a client that has just come. */
function logs(text: string, prefix = "/p/"): unknown[] {
  const { accessLogs = [] } = load(text, { prefix }).servers[0] ?? {};
  return accessLogs.map(brief);
}

function brief({ target, buffer, write, condition }: AccessLogConfig): unknown {
  const to = target.type === "file" ? target.path : target.type;
  return [to, write(factsOf()).split(" ")[0], buffer, condition?.(factsOf())];
}

const FORMAT = "log_format mine '$protocol $connection';";
const WRITTEN = "imap";
/** What `combined` begins with. */
const COMBINED = "198.51.100.7";

describe("access_log", () => {
  const rows: readonly (readonly [line: string, log: readonly unknown[]])[] = [
    ["access_log a.log;", ["/p/a.log", COMBINED, undefined, undefined]],
    ["access_log /a.log combined;", ["/a.log", COMBINED, undefined, undefined]],
    ["mail_log /a.log;", ["/a.log", COMBINED, undefined, undefined]],
    ["access_log /a.log mine;", ["/a.log", WRITTEN, undefined, undefined]],
    ["access_log /a.log MINE;", ["/a.log", WRITTEN, undefined, undefined]],
    ["access_log /a.log mine buffer=4k;", ["/a.log", WRITTEN, { size: 4096, flush: undefined }, undefined]],
    ["access_log /a.log mine flush=5s buffer=1m;", ["/a.log", WRITTEN, { size: 1048576, flush: 5000 }, undefined]],
    ["access_log /a.log mine if=$auth_user;", ["/a.log", WRITTEN, undefined, ""]],
    ["access_log /a.log mine if=1$protocol;", ["/a.log", WRITTEN, undefined, "1imap"]],
    ["access_log stderr mine;", ["stderr", WRITTEN, undefined, undefined]],
    ["access_log syslog:server=192.0.2.1 mine;", ["syslog", WRITTEN, undefined, undefined]],
  ];
  for (const [line, log] of rows) {
    it(line, () => {
      assertEquals(logs(inMail(FORMAT, line)), [log]);
      assertEquals(logs(inMail(line, FORMAT)), [log]);
    });
  }

  it("of a server replaces that of mail, and off silences all beside it", () => {
    const server = (lines: string) =>
      `mail { auth_http a; access_log /m; access_log /n; server { listen 143; ${lines} } }`;
    const paths = (lines: string) => logs(server(lines)).map((log) => Array.isArray(log) ? log[0] : log);
    assertEquals(paths(""), ["/m", "/n"]);
    assertEquals(paths("access_log /s; mail_log /t;"), ["/s", "/t"]);
    assertEquals(paths("access_log off;"), []);
    assertEquals(paths("access_log off; access_log /s;"), []);
    assertEquals(logs(inServer("")), []);
  });

  it("knows a format for programs", () => {
    const [log] = load(inServer("access_log /a json;")).servers[0]?.accessLogs ?? [];
    const claim = { method: "plain", login: 'a"\\\n\xff', clientHost: undefined, envelope: undefined };
    const object: unknown = JSON.parse(log?.write(factsOf({ event: "end", result: "quit", claim })) ?? "");
    const { user, status, upstream_addr } = object as Record<string, unknown>;
    assertEquals({ user, status, upstream_addr }, { user: 'a"\\\n\xff', status: 200, upstream_addr: "" });
  });

  const bad: readonly (readonly [line: string, text: string])[] = [
    ["access_log off x;", 'invalid parameter "x"'],
    ["access_log;", 'invalid number of arguments in "access_log" directive'],
    ["access_log /a mine x;", 'invalid parameter "x"'],
    ["access_log /a mine bufer=1k;", 'invalid parameter "bufer=1k"|did you mean "buffer"?'],
    ["access_log /a mine buffer=;", 'invalid buffer size ""'],
    ["access_log /a mine buffer=0;", 'invalid buffer size "0"'],
    ["access_log /a mine buffer=4x;", 'invalid buffer size "4x"'],
    ["access_log /a mine buffer=1k flush=0;", 'invalid flush time "0"'],
    ["access_log /a mine buffer=1k flush=x;", 'invalid flush time "x"'],
    ["access_log /a mine flush=1s;", 'no buffer is defined for access_log "/a"'],
    ["access_log stderr mine buffer=1k;", "logs to stderr cannot be buffered"],
    ["access_log syslog:server=192.0.2.1 mine buffer=1k;", "logs to syslog cannot be buffered"],
    ["access_log syslog:x mine;", 'unknown syslog parameter "x"'],
    ["access_log /a mine if=$nothing;", 'unknown "nothing" variable'],
    ["access_log /a mine if=$;", "invalid variable name"],
    ["access_log /a min;", 'unknown log format "min"|did you mean "mine"?'],
    [
      "access_log /a buffer=1k;",
      'unknown log format "buffer=1k"|parameters stand behind a format: "combined buffer=1k"',
    ],
    [
      "access_log /a mine gzip;",
      '"gzip" of the "access_log" directive is not supported|logrotate can compress what is closed',
    ],
    [
      "access_log /$auth_user mine;",
      'variables in the name of an access log are not supported, as in "/$auth_user"|' +
      "write several access_log lines with if=, or one log for each server",
    ],
    [
      "access_log /a mine buffer=1k; access_log /a mine buffer=2k;",
      'access_log "/a" already defined with conflicting parameters',
    ],
    [
      "access_log /a mine buffer=1k; access_log /a mine buffer=1k flush=1s;",
      'access_log "/a" already defined with conflicting parameters',
    ],
  ];
  for (const [line, text] of bad) {
    it(`refuses ${line}`, () => {
      const [message, hint] = text.split("|");
      const tail = hint === undefined ? "" : `\n${hint}`;
      assertEquals(problem(inMail(FORMAT, line)), `${message} in f:4${tail}`);
    });
  }

  it("may share a buffer with another", () => {
    assertEquals(problem(inMail(FORMAT, "access_log /a mine buffer=1k; access_log /a json buffer=1024;")), "ok");
    assertEquals(problem(inMail(FORMAT, "access_log /a mine buffer=1k; access_log /a;")), "ok");
  });
});

describe("log_format", () => {
  function line(words: string): string | undefined {
    const claim = { method: "plain", login: 'an"na\n', clientHost: undefined, envelope: undefined };
    const [log] = load(inMail(`log_format mine ${words};`, "access_log /a mine;")).servers[0]?.accessLogs ?? [];
    return log?.write(factsOf({ claim }));
  }

  it("puts its words together", () => {
    assertEquals(line("'$protocol ' \"${connection}x\" '-$server_port'"), "imap 7x-143");
    assertEquals(line("''"), "");
  });

  it("escapes what variables say, and nothing else", () => {
    assertEquals(line(`'"$auth_user" $ssl_cipher'`), '"an\\x22na\\x0A" -');
    assertEquals(line(`escape=default '"$auth_user" $ssl_cipher'`), '"an\\x22na\\x0A" -');
    assertEquals(line(`escape=json '"$auth_user" $ssl_cipher'`), '"an\\"na\\n" ');
    assertEquals(line(`escape=none '"$auth_user" $ssl_cipher'`), '"an"na\n" ');
  });

  it("may take the place of json", () => {
    assertEquals(problem(inMail("log_format json escape=json '$protocol';")), "ok");
  });

  const bad: readonly (readonly [line: string, text: string])[] = [
    ["log_format mine;", 'invalid number of arguments in "log_format" directive'],
    ["log_format mine a; log_format mine b;", 'duplicate "log_format" name "mine"'],
    ["log_format combined a;", 'duplicate "log_format" name "combined"'],
    ["log_format mine escape=xml a;", 'unknown log format escaping "xml"'],
    ["log_format mine a$;", 'invalid parameter "$"'],
    ["log_format mine 'a$ b';", 'invalid parameter "$ b"'],
    ["log_format mine '${a';", 'the closing bracket in "a" variable is missing'],
    ["log_format mine '$nobody';", 'unknown "nobody" variable'],
    ["log_format mine '$1';", 'unknown "1" variable'],
  ];
  for (const [text, message] of bad) {
    it(`refuses ${text}`, () => assertEquals(problem(inMail(text)), `${message} in f:3`));
  }

  it("stands in mail alone", () => {
    assertEquals(
      problem(inServer("log_format mine a;")),
      '"log_format" directive is not allowed here in f:4\n"log_format" belongs into "mail {}"',
    );
  });
});
