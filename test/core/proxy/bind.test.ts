/** The local addresses of connections to back ends. */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { connectFrom } from "../../../src/proxy/bind.ts";
import type { ConnectTarget, SystemFailure } from "../../../src/runtime.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";

const HERE = ["192.0.2.1", "2001:db8::1", "192.0.2.2"];
const HANDLER = { connected() {}, failed() {} };

/** Connects to each of these, with names looked up by `zone`, and gives what was asked of the runtime. */
function targets(hosts: readonly string[], zone: Readonly<Record<string, readonly string[]>> = {}) {
  const runtime = new FakeRuntime();
  const names = {
    lookup(name: string, done: (found: { addresses: readonly string[] } | SystemFailure) => void) {
      const addresses = zone[name];
      done(addresses === undefined ? { number: 3, text: "Host not found" } : { addresses });
      return () => {};
    },
  };
  const connect = connectFrom(HERE, { connect: (target, handler) => runtime.connect(target, handler), names });
  for (const host of hosts) connect?.({ host, port: 143 }, HANDLER);
  return { runtime, made: () => runtime.connects.map(({ target }) => shown(target)) };
}

function shown(target: ConnectTarget): string {
  return "path" in target ? target.path : `${target.localAddress ?? "any"} to ${target.host}`;
}

describe("connections from addresses of ours", () => {
  it("take them in turn, those of the back end's family", () => {
    const { made } = targets(["192.0.2.9", "192.0.2.9", "2001:db8::9"]);
    assertEquals(made(), ["192.0.2.1 to 192.0.2.9", "192.0.2.2 to 192.0.2.9", "2001:db8::1 to 2001:db8::9"]);
  });

  it("take those of the family that a name turns out to have", () => {
    const { made } = targets(["four.test", "four.test", "six.test"], {
      "four.test": ["192.0.2.9"],
      "six.test": ["2001:db8::9"],
    });
    assertEquals(made(), ["192.0.2.1 to 192.0.2.9", "192.0.2.2 to 192.0.2.9", "2001:db8::1 to 2001:db8::9"]);
  });

  it("take another one with the next address of a name", () => {
    const { runtime, made } = targets(["both.test"], { "both.test": ["192.0.2.9", "2001:db8::9"] });
    runtime.connects[0]?.refuse({ number: 111, text: "Connection refused" });
    assertEquals(made(), ["192.0.2.1 to 192.0.2.9", "2001:db8::1 to 2001:db8::9"]);
  });

  it("are none where there are no addresses", () => {
    assertEquals(connectFrom([], { connect: () => () => {}, names: { lookup: () => () => {} } }), undefined);
  });
});
