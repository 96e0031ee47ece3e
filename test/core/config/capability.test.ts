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
});
