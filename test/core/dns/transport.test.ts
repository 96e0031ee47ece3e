import { describe, it } from "node:test";
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { MAX_QUESTIONS, MAX_SOCKETS } from "../../../src/dns/_udp.ts";
import type { Addresses } from "../../../src/dns/mod.ts";
import { concat } from "../../../src/session/bytes.ts";
import { readQuery, type Reply, response } from "../../support/dns_wire.ts";
import type { FakeConnect, FakeSocket } from "../../support/fake_runtime.ts";
import { Bench, reply, type Result, seeded, told } from "./_support.ts";

const IDLE = { sockets: 0, timers: 0 };
const MAIL = reply("mail.test 300 A 192.0.2.1");
const FORGED = reply("mail.test 300 A 203.0.113.66");

describe("a response over UDP", () => {
  it("counts only from the address and port that were asked, for this id and this question", () => {
    const bench = new Bench();
    const result = bench.lookup("mail.test");
    const { socket, query } = bench.next();
    const { id, wire } = query;
    const other = readQuery(concat([new Uint8Array(12), wire.slice(0, -4), Uint8Array.of(0, 28, 0, 1)]));
    const forged = response(query, { id, ...FORGED });
    socket.receives(forged, { host: "192.0.2.66" });
    socket.receives(forged, { port: 5353 });
    for (const wrong of [0, id ^ 1, id ^ 0x8000, 65535 - id]) {
      socket.receives(response(query, { id: wrong, ...FORGED }));
    }
    socket.receives(response(other, { id, ...FORGED }));
    socket.receives(response({ wire: Uint8Array.of(0, 0, 1, 0, 1) }, { id, ...FORGED }));
    assertEquals(result.told, []);
    socket.receives(response(query, { id, ...MAIL }), { host: "192.000.2.53" });
    assertEquals(told(result), ["192.0.2.1"]);
    assertEquals(bench.open, IDLE);
  });

  it("counts once", () => {
    const bench = new Bench();
    const result = bench.lookup("mail.test");
    const query = bench.next();
    query.answers(MAIL);
    query.answers(FORGED);
    assertEquals(result.told.length, 1);
    assertEquals(told(bench.lookup("mail.test")), ["192.0.2.1"]);
  });

  it("is passed over when it is malformed: the real one may still come", () => {
    const bench = new Bench();
    const result = bench.lookup("mail.test");
    const { socket, query } = bench.next();
    const good = response(query, { id: query.id, ...MAIL });
    for (let end = 0; end < good.length; end++) socket.receives(good.subarray(0, end));
    socket.receives(new Uint8Array(65507).fill(0xc0));
    const query2 = good.slice();
    query2[2] = 0x01;
    socket.receives(query2);
    assertEquals(result.told, []);
    socket.receives(good);
    assertEquals(told(result), ["192.0.2.1"]);
  });

  it("never does harm, whatever it is", () => {
    const random = seeded(5452);
    for (let round = 0; round < 2000; round++) {
      const bench = new Bench();
      const result = bench.reverse("192.0.2.1");
      const { socket, query } = bench.next();
      const good = response(query, { id: query.id, ...reply("1.2.0.192.in-addr.arpa 1 PTR mail.test") });
      const bytes = good.slice(0, 12 + random(good.length - 11));
      for (let changes = 1 + random(8); changes > 0; changes--) bytes[2 + random(bytes.length - 2)] = random(256);
      socket.receives(bytes);
      assert(result.told.length <= 1);
      result.cancel();
      for (const { socket } of bench.runtime.connects) assertEquals(socket, undefined);
      assertEquals(bench.open, IDLE);
    }
  });

  it("of a server on IPv6 may come from its address in any form", () => {
    const bench = new Bench({ servers: [{ host: "2001:db8::53", port: 53 }] });
    const result = bench.lookup("mail.test");
    const { socket, query } = bench.next();
    socket.receives(response(query, { id: query.id, ...FORGED }), { host: "2001:db8::54" });
    socket.receives(response(query, { id: query.id, ...MAIL }), { host: "2001:DB8:0:0:0:0:0:53" });
    assertEquals(told(result), ["192.0.2.1"]);
  });
});

describe("a socket to a name server", () => {
  it("serves one question, and ids cannot be guessed from the one before", () => {
    const bench = new Bench();
    for (let i = 0; i < MAX_SOCKETS; i++) bench.lookup(`n${i}.test`);
    const sent = bench.sent();
    assertEquals(new Set(sent.map(({ socket }) => socket)).size, MAX_SOCKETS);
    const ids = sent.map(({ query }) => query.id);
    assert(new Set(ids).size > MAX_SOCKETS - 3);
    assertNotEquals(ids, [...ids].sort((a, b) => a - b));
    assertEquals(bench.open.sockets, MAX_SOCKETS);
  });

  it("serves several when there are many, each with an id of its own", () => {
    const bench = new Bench();
    const count = MAX_SOCKETS * 40;
    const results = Array.from({ length: count }, (_, i) => bench.lookup(`n${i}.test`));
    assertEquals(bench.open.sockets, MAX_SOCKETS);
    const sent = bench.sent();
    assertEquals(
      new Set(sent.map(({ socket, query }) => `${bench.runtime.datagrams.indexOf(socket)} ${query.id}`)).size,
      count,
    );
    for (const query of sent) query.answers(reply(`${query.query.name} 60 A 192.0.2.1`));
    assertEquals(results.filter((result) => told(result)?.[0] === "192.0.2.1").length, count);
    assertEquals(bench.open, IDLE);
  });

  it("serves a bounded number: one more question has to wait for its turn", () => {
    const bench = new Bench();
    // Always the same octets: ids collide, and the socket that is chosen is always the same one while it has room.
    bench.runtime.random = (bytes) => bytes.fill(0);
    const count = MAX_SOCKETS * MAX_QUESTIONS;
    const results = Array.from({ length: count }, (_, i) => bench.lookup(`n${i}.test`));
    assertEquals(bench.sent().length, count);
    const late = bench.lookup("late.test");
    assertEquals([bench.sent(), bench.open.sockets, late.told], [[], MAX_SOCKETS, []]);
    results[0]?.cancel();
    bench.runtime.clock.advance(0);
    bench.lookup("fits.test");
    assertEquals(bench.sent().map(({ query }) => query.name), ["fits.test"]);
    for (const result of results) result.cancel();
    late.cancel();
  });

  it("that breaks takes all its questions to the next server", () => {
    const lines = new Set<string>();
    const servers = [{ host: "192.0.2.53", port: 53 }, { host: "192.0.2.54", port: 53 }];
    const bench = new Bench({ servers, note: (text) => lines.add(text) });
    const results = Array.from({ length: MAX_SOCKETS * 4 }, (_, i) => bench.lookup(`n${i}.test`));
    const hosts = (host: string) => bench.runtime.datagrams.filter((socket) => socket.target.host === host);
    bench.sent();
    for (const socket of hosts("192.0.2.53")) socket.breaks();
    for (const socket of hosts("192.0.2.54")) {
      for (const bytes of socket.sent) {
        const query = readQuery(bytes);
        socket.receives(response(query, { id: query.id, ...reply(`${query.name} 60 A 192.0.2.1`) }));
      }
    }
    assertEquals(results.filter((result) => told(result)?.[0] === "192.0.2.1").length, results.length);
    assertEquals([...lines], ["recv() failed (111: Connection refused) while resolving, resolver: 192.0.2.53:53"]);
    assertEquals(bench.open, IDLE);
  });

  it("that breaks names its server, an IPv6 one in brackets", () => {
    const lines: string[] = [];
    const bench = new Bench({ servers: [{ host: "2001:db8::53", port: 5353 }], note: (text) => lines.push(text) });
    const result = bench.lookup("mail.test");
    bench.next().socket.breaks();
    assertEquals(lines, ["recv() failed (111: Connection refused) while resolving, resolver: [2001:db8::53]:5353"]);
    result.cancel();
    assertEquals(bench.open, IDLE);
  });
});

describe("a question over TCP", () => {
  it("follows when the answer was cut off, to the same server", () => {
    const { bench, result, connect } = truncated();
    assertEquals(connect.target, { host: "192.0.2.53", port: 53 });
    const socket = connect.accept();
    const addresses = Array.from({ length: 100 }, (_, i) => `192.0.2.${i}`);
    socket.says(framed(socket, reply(...addresses.map((address) => `mail.test 300 A ${address}`))));
    assertEquals(told(result), addresses);
    assertEquals(socket.ending, "close");
    socket.hangsUp();
    assertEquals(bench.open, IDLE);
  });

  it("may be answered octet by octet, and with more behind it", () => {
    const { result, connect } = truncated();
    const socket = connect.accept();
    const answer = framed(socket, MAIL);
    for (const octet of answer) {
      assertEquals(result.told, []);
      socket.says(Uint8Array.of(octet));
    }
    socket.says(answer);
    assertEquals(told(result), ["192.0.2.1"]);
    const other = truncated();
    const second = other.connect.accept();
    second.says(concat([framed(second, MAIL), framed(second, FORGED)]));
    assertEquals(told(other.result), ["192.0.2.1"]);
  });

  it("gives up on an answer to something else, cut off again, malformed, or that never comes", () => {
    const failures: readonly ((socket: FakeSocket) => void)[] = [
      (socket) => socket.says(framed(socket, { ...MAIL, isTruncated: true })),
      (socket) => socket.says(framed(socket, MAIL, 1)),
      (socket) => socket.says(Uint8Array.of(0, 0)),
      (socket) => socket.says(Uint8Array.of(0, 3, 1, 2, 3)),
      (socket) => socket.says(concat([Uint8Array.of(255, 255), new Uint8Array(65535).fill(0xc0)])),
      (socket) => socket.says(framed(socket, { count: 1 })),
      (socket) => socket.hangsUp(),
      (socket) => socket.breaks(),
      (socket) => {
        socket.says(framed(socket, MAIL).subarray(0, -1));
        socket.hangsUp();
      },
    ];
    for (const fail of failures) {
      const { bench, result, connect } = truncated();
      const socket = connect.accept();
      fail(socket);
      bench.runtime.clock.advance(1);
      assert(socket.isClosed && result.told.length === 0);
      bench.runtime.clock.advance(5000);
      bench.next().answers(MAIL);
      assertEquals(told(result), ["192.0.2.1"]);
      assertEquals(bench.open, IDLE);
    }
  });

  it("goes to the next server when this one does not accept it", () => {
    const { bench, result, connect } = truncated([{ host: "192.0.2.53", port: 53 }, { host: "192.0.2.54", port: 53 }]);
    connect.refuse();
    const query = bench.next();
    assertEquals(query.text, "A mail.test @192.0.2.54:53");
    query.answers(MAIL);
    assertEquals(told(result), ["192.0.2.1"]);
  });

  it("goes to the next server after 5 seconds, and may still be answered", () => {
    const { bench, result, connect } = truncated();
    const socket = connect.accept();
    bench.runtime.clock.advance(5000);
    bench.next();
    socket.says(framed(socket, MAIL));
    assertEquals(told(result), ["192.0.2.1"]);
    socket.hangsUp();
    assertEquals(bench.open, IDLE);
  });

  it("is taken back with the look-up, connected or not", () => {
    const early = truncated();
    early.result.cancel();
    assertEquals([early.connect.isCancelled, early.bench.open], [true, IDLE]);
    const late = truncated();
    const socket = late.connect.accept();
    late.result.cancel();
    assertEquals(socket.ending, "abort");
    late.bench.runtime.clock.advance(30_000);
    assertEquals([late.result.told, late.bench.open], [[], IDLE]);
  });
});

/** A look-up whose answer over UDP was cut off. */
function truncated(servers = [{ host: "192.0.2.53", port: 53 }]): {
  readonly bench: Bench;
  readonly result: Result<Addresses>;
  readonly connect: FakeConnect;
} {
  const bench = new Bench({ servers });
  const result = bench.lookup("mail.test");
  bench.next().answers({ isTruncated: true });
  const [connect] = bench.runtime.connects;
  if (connect === undefined || result.told.length > 0) throw new Error("no connect");
  return { bench, result, connect };
}

/** The answer to the query that a socket has sent, behind its length. */
function framed(socket: FakeSocket, answer: Reply, idChange = 0): Uint8Array {
  const [sent = new Uint8Array(0)] = socket.writes;
  assertEquals((sent[0] ?? 0) * 256 + (sent[1] ?? 0), sent.length - 2);
  const query = readQuery(sent.subarray(2));
  const message = response(query, { id: query.id ^ idChange, ...answer });
  return concat([Uint8Array.of(message.length >> 8, message.length & 255), message]);
}
