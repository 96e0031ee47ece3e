import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { MAX_ALIASES, MAX_TTL } from "../../../src/dns/_lookup.ts";
import { ABSENCE_TTL, FAILURE_TTL, MAX_CACHED } from "../../../src/dns/resolver.ts";
import { Bench, record, reply, told } from "./_support.ts";

const IDLE = { sockets: 0, timers: 0 };
const MAIL = reply("mail.test 300 A 192.0.2.1");

describe("a look-up", () => {
  it("asks a server and tells the addresses with their TTL", () => {
    const bench = new Bench();
    const result = bench.lookup("Mail.test.");
    const query = bench.next();
    assertEquals([query.text, result.told], ["A mail.test @192.0.2.53:53", []]);
    query.answers(reply("mail.test 300 A 192.0.2.1", "mail.test 200 A 192.0.2.2"));
    assertEquals(result.told, [{ addresses: ["192.0.2.1", "192.0.2.2"], ttl: 200_000, missing: undefined }]);
    assertEquals(bench.open, IDLE);
  });

  it("asks for both families and waits for both", () => {
    const bench = new Bench({ ipv6: true });
    const result = bench.lookup("mail.test");
    const [v4, v6] = bench.sent();
    assertEquals([v4?.query.type, v6?.query.type], ["A", "AAAA"]);
    v6?.answers(reply("mail.test 100 AAAA 2001:db8:0::1"));
    assertEquals(result.told, []);
    v4?.answers(MAIL);
    assertEquals(result.told, [{ addresses: ["192.0.2.1", "2001:db8::1"], ttl: 100_000, missing: undefined }]);
    assertEquals(bench.open, IDLE);
  });

  it("asks for one family when the other is off", () => {
    const bench = new Bench({ ipv4: false, ipv6: true });
    const result = bench.lookup("mail.test");
    bench.next().answers(reply("mail.test 100 AAAA 2001:db8::1"));
    assertEquals(told(result), ["2001:db8::1"]);
  });

  it("makes do with one family, and says why the other is missing", () => {
    const missing = (rcode: number) => {
      const bench = new Bench({ ipv6: true });
      const result = bench.lookup("mail.test");
      const [v4, v6] = bench.sent();
      v4?.answers(MAIL);
      v6?.answers({ rcode });
      return result.told;
    };
    const found = { addresses: ["192.0.2.1"], ttl: 300_000 };
    assertEquals(missing(0), [{ ...found, missing: undefined }]);
    assertEquals(missing(2), [{ ...found, missing: { number: 2, text: "Server failure" } }]);
    const bench = new Bench({ ipv6: true });
    const result = bench.lookup("mail.test");
    bench.sent()[0]?.answers(MAIL);
    bench.runtime.clock.advance(30_000);
    assertEquals(result.told, [{ ...found, missing: { number: 110, text: "Operation timed out" } }]);
    assertEquals(bench.open, IDLE);
  });

  it("fails with the server's words, and does not ask another server", () => {
    const texts = [
      "Host not found",
      "Format error",
      "Server failure",
      "Host not found",
      "Unimplemented",
      "Operation refused",
      "Unknown error",
    ];
    for (const [rcode, text] of texts.entries()) {
      const bench = new Bench({ servers: SERVERS });
      const result = bench.lookup("mail.test");
      bench.next().answers({ rcode });
      assertEquals(result.told, [{ number: rcode === 0 ? 3 : rcode, text }]);
      assertEquals([bench.sent(), bench.open], [[], IDLE]);
    }
  });

  it("fails for the better reason when both families fail", () => {
    const bench = new Bench({ ipv6: true });
    const result = bench.lookup("mail.test");
    const [v4, v6] = bench.sent();
    v4?.answers({ rcode: 3 });
    v6?.answers({ rcode: 5 });
    assertEquals(told(result), "Operation refused");
  });

  it("does not ask for what is no name", () => {
    const bench = new Bench({ ipv6: true });
    for (const name of ["a..b", `${"a".repeat(64)}.test`, "a.".repeat(128)]) {
      assertEquals(told(bench.lookup(name)), "Host not found");
    }
    assertEquals([bench.sent(), bench.open], [[], IDLE]);
  });

  it("can be taken back, also from within another one's answer", () => {
    const bench = new Bench({ ipv6: true });
    const result = bench.lookup("mail.test");
    const [v4] = bench.sent();
    result.cancel();
    result.cancel();
    assertEquals(bench.open, IDLE);
    v4?.answers(MAIL);
    bench.runtime.clock.advance(60_000);
    assertEquals([result.told, bench.sent()], [[], []]);

    const other = new Bench();
    let count = 0;
    const cancel = other.resolver.lookup("mail.test", () => {
      count++;
      second();
    });
    const second = other.resolver.lookup("mail.test", () => {
      count++;
      cancel();
    });
    other.next().answers(MAIL);
    assertEquals(count, 1);
  });
});

describe("a name server", () => {
  it("takes turns with the others", () => {
    const bench = new Bench({ servers: SERVERS });
    for (const name of ["a.test", "b.test", "c.test", "d.test"]) bench.lookup(name);
    assertEquals(bench.sent().map(({ text }) => text), [
      "A a.test @192.0.2.53:53",
      "A b.test @2001:db8::53:5353",
      "A c.test @192.0.2.54:53",
      "A d.test @192.0.2.53:53",
    ]);
  });

  it("gives way to the next after 5 seconds, until the time is up", () => {
    const bench = new Bench({ servers: SERVERS, timeout: 12_000 });
    const result = bench.lookup("mail.test");
    const asked: string[] = [];
    for (let second = 0; second < 12; second++) {
      asked.push(...bench.sent().map(({ text }) => `${second} ${text}`));
      assertEquals(result.told, []);
      bench.runtime.clock.advance(1000);
    }
    assertEquals(asked, [
      "0 A mail.test @192.0.2.53:53",
      "5 A mail.test @2001:db8::53:5353",
      "10 A mail.test @192.0.2.54:53",
    ]);
    assertEquals(result.told, [{ number: 110, text: "Operation timed out" }]);
    assertEquals(bench.open, IDLE);
  });

  it("is asked until it answers where there is no time to keep", () => {
    const bench = new Bench({ timeout: undefined });
    const result = bench.lookup("mail.test");
    bench.runtime.clock.advance(3_600_000);
    assertEquals(result.told, []);
    bench.sent().at(-1)?.answers(MAIL);
    assertEquals(told(result), ["192.0.2.1"]);
    assertEquals(bench.open, IDLE);
  });

  it("may answer late, and the later ones are not heard then", () => {
    const bench = new Bench({ servers: SERVERS });
    const result = bench.lookup("mail.test");
    const first = bench.next();
    bench.runtime.clock.advance(5000);
    const second = bench.next();
    first.answers(MAIL);
    second.answers({ rcode: 2 });
    assertEquals(told(result), ["192.0.2.1"]);
    assertEquals(bench.open, IDLE);
  });

  it("is waited for by a few attempts at most", () => {
    const bench = new Bench({ timeout: 600_000 });
    bench.lookup("mail.test");
    for (let round = 0; round < 20; round++) {
      bench.runtime.clock.advance(5000);
      assert(bench.open.sockets <= 4);
    }
    assertEquals(bench.sent().length, 21);
  });

  it("that refuses gives way at once; when all have refused, it is waited", () => {
    const bench = new Bench({ servers: SERVERS });
    const result = bench.lookup("mail.test");
    for (const server of ["192.0.2.53:53", "2001:db8::53:5353", "192.0.2.54:53"]) {
      const query = bench.next();
      assertEquals(query.text, `A mail.test @${server}`);
      query.socket.breaks();
    }
    assertEquals([bench.sent(), bench.open.sockets], [[], 0]);
    bench.runtime.clock.advance(5000);
    const query = bench.next();
    assertEquals(query.text, "A mail.test @192.0.2.53:53");
    query.answers(MAIL);
    assertEquals(told(result), ["192.0.2.1"]);
    assertEquals(bench.open, IDLE);
  });
});

describe("an alias", () => {
  it("is followed within an answer, whatever the order of its records", () => {
    const bench = new Bench();
    const result = bench.lookup("a.test");
    bench.next().answers(reply(
      "c.test 300 A 192.0.2.1",
      "x.test 300 A 203.0.113.1",
      "b.test 20 CNAME c.test",
      "a.test 60 CNAME b.test",
      "c.test 300 A 192.0.2.2",
    ));
    assertEquals(result.told, [{ addresses: ["192.0.2.1", "192.0.2.2"], ttl: 20_000, missing: undefined }]);
  });

  it("is asked for when the answer ends with it", () => {
    const bench = new Bench();
    const result = bench.lookup("a.test");
    bench.next().answers(reply("a.test 60 CNAME b.test"));
    const query = bench.next();
    assertEquals(query.text, "A b.test @192.0.2.53:53");
    query.answers(reply("b.test 300 A 192.0.2.1"));
    assertEquals(result.told, [{ addresses: ["192.0.2.1"], ttl: 60_000, missing: undefined }]);
    assertEquals(bench.open, IDLE);
  });

  it("may lead to nothing", () => {
    for (const last of [{ rcode: 3 }, {}]) {
      const bench = new Bench();
      const result = bench.lookup("a.test");
      bench.next().answers(reply("a.test 60 CNAME b.test"));
      bench.next().answers(last);
      assertEquals(told(result), "Host not found");
    }
  });

  it("does not let a stranger's records in", () => {
    const bench = new Bench();
    const result = bench.lookup("a.test");
    bench.next().answers(reply("b.test 300 A 203.0.113.1", "c.test 300 CNAME a.test"));
    assertEquals(told(result), "Host not found");
  });

  it("leads through a bounded number of names", () => {
    const chain = (length: number) => {
      const bench = new Bench();
      const result = bench.lookup("n0.test");
      const lines = Array.from({ length }, (_, i) => `n${i}.test 60 CNAME n${i + 1}.test`);
      bench.next().answers(reply(...lines, `n${length}.test 60 A 192.0.2.1`));
      return told(result);
    };
    assertEquals([chain(MAX_ALIASES), chain(MAX_ALIASES + 1)], [["192.0.2.1"], "Server failure"]);
  });

  it("may not lead in a circle, in one answer or through several", () => {
    const bench = new Bench();
    const result = bench.lookup("a.test");
    bench.next().answers(reply("a.test 60 CNAME b.test", "b.test 60 CNAME a.test"));
    assertEquals(told(result), "Server failure");
    const other = new Bench();
    const slow = other.lookup("a.test");
    let asked = 0;
    for (let [query] = other.sent(); query !== undefined; [query] = other.sent()) {
      asked++;
      const { name } = query.query;
      query.answers(reply(`${name} 60 CNAME ${name === "a.test" ? "b.test" : "a.test"}`));
    }
    assertEquals([asked, told(slow)], [MAX_ALIASES + 1, "Server failure"]);
    assertEquals(other.open, IDLE);
  });
});

describe("an answer", () => {
  it("serves all who ask the same meanwhile, each for its own time", () => {
    const bench = new Bench();
    const first = bench.lookup("mail.test");
    const query = bench.next();
    bench.runtime.clock.advance(4000);
    const second = bench.lookup("MAIL.test");
    const third = bench.lookup("mail.test.");
    assertEquals(bench.sent(), []);
    third.cancel();
    first.cancel();
    assertEquals(bench.open.sockets, 1);
    query.answers(MAIL);
    assertEquals([first.told.length, told(second), third.told.length], [0, ["192.0.2.1"], 0]);
    assertEquals(bench.open, IDLE);

    const slow = bench.lookup("slow.test");
    bench.runtime.clock.advance(29_000);
    const late = bench.lookup("slow.test");
    bench.runtime.clock.advance(1000);
    assertEquals([told(slow), told(late)], ["Operation timed out", undefined]);
    bench.runtime.clock.advance(28_999);
    assertEquals(told(late), undefined);
    bench.runtime.clock.advance(1);
    assertEquals(told(late), "Operation timed out");
    assertEquals(bench.open, IDLE);
  });

  it("is kept for its TTL, and has less of it every time", () => {
    const bench = new Bench();
    bench.lookup("mail.test");
    bench.next().answers(MAIL);
    bench.runtime.clock.advance(299_999);
    assertEquals(bench.lookup("mail.test").told, [{ addresses: ["192.0.2.1"], ttl: 1, missing: undefined }]);
    assertEquals([bench.sent(), bench.open], [[], IDLE]);
    bench.runtime.clock.advance(1);
    bench.lookup("mail.test");
    bench.next();
  });

  it("is not kept with a TTL of 0, and for a day at most", () => {
    const bench = new Bench();
    bench.lookup("mail.test");
    bench.next().answers(reply("mail.test 0 A 192.0.2.1"));
    const again = bench.lookup("mail.test");
    bench.next().answers(reply(`mail.test ${2 ** 31 - 1} A 192.0.2.1`));
    assertEquals(again.told, [{ addresses: ["192.0.2.1"], ttl: MAX_TTL, missing: undefined }]);
    bench.runtime.clock.advance(MAX_TTL);
    bench.lookup("mail.test");
    bench.next();
  });

  it("is kept as long as `valid` says", () => {
    const bench = new Bench({ valid: 10_000 });
    for (const ttl of [0, 300]) {
      const result = bench.lookup(`mail${ttl}.test`);
      bench.next().answers(reply(`mail${ttl}.test ${ttl} A 192.0.2.1`));
      assertEquals(result.told, [{ addresses: ["192.0.2.1"], ttl: 10_000, missing: undefined }]);
    }
    bench.runtime.clock.advance(9999);
    assertEquals(told(bench.lookup("mail0.test")), ["192.0.2.1"]);
    bench.runtime.clock.advance(1);
    bench.lookup("mail300.test");
    bench.next();
  });

  it("is kept shortly when it says no", () => {
    for (const [rcode, ttl] of [[0, ABSENCE_TTL], [3, ABSENCE_TTL], [2, FAILURE_TTL], [5, FAILURE_TTL]] as const) {
      const bench = new Bench();
      const text = told(bench.lookup("mail.test"));
      bench.next().answers({ rcode });
      bench.runtime.clock.advance(ttl - 1);
      assert(text === undefined && typeof told(bench.lookup("mail.test")) === "string");
      assertEquals(bench.sent(), []);
      bench.runtime.clock.advance(1);
      bench.lookup("mail.test");
      bench.next();
    }
  });

  it("is not kept when it never came", () => {
    const bench = new Bench({ timeout: 3000 });
    bench.lookup("mail.test");
    bench.next();
    bench.runtime.clock.advance(3000);
    const result = bench.lookup("mail.test");
    bench.next().answers(MAIL);
    assertEquals(told(result), ["192.0.2.1"]);
  });

  it("is one of a bounded number that are kept: what was not wanted the longest goes", () => {
    const bench = new Bench();
    const resolve = (name: string) => {
      const result = bench.lookup(name);
      for (const query of bench.sent()) query.answers(reply(`${name} 300 A 192.0.2.1`));
      assertEquals(told(result), ["192.0.2.1"]);
    };
    for (let i = 0; i < MAX_CACHED; i++) resolve(`n${i}.test`);
    bench.lookup("n0.test");
    assertEquals(bench.sent(), []);
    resolve("more.test");
    bench.lookup("n0.test");
    assertEquals(bench.sent(), []);
    bench.lookup("n1.test");
    assertEquals(bench.next().query.name, "n1.test");
  });
});

describe("a reverse look-up", () => {
  it("tells the first name", () => {
    const bench = new Bench();
    const result = bench.reverse("192.0.2.45");
    const query = bench.next();
    assertEquals([query.query.type, query.query.name], ["PTR", "45.2.0.192.in-addr.arpa"]);
    query.answers(reply(`${query.query.name} 60 PTR a.test`, `${query.query.name} 60 PTR b.test`));
    assertEquals(result.told, [{ name: "a.test", ttl: 60_000 }]);
  });

  it("follows the aliases of classless delegation, in the answer and beyond it", () => {
    for (const isSplit of [false, true]) {
      const bench = new Bench();
      const result = bench.reverse("192.0.2.45");
      const alias = "45.2.0.192.in-addr.arpa 60 CNAME 45.32/27.2.0.192.in-addr.arpa";
      const name = "45.32/27.2.0.192.in-addr.arpa 300 PTR mail.test";
      bench.next().answers(isSplit ? reply(alias) : reply(alias, name));
      if (isSplit) {
        const query = bench.next();
        assertEquals(query.query.name, "45.32/27.2.0.192.in-addr.arpa");
        query.answers(reply(name));
      }
      assertEquals(result.told, [{ name: "mail.test", ttl: 60_000 }]);
    }
  });

  it("tells why there is none", () => {
    const bench = new Bench();
    assertEquals(bench.reverse("mail.test").told, [{ number: 1, text: "Format error" }]);
    const result = bench.reverse("2001:db8::1");
    bench.next().answers({});
    assertEquals(result.told, [{ number: 3, text: "Host not found" }]);
  });
});

describe("a look-up of a service", () => {
  it("tells all its servers", () => {
    const bench = new Bench();
    const result = bench.services("_imap._tcp.test");
    const query = bench.next();
    assertEquals(query.text, "SRV _imap._tcp.test @192.0.2.53:53");
    query.answers({
      records: ["_imap._tcp.test 60 SRV 10 5 143 a.test", "_imap._tcp.test 90 SRV 20 0 1143 b.test"].map(record),
    });
    const services = [
      { priority: 10, weight: 5, port: 143, target: "a.test" },
      { priority: 20, weight: 0, port: 1143, target: "b.test" },
    ];
    assertEquals(result.told, [{ services, ttl: 60_000 }]);
  });

  it("tells a service that is decidedly not there (RFC 2782)", () => {
    const bench = new Bench();
    const result = bench.services("_pop3._tcp.test");
    bench.next().answers({ records: [record("_pop3._tcp.test 60 SRV 0 0 0 ")] });
    const services = [{ priority: 0, weight: 0, port: 0, target: "" }];
    assertEquals(result.told, [{ services, ttl: 60_000 }]);
  });

  it("asks again when the answer's time is over, and remembers that there is none", () => {
    const bench = new Bench();
    const ask = () => bench.services("_imap._tcp.test");
    ask();
    bench.next().answers({ records: [record("_imap._tcp.test 60 SRV 10 5 143 a.test")] });
    bench.runtime.clock.advance(59_999);
    ask();
    assertEquals(bench.sent(), []);
    bench.runtime.clock.advance(1);
    ask();
    bench.next().answers({ rcode: 3 });
    const again = ask();
    assertEquals([bench.sent(), again.told], [[], [{ number: 3, text: "Host not found" }]]);
  });

  it("fails as others do", () => {
    const bench = new Bench();
    const result = bench.services("_imap._tcp.test");
    bench.next().answers({ rcode: 3 });
    assertEquals(result.told, [{ number: 3, text: "Host not found" }]);
  });
});

const SERVERS = [
  { host: "192.0.2.53", port: 53 },
  { host: "2001:db8::53", port: 5353 },
  { host: "192.0.2.54", port: 53 },
];
