import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { Addresses, Done, Services } from "../../../src/dns/mod.ts";
import type { SystemFailure } from "../../../src/runtime.ts";
import { type FoundServer, NameWatch, serviceName, type WatchedName } from "../../../src/upstream/name_watch.ts";
import { FakeClock } from "../../support/fake_clock.ts";

const NOT_FOUND: SystemFailure = { number: 3, text: "Host not found" };
const TIMED_OUT: SystemFailure = { number: 110, text: "Operation timed out" };

/** A watch whose resolver is the test. */
class Bench {
  readonly clock = new FakeClock();
  /** The list of servers each time it has changed, and what the log heard. */
  readonly told: string[] = [];
  readonly watch: NameWatch;
  #asked = new Map<string, Done<never>>();
  /** What is answered at once. */
  readonly known = new Map<string, Addresses | Services | SystemFailure>();

  constructor(watched: WatchedName, before: readonly FoundServer[] = []) {
    const ask = (key: string, done: Done<Addresses> | Done<Services>) => {
      const known = this.known.get(key);
      const tell = done as Done<unknown>;
      if (known === undefined) this.#asked.set(key, tell as Done<never>);
      else tell(known);
      return () => void this.#asked.delete(key);
    };
    this.watch = new NameWatch({
      watched,
      runtime: this.clock,
      resolver: {
        lookup: (name, done) => ask(name, done),
        services: (name, done) => ask(`SRV ${name}`, done),
      },
      before,
      changed: (servers) => this.told.push(servers.map(describeServer).join(" ")),
      note: (level, text) => this.told.push(`${level}: ${text}`),
    });
    this.watch.start(() => this.told.push("looked"));
  }

  /** What is being asked for. */
  get asked(): string {
    return [...this.#asked.keys()].join(" ");
  }

  answers(key: string, result: Addresses | Services | SystemFailure): void {
    const done = this.#asked.get(key) as Done<unknown> | undefined;
    if (done === undefined) throw new Error(`nobody asks for ${key}`);
    this.#asked.delete(key);
    done(result);
  }

  /** What was told since this was last read. */
  take(): readonly string[] {
    return this.told.splice(0);
  }
}

function describeServer({ address, port, name, weight, isBackup }: FoundServer): string {
  return `${address}:${port}=${name}${weight === undefined ? "" : `*${weight}`}${isBackup ? " backup" : ""}`;
}

function at(addresses: readonly string[], ttl = 60_000, missing?: SystemFailure): Addresses {
  return { addresses, ttl, missing };
}

function srv(lines: readonly string[], ttl = 60_000): Services {
  const services = lines.map((line) => {
    const [priority, weight, port, target = ""] = line.split(" ");
    return { priority: Number(priority), weight: Number(weight), port: Number(port), target };
  });
  return { services, ttl };
}

const MAIL = { name: "mail.test", port: 143 };
const SERVICE = { name: "test", service: "_imap._tcp.test" };

describe("the name of a service", () => {
  it("is made as nginx makes it", () => {
    assertEquals(serviceName("imap", "example.com"), "_imap._tcp.example.com");
    assertEquals(serviceName("_imap", "example.com"), "_imap._tcp.example.com");
    assertEquals(serviceName("_imaps._tcp", "example.com"), "_imaps._tcp.example.com");
    assertEquals(serviceName("rack1.mail", "example.com"), "rack1.mail.example.com");
  });
});

describe("a name that is watched", () => {
  it("is looked up again when its time is over, and only changes are told", () => {
    const bench = new Bench(MAIL);
    bench.answers("mail.test", at(["192.0.2.2", "192.0.2.1"]));
    assertEquals(bench.take(), [
      "notice: mail.test is 192.0.2.1:143, 192.0.2.2:143",
      "192.0.2.1:143=mail.test 192.0.2.2:143=mail.test",
      "looked",
    ]);
    bench.clock.advance(59_999);
    assertEquals(bench.asked, "");
    bench.clock.advance(1);
    bench.answers("mail.test", at(["192.0.2.1", "192.0.2.2"], 5000));
    assertEquals(bench.take(), []);
    bench.clock.advance(5000);
    bench.answers("mail.test", at(["2001:db8::1"]));
    assertEquals(bench.take(), ["notice: mail.test is [2001:db8::1]:143", "2001:db8::1:143=mail.test"]);
    assertEquals(bench.watch.servers.length, 1);
  });

  it("is not looked up more than once a second", () => {
    const bench = new Bench(MAIL);
    bench.answers("mail.test", at(["192.0.2.1"], 0));
    bench.clock.advance(999);
    assertEquals(bench.asked, "");
    bench.clock.advance(1);
    assertEquals(bench.asked, "mail.test");
  });

  it("keeps its servers when it cannot be looked up, and the log hears of it once", () => {
    const bench = new Bench(MAIL);
    bench.answers("mail.test", at(["192.0.2.1"]));
    bench.take();
    bench.clock.advance(60_000);
    bench.answers("mail.test", NOT_FOUND);
    assertEquals(bench.take(), [
      "error: mail.test could not be resolved (3: Host not found), its servers stay as they are",
    ]);
    for (let i = 0; i < 3; i++) {
      bench.clock.advance(5000);
      bench.answers("mail.test", TIMED_OUT);
    }
    assertEquals([bench.take(), bench.watch.servers.length], [[], 1]);
    bench.clock.advance(5000);
    bench.answers("mail.test", at(["192.0.2.1"]));
    assertEquals(bench.take(), ["notice: mail.test could be resolved again"]);
  });

  it("takes what somebody else has found as long as it knows nothing", () => {
    const found = (address: string): FoundServer => {
      return { address, port: 143, name: "mail.test", weight: undefined, isBackup: false };
    };
    const bench = new Bench(MAIL);
    bench.watch.adopt([]);
    assertEquals(bench.take(), []);
    bench.watch.adopt([found("192.0.2.1")]);
    bench.watch.adopt([found("192.0.2.2")]);
    assertEquals(bench.take(), ["192.0.2.1:143=mail.test", "looked"]);
    bench.answers("mail.test", TIMED_OUT);
    assertEquals(
      bench.take()[0],
      `error: mail.test could not be resolved (110: Operation timed out), its servers stay as they are`,
    );
    bench.clock.advance(5000);
    bench.answers("mail.test", at(["192.0.2.3"]));
    assertEquals(bench.watch.servers, [found("192.0.2.3")]);

    const service = new Bench(SERVICE);
    service.answers("SRV _imap._tcp.test", srv([]));
    service.take();
    service.watch.adopt([found("192.0.2.1")]);
    assertEquals([service.take(), service.watch.servers], [[], []]);

    const stopped = new Bench(MAIL);
    stopped.watch.stop();
    stopped.watch.adopt([found("192.0.2.1")]);
    assertEquals(stopped.take(), []);
  });

  it("says that there are no servers where none was ever found, and goes on trying", () => {
    const bench = new Bench(MAIL);
    bench.answers("mail.test", TIMED_OUT);
    const text = "error: mail.test could not be resolved (110: Operation timed out), it has no servers";
    assertEquals(bench.take(), [text, "looked"]);
    bench.clock.advance(5000);
    assertEquals(bench.asked, "mail.test");
  });

  it("begins with what was found before it", () => {
    const before = { address: "192.0.2.1", port: 143, name: "mail.test", weight: undefined, isBackup: false };
    const bench = new Bench(MAIL, [before]);
    assertEquals(bench.watch.servers, [before]);
    bench.answers("mail.test", TIMED_OUT);
    assertEquals(bench.watch.servers, [before]);
  });

  it("keeps the addresses of a family that nobody could tell", () => {
    const bench = new Bench(MAIL);
    bench.answers("mail.test", at(["192.0.2.1", "2001:db8::1"]));
    bench.take();
    bench.clock.advance(60_000);
    bench.answers("mail.test", at(["192.0.2.9"], 60_000, TIMED_OUT));
    assertEquals(bench.take()[1], "192.0.2.9:143=mail.test 2001:db8::1:143=mail.test");
    bench.clock.advance(60_000);
    bench.answers("mail.test", at(["2001:db8::2"], 60_000, TIMED_OUT));
    assertEquals(bench.take()[1], "192.0.2.9:143=mail.test 2001:db8::2:143=mail.test");
    bench.clock.advance(60_000);
    bench.answers("mail.test", at(["192.0.2.9"]));
    assertEquals(bench.take()[1], "192.0.2.9:143=mail.test");
  });

  it("stops", () => {
    const bench = new Bench(MAIL);
    bench.answers("mail.test", at(["192.0.2.1"]));
    bench.watch.stop();
    bench.clock.advance(3_600_000);
    assertEquals([bench.asked, bench.clock.pending], ["", 0]);
    const asking = new Bench(MAIL);
    asking.watch.stop();
    assertEquals([asking.asked, asking.clock.pending], ["", 0]);
  });
});

describe("a service that is watched", () => {
  it("has the servers of its lowest number first, the others for backups", () => {
    const bench = new Bench(SERVICE);
    assertEquals(bench.asked, "SRV _imap._tcp.test");
    bench.answers("SRV _imap._tcp.test", srv(["20 0 143 c.test", "10 5 143 a.test", "10 0 1143 b.test"]));
    bench.answers("a.test", at(["192.0.2.1", "192.0.2.2"]));
    bench.answers("b.test", at(["192.0.2.1"]));
    bench.answers("c.test", at(["192.0.2.3"], 10_000));
    assertEquals(bench.take(), [
      "notice: _imap._tcp.test is 192.0.2.1:143, 192.0.2.1:1143, 192.0.2.2:143, 192.0.2.3:143 backup",
      "192.0.2.1:143=a.test*5 192.0.2.1:1143=b.test*1 192.0.2.2:143=a.test*5 192.0.2.3:143=c.test*1 backup",
      "looked",
    ]);
    // The shortest time on the way counts.
    bench.clock.advance(10_000);
    assertEquals(bench.asked, "SRV _imap._tcp.test");
  });

  it("has those of the next number where the first cannot be found", () => {
    const bench = new Bench(SERVICE);
    bench.answers("SRV _imap._tcp.test", srv(["10 1 143 a.test", "20 1 143 b.test"]));
    bench.answers("a.test", NOT_FOUND);
    bench.answers("b.test", at(["192.0.2.2"]));
    assertEquals(bench.take(), [
      "notice: _imap._tcp.test is 192.0.2.2:143",
      "192.0.2.2:143=b.test*1",
      "error: a.test could not be resolved (3: Host not found), it has no servers",
      "looked",
    ]);
  });

  it("leads to hosts only", () => {
    const bench = new Bench(SERVICE);
    bench.answers("SRV _imap._tcp.test", srv(["0 1 143 a\\013b.test", "0 1 143 127.0.0.1", "0 1 143 b.test"]));
    assertEquals(bench.asked, "b.test");
    bench.answers("b.test", at(["192.0.2.2"]));
    assertEquals(bench.take(), [
      "notice: _imap._tcp.test is 192.0.2.2:143",
      "192.0.2.2:143=b.test*1",
      "error: a\\013b.test could not be resolved (3: Host not found), it has no servers",
      "error: 127.0.0.1 could not be resolved (3: Host not found), it has no servers",
      "looked",
    ]);
  });

  it("has no servers when it says so", () => {
    const bench = new Bench(SERVICE);
    bench.answers("SRV _imap._tcp.test", srv(["0 0 143 a.test"]));
    bench.answers("a.test", at(["192.0.2.1"]));
    bench.take();
    bench.clock.advance(60_000);
    bench.answers("SRV _imap._tcp.test", srv(["0 0 0 "]));
    assertEquals(bench.take(), ["notice: _imap._tcp.test is nowhere", ""]);
  });

  it("keeps its servers when its records, or the addresses of one of them, cannot be looked up", () => {
    const bench = new Bench(SERVICE);
    bench.answers("SRV _imap._tcp.test", srv(["0 0 143 a.test", "0 0 143 b.test"]));
    bench.answers("a.test", at(["192.0.2.1"]));
    bench.answers("b.test", at(["192.0.2.2"]));
    bench.take();
    bench.clock.advance(60_000);
    bench.answers("SRV _imap._tcp.test", TIMED_OUT);
    const text = "_imap._tcp.test could not be resolved (110: Operation timed out), its servers stay as they are";
    assertEquals(bench.take(), [`error: ${text}`]);
    bench.clock.advance(5000);
    bench.answers("SRV _imap._tcp.test", srv(["0 0 143 a.test", "0 0 143 b.test"]));
    bench.answers("a.test", TIMED_OUT);
    bench.answers("b.test", at(["192.0.2.9"]));
    assertEquals(bench.take(), [
      "notice: _imap._tcp.test is 192.0.2.1:143, 192.0.2.9:143",
      "192.0.2.1:143=a.test*1 192.0.2.9:143=b.test*1",
      "error: a.test could not be resolved (110: Operation timed out), its servers stay as they are",
      "notice: _imap._tcp.test could be resolved again",
    ]);
  });

  it("keeps its servers when all that it leads to now is another name, which cannot be looked up", () => {
    const bench = new Bench(SERVICE);
    bench.answers("SRV _imap._tcp.test", srv(["0 0 143 a.test"]));
    bench.answers("a.test", at(["192.0.2.1"]));
    bench.take();
    bench.clock.advance(60_000);
    bench.answers("SRV _imap._tcp.test", srv(["0 0 143 b.test"]));
    bench.answers("b.test", TIMED_OUT);
    assertEquals(bench.take(), ["error: b.test could not be resolved (110: Operation timed out), it has no servers"]);
    assertEquals(bench.watch.servers.map(describeServer), ["192.0.2.1:143=a.test*1"]);
    bench.clock.advance(5000);
    bench.answers("SRV _imap._tcp.test", srv(["0 0 143 b.test"]));
    bench.answers("b.test", at(["192.0.2.2"]));
    assertEquals(bench.take(), [
      "notice: _imap._tcp.test is 192.0.2.2:143",
      "192.0.2.2:143=b.test*1",
      "notice: b.test could be resolved again",
    ]);
  });

  it("does not say of a target that is gone that it could be looked up again", () => {
    const bench = new Bench(SERVICE);
    bench.answers("SRV _imap._tcp.test", srv(["0 0 143 a.test", "0 0 143 b.test"]));
    bench.answers("a.test", NOT_FOUND);
    bench.answers("b.test", at(["192.0.2.2"]));
    bench.take();
    bench.clock.advance(5000);
    bench.answers("SRV _imap._tcp.test", srv(["0 0 143 b.test"]));
    bench.answers("b.test", at(["192.0.2.2"]));
    assertEquals(bench.take(), []);
  });

  it("takes answers that are there at once", () => {
    const bench = new Bench(SERVICE);
    bench.answers("SRV _imap._tcp.test", srv(["0 0 143 a.test"]));
    bench.known.set("SRV _imap._tcp.test", srv(["0 0 143 b.test"]));
    bench.known.set("b.test", at(["192.0.2.2"]));
    bench.answers("a.test", at(["192.0.2.1"]));
    bench.take();
    bench.clock.advance(60_000);
    assertEquals(bench.take()[1], "192.0.2.2:143=b.test*1");
    bench.watch.stop();
    assertEquals(bench.clock.pending, 0);
  });

  it("has a bound", () => {
    const bench = new Bench(SERVICE);
    const lines = Array.from({ length: 3 }, (_, i) => `0 0 143 ${i}.test`);
    bench.answers("SRV _imap._tcp.test", srv(lines));
    for (let i = 0; i < 3; i++) {
      bench.answers(`${i}.test`, at(Array.from({ length: 100 }, (_, j) => `192.0.${i}.${j}`)));
    }
    assertEquals(bench.watch.servers.length, 256);
  });
});
