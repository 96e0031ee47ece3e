import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { capabilityError, capabilityWarnings } from "../../../src/config/mod.ts";
import type { CapableRuntime } from "../../../src/config/mod.ts";
import type { Capability, CapabilityState } from "../../../src/runtime.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";
import { inServer, load } from "../../support/config.ts";

/** A runtime that has all but these. */
function without(lacking: readonly Capability[], state: CapabilityState["state"] = "no"): CapableRuntime {
  const table = lacking.map((capability) => [capability, { state, reason: "it never could" }]);
  return { name: "bun", capabilities: { ...new FakeRuntime().capabilities, ...Object.fromEntries(table) } };
}

const EVERYTHING = "listen 1 backlog=9 rcvbuf=8k sndbuf=8k multipath so_keepalive=30s:5s:3 ipv6only=on;";

function warning(setting: string, line = 4): string {
  return `${setting} of the "listen" directive has no effect with bun: it never could in f:${line}`;
}

/** The capability that is lacking, the lines, and the settings that are named. */
const ROWS: readonly [lacking: readonly Capability[], lines: string, ...warnings: string[]][] = [
  [[], EVERYTHING],
  [["listen.backlog"], EVERYTHING, warning('"backlog"')],
  [["listen.bufferSizes"], EVERYTHING, warning('"rcvbuf"'), warning('"sndbuf"')],
  [["listen.bufferSizes"], "listen 1 sndbuf=8k;", warning('"sndbuf"')],
  [["listen.multipath"], EVERYTHING, warning('"multipath"')],
  [["listen.keepAliveIdle"], EVERYTHING, warning('the idle time in "so_keepalive"')],
  [
    ["listen.keepAliveProbes"],
    EVERYTHING,
    warning('the interval in "so_keepalive"'),
    warning('the count in "so_keepalive"'),
  ],
  [["listen.keepAliveIdle", "listen.keepAliveProbes"], "listen 1 so_keepalive=on; listen 2 so_keepalive=off;"],
  [["listen.keepAliveIdle"], "listen 1 so_keepalive=::3;"],
  [["listen.backlog", "listen.bufferSizes", "listen.multipath", "listen.keepAliveIdle"], "listen 1 bind;"],
  [["listen.backlog"], "listen 1;\nlisten 2-9 backlog=5;\nlisten 10 backlog=6;", warning('"backlog"', 5)],
];

describe("what a runtime cannot do", () => {
  for (const [lacking, lines, ...expected] of ROWS) {
    it(`${lacking.join(", ") || "nothing"}: ${lines}`, () => {
      const config = load(inServer(lines));
      const found = capabilityWarnings(config, without(lacking));
      assertEquals(found.map(({ level, text }) => [level, text]), expected.map((text) => ["warn", text]));
      assertEquals(capabilityError(config, without(lacking)), undefined);
      assertEquals(capabilityWarnings(config, without(lacking, "emulated")), []);
    });
  }

  const refused: readonly [lines: string, problem: string | undefined][] = [
    ["listen [::]:143;", '"ipv6only=on" of the "listen" directive is not possible with bun: it never could in f:4'],
    ["listen [::]:143 ipv6only=off;", undefined],
    ["listen [::1]:143 ipv6only=on;", undefined],
    ["listen 142; listen unix:/a;", undefined],
  ];
  for (const [lines, expected] of refused) {
    it(`no wildcard of IPv6 alone: ${lines}`, () => {
      const config = load(inServer(lines));
      const error = capabilityError(config, without(["listen.ipv6Only"]));
      assertEquals(error?.message, expected);
      assertEquals(capabilityError(config, without(["listen.ipv6Only"], "emulated")), undefined);
      assertEquals(capabilityWarnings(config, without(["listen.ipv6Only"])), []);
    });
  }

  const unheard = (line: number, text = "unix:/dev/log") =>
    `syslog server "${text}" is not possible with bun: it never could in f:${line}`;
  const logs: readonly [text: string, problem: string | undefined][] = [
    ["error_log syslog:server=unix:/dev/log; events {} mail {}", unheard(1)],
    [inServer("error_log f; error_log syslog:server=unix:/a,tag=x info;"), unheard(4, "unix:/a")],
    [inServer("access_log syslog:nohostname,server=unix:/dev/log;"), unheard(4)],
    ["error_log syslog:server=127.0.0.1; error_log stderr; events {} mail {}", undefined],
  ];
  for (const [text, expected] of logs) {
    it(`no logs to unix sockets: ${text.replaceAll("\n", " ")}`, () => {
      const config = load(text);
      const error = capabilityError(config, without(["log.unixDatagram"]));
      assertEquals(error?.message, expected);
      assertEquals(error?.hint, expected && 'write "server=127.0.0.1" if the syslog server listens on UDP, too');
      assertEquals(capabilityError(config, without([])), undefined);
    });
  }

  it("is not looked for where nobody asks for it", () => {
    const capabilities = {
      ...new FakeRuntime().capabilities,
      get "log.unixDatagram"(): CapabilityState {
        throw new Error("This takes its time");
      },
    };
    const config = load("error_log syslog:server=127.0.0.1; error_log stderr; events {} mail {}");
    assertEquals(capabilityError(config, { name: "bun", capabilities }), undefined);
  });
});
