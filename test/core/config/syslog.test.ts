import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { ErrorLogConfig, SyslogConfig } from "../../../src/config/mod.ts";
import { inServer, load, problem, serverWith } from "../../support/config.ts";

const DEFAULTS: Pick<SyslogConfig, "facility" | "severity" | "tag" | "hasHostname"> = {
  facility: 23,
  severity: "info",
  tag: "nginx",
  hasHostname: true,
};

function host(name: string, port = 514, isName = false): SyslogConfig["server"] {
  return { host: name, port, isName };
}

/** Section e, error_log targets. */
const GOOD: readonly [
  parameters: string,
  text: string,
  server: SyslogConfig["server"],
  rest?: Partial<SyslogConfig>,
][] = [
  ["server=127.0.0.1", "127.0.0.1", host("127.0.0.1")],
  ["server=127.0.0.1:5140", "127.0.0.1:5140", host("127.0.0.1", 5140)],
  ["server=[2001:db8::1]:514", "[2001:db8::1]:514", host("2001:db8::1")],
  ["server=log.example.com", "log.example.com", host("log.example.com", 514, true)],
  ["server=unix:/dev/log", "unix:/dev/log", { path: "/dev/log" }],
  ["server=unix:/dev/log,nohostname", "unix:/dev/log", { path: "/dev/log" }, { hasHostname: false }],
  ["nohostname,nohostname,server=a", "a", host("a", 514, true), { hasHostname: false }],
  ["server=127.0.0.1,facility=mail", "127.0.0.1", host("127.0.0.1"), { facility: 2 }],
  ["facility=kern,server=127.0.0.1", "127.0.0.1", host("127.0.0.1"), { facility: 0 }],
  ["server=127.0.0.1,facility=local0", "127.0.0.1", host("127.0.0.1"), { facility: 16 }],
  ["server=127.0.0.1,severity=warn", "127.0.0.1", host("127.0.0.1"), { severity: "warn" }],
  ["server=127.0.0.1,tag=Postern_1", "127.0.0.1", host("127.0.0.1"), { tag: "Postern_1" }],
  ["server=127.0.0.1,tag=", "127.0.0.1", host("127.0.0.1"), { tag: "" }],
  [`server=127.0.0.1,tag=${"t".repeat(32)}`, "127.0.0.1", host("127.0.0.1"), { tag: "t".repeat(32) }],
];

const BAD: readonly [parameters: string, problem: string][] = [
  ["", 'unknown syslog parameter ""'],
  ["facility=mail", "no syslog server specified"],
  ["server=127.0.0.1,", 'unknown syslog parameter ""'],
  ["server=127.0.0.1,nohost", 'unknown syslog parameter "nohost"'],
  ["server=127.0.0.1,FACILITY=mail", 'unknown syslog parameter "FACILITY=mail"'],
  ["server=127.0.0.1,nohostname=1", 'unknown syslog parameter "nohostname=1"'],
  ["server=127.0.0.1,server=a", 'duplicate syslog "server"'],
  ["server=127.0.0.1,facility=mail,facility=mail", 'duplicate syslog "facility"'],
  ["server=127.0.0.1,severity=info,severity=x", 'duplicate syslog "severity"'],
  ["server=127.0.0.1,tag=,tag=", 'duplicate syslog "tag"'],
  ["server=127.0.0.1,facility=x", 'unknown syslog facility "x"'],
  ["server=127.0.0.1,facility=Mail", 'unknown syslog facility "Mail"'],
  ["server=127.0.0.1,severity=warning", 'unknown syslog severity "warning"'],
  [`server=127.0.0.1,tag=${"t".repeat(33)}`, "syslog tag length exceeds 32"],
  ["server=127.0.0.1,tag=a-b", 'syslog "tag" only allows alphanumeric characters and underscore'],
  ["server=", 'no host in syslog server ""'],
  ["server=127.0.0.1:0", 'invalid port in syslog server "127.0.0.1:0"'],
  ["server=127.0.0.1/x", 'invalid host in syslog server "127.0.0.1/x"'],
  ["server=300.0.0.1", 'host not found in syslog server "300.0.0.1"'],
  ["server=[::g]", 'invalid IPv6 address in syslog server "[::g]"'],
  ["server=unix:", 'no path in the unix domain socket in syslog server "unix:"'],
];

describe("error_log syslog:", () => {
  for (const [parameters, text, server, rest] of GOOD) {
    it(parameters, () => {
      const target: ErrorLogConfig["target"] = {
        type: "syslog",
        text,
        server,
        place: { file: "f", line: 4 },
        ...DEFAULTS,
        ...rest,
      };
      assertEquals(serverWith(`error_log syslog:${parameters} info;`).errorLogs, [{ target, level: "info" }]);
    });
  }

  for (const [parameters, expected] of BAD) {
    it(`refuses "${parameters}"`, () => {
      assertEquals(problem(inServer(`error_log syslog:${parameters};`)), `${expected} in f:4`);
    });
  }

  it("looks at the target before the level", () => {
    assertEquals(problem(inServer("error_log syslog:server=a,tag=a b;")), 'invalid log level "b" in f:4');
    assertEquals(problem(inServer("error_log syslog: loud;")), 'unknown syslog parameter "" in f:4');
  });

  it("stands in -g, too", () => {
    const [log] = load("events {}", { globals: "error_log syslog:server=127.0.0.1;" }).main.errorLogs;
    assertEquals(log?.target.type === "syslog" && log.target.place, "command line");
  });
});
