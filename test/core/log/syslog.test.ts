import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { SyslogConfig } from "../../../src/config/mod.ts";
import type { ErrorLog } from "../../../src/log/error_log.ts";
import { LogFailure, LogFiles, LogUse } from "../../../src/log/log_files.ts";
import { syslogDatagram } from "../../../src/log/syslog.ts";
import { decode } from "../../../src/session/bytes.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";

describe("a datagram for a syslog server", () => {
  const mail = { facility: 2, tag: "nginx", hostname: "mail.example" };
  const rows = [
    ["a day of one digit has a blank", Date.UTC(2026, 2, 1, 7, 5, 9), 0, "<22>Mar  1 07:05:09 mail.example nginx: x"],
    ["a day of two has none", Date.UTC(2026, 11, 31, 23, 59, 59), 0, "<22>Dec 31 23:59:59 mail.example nginx: x"],
    ["the time is local", Date.UTC(2026, 11, 31, 23, 59, 59), 60, "<22>Jan  1 00:59:59 mail.example nginx: x"],
  ] as const;
  for (const [title, date, utcOffset, expected] of rows) {
    it(title, () => {
      assertEquals(syslogDatagram(mail, { level: "info", text: "x" }, { date, utcOffset }), expected);
    });
  }

  const levels = { emerg: 0, alert: 1, crit: 2, error: 3, warn: 4, notice: 5, info: 6, debug: 7 } as const;
  for (const [level, severity] of Object.entries(levels)) {
    it(`${level} has the severity ${severity}`, () => {
      const style = { facility: 23, tag: "a_1", hostname: undefined };
      const line = { level: level as keyof typeof levels, text: "x" };
      const time = { date: 0, utcOffset: 0 };
      assertEquals(syslogDatagram(style, line, time), `<${23 * 8 + severity}>Jan  1 00:00:00 a_1: x`);
    });
  }
});

describe("a log at a syslog server", () => {
  const settings = { place: "command line", facility: 23, severity: "info", tag: "t", hasHostname: false } as const;
  const servers: readonly [string, SyslogConfig["server"], { readonly host: string; readonly port: number }][] = [
    ["unix:/dev/log", { path: "/dev/log" }, { host: "/dev/log", port: 0 }],
    ["192.0.2.1", { host: "192.0.2.1", port: 514, isName: false }, { host: "192.0.2.1", port: 514 }],
    ["log.example", { host: "log.example", port: 514, isName: true }, { host: "192.0.2.2", port: 514 }],
  ];
  const hosts = new Map([["log.example", "192.0.2.2"]]);

  /** What was sent so far, without the date in front of it. */
  const sent = ({ datagrams }: FakeRuntime) =>
    datagrams.map(({ sent }) => sent.map((bytes) => decode(bytes).slice(20)));

  function open(text: string, server: SyslogConfig["server"]): { log: ErrorLog; runtime: FakeRuntime } {
    const runtime = new FakeRuntime();
    const target = { type: "syslog", text, server, ...settings } as const;
    const log = new LogFiles(runtime).open(
      [{ target, level: "info" }, { target: { type: "stderr" }, level: "warn" }],
      new LogUse(hosts),
    );
    assert(!(log instanceof LogFailure));
    return { log, runtime };
  }

  for (const [text, server, target] of servers) {
    it(`sends its lines to ${text} by one socket, and by another when that has failed`, () => {
      const { log, runtime } = open(text, server);
      log.write("info", "one");
      log.write("info", "two");
      runtime.datagrams[0]?.breaks();
      log.write("info", "three");
      assertEquals(runtime.datagrams.map((socket) => socket.target), [target, target]);
      const texts = sent(runtime).map((lines) => lines.map((line) => line.split("#0: ")[1]));
      const alert = `send() to syslog server "${text}" failed (111: Connection refused), lines are lost`;
      assertEquals(texts, [["one", "two"], [alert, "three"]]);
    });
  }

  it("says of lines that are lost, at most once a minute", () => {
    const { log, runtime } = open("unix:/dev/log", { path: "/dev/log" });
    for (let second = 0; second <= 120; second += 20) {
      log.write("info", "lost");
      runtime.datagrams.at(-1)?.breaks({ number: 13, text: "Permission denied" });
      runtime.datagrams.at(-1)?.breaks({ number: 13, text: "Permission denied" });
      runtime.clock.advance(20_000);
    }
    const alert =
      '[alert] 4711#0: send() to syslog server "unix:/dev/log" failed (13: Permission denied), lines are lost';
    const lines = runtime.process.err.split("\n").map((line) => line.slice(20));
    assertEquals(lines, [alert, alert, alert, ""]);
  });

  it("says so of a server that takes no more, and goes on with its socket", () => {
    const { log, runtime } = open("unix:/dev/log", { path: "/dev/log" });
    log.write("info", "one");
    for (let line = 0; line < 3; line++) runtime.datagrams[0]?.overflows();
    log.write("info", "two");
    const texts = sent(runtime).map((lines) => lines.map((line) => line.split("#0: ")[1]));
    const alert =
      `send() to syslog server "unix:/dev/log" failed (11: Resource temporarily unavailable), lines are lost`;
    assertEquals(texts, [["one", alert, "two"]]);
  });
});
