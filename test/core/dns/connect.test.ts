/** Connections to names, which a resolver of ours looks up. */

import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { connectWith } from "../../../src/dns/connect.ts";
import type { SystemFailure } from "../../../src/runtime.ts";
import { Bench, reply } from "./_support.ts";

const MAIL = reply("mail.test 300 A 192.0.2.1", "mail.test 300 A 192.0.2.2");
const REFUSED: SystemFailure = { number: 111, text: "Connection refused" };

/** A connection to `mail.test:143` that is asked for, and what was told of it. */
function begin(bench: Bench) {
  const told: unknown[] = [];
  const cancel = connectWith(bench.resolver, bench.runtime)({ host: "mail.test", port: 143 }, {
    connected: () => told.push("connected"),
    failed: (failure) => told.push(failure),
  });
  return { told, cancel };
}

/** A bench that knows the name already. */
function informed(): Bench {
  const bench = new Bench();
  bench.lookup("mail.test");
  bench.next().answers(MAIL);
  return bench;
}

const hosts = ({ runtime }: Bench) =>
  runtime.connects.map(({ target }) => "host" in target ? target.host : target.path);

describe("a connection to a name", () => {
  it("is made to its first address, once it is looked up", () => {
    const bench = new Bench();
    const { told } = begin(bench);
    assertEquals(hosts(bench), []);
    bench.next().answers(MAIL);
    assertEquals(hosts(bench), ["192.0.2.1"]);
    bench.runtime.connects[0]?.accept();
    assertEquals(told, ["connected"]);
  });

  it("is tried with the other addresses, and fails as the last of them", () => {
    const bench = informed();
    const { told } = begin(bench);
    bench.runtime.connects[0]?.refuse({ number: 110, text: "Connection timed out" });
    assertEquals([hosts(bench), told], [["192.0.2.1", "192.0.2.2"], []]);
    bench.runtime.connects[1]?.refuse(REFUSED);
    assertEquals(told, [REFUSED]);
  });

  it("asks nobody for an address or a unix socket", () => {
    const bench = new Bench();
    const connect = connectWith(bench.resolver, bench.runtime);
    const handler = { connected() {}, failed() {} };
    connect({ host: "192.0.2.7", port: 1 }, handler);
    connect({ path: "/run/mail" }, handler);
    assertEquals([hosts(bench), bench.sent()], [["192.0.2.7", "/run/mail"], []]);
  });

  it("is taken back while the name is looked up", () => {
    const bench = new Bench();
    const { told, cancel } = begin(bench);
    const query = bench.next();
    cancel();
    query.answers(MAIL);
    assertEquals([hosts(bench), told, bench.open], [[], [], { sockets: 0, timers: 0 }]);
  });

  for (const isKnown of [false, true]) {
    it(`is taken back while it is made, ${isKnown ? "the name being known" : "the name looked up"}`, () => {
      const bench = isKnown ? informed() : new Bench();
      const { told, cancel } = begin(bench);
      if (!isKnown) bench.next().answers(MAIL);
      cancel();
      assertEquals([bench.runtime.connects.map(({ isCancelled }) => isCancelled), told], [[true], []]);
    });

    it(`is taken back after an address that failed, ${isKnown ? "the name being known" : "the name looked up"}`, () => {
      const bench = isKnown ? informed() : new Bench();
      const { told, cancel } = begin(bench);
      if (!isKnown) bench.next().answers(MAIL);
      bench.runtime.connects[0]?.refuse(REFUSED);
      cancel();
      assertEquals([bench.runtime.connects.map(({ isCancelled }) => isCancelled), told], [[false, true], []]);
    });
  }

  it("fails at once where the name is known to have no address", () => {
    const bench = new Bench();
    bench.lookup("mail.test");
    bench.next().answers({ rcode: 3 });
    const { told, cancel } = begin(bench);
    assertEquals([told.length, hosts(bench)], [1, []]);
    cancel();
  });
});
