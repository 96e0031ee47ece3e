import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  createQuestion,
  decodeResponse,
  encodeQuery,
  isResponseTo,
  MAX_RECORDS,
  type Question,
  type QuestionType,
} from "../../../src/dns/message.ts";
import { concat, encode } from "../../../src/session/bytes.ts";
import { response } from "../../support/dns_wire.ts";
import { seeded } from "./_support.ts";

function question(name: string, type: QuestionType): Question {
  const made = createQuestion(name, type);
  if (made === undefined) throw new Error(`no question: ${name}`);
  return made;
}

/** Octets written as hexadecimal digits, and text between quotes. */
function octets(notation: string): Uint8Array {
  const parts = notation.match(/"[^"]*"|[0-9a-f]{2}/g) ?? [];
  return concat(parts.map((part) => part.startsWith('"') ? encode(part.slice(1, -1)) : hex(part)));
}

function hex(digits: string): Uint8Array {
  return Uint8Array.of(Number.parseInt(digits, 16));
}

/** A response of these answer octets to a question for the addresses of `a.test`; the answers begin at octet 24. */
function answers(count: number, notation: string): Uint8Array {
  const counts = count.toString(16).padStart(4, "0");
  return octets(`0102 8180 0001 ${counts} 0000 0000 01"a"04"test"00 0001 0001 ${notation}`);
}

describe("a query", () => {
  it("has the octets of RFC 1035", () => {
    const query = encodeQuery(0xbeef, question("Mail.Example.test.", "A"));
    assertEquals(query, octets(`beef 0100 0001 0000 0000 0000 04"mail"07"example"04"test"00 0001 0001`));
  });

  it("has the type that is asked for", () => {
    const types = (["A", "AAAA", "PTR", "SRV"] as const).map((type) => encodeQuery(1, question("a", type)).slice(-4));
    assertEquals(types.map((type) => [...type]), [[0, 1, 0, 1], [0, 28, 0, 1], [0, 12, 0, 1], [0, 33, 0, 1]]);
  });

  it("asks for nothing that is no name", () => {
    assertEquals(["a..b", ".", ".a", "a".repeat(64), "\\25", "a\\"].map((name) => createQuestion(name, "A")), [
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe("a response", () => {
  it("is read record by record, and comes back as it was written", () => {
    const records = [
      { name: "a.test", ttl: 300, data: { type: "CNAME", target: "b.test" } },
      { name: "b.test", ttl: 60, data: { type: "A", address: "192.0.2.1" } },
      { name: "b.test", ttl: 60, data: { type: "AAAA", address: "2001:db8::1" } },
      { name: "b.test", ttl: 2 ** 31 - 1, data: { type: "PTR", target: "c.test" } },
      {
        name: "_imap._tcp.test",
        ttl: 0,
        data: { type: "SRV", priority: 10, weight: 65535, port: 143, target: "mail.test" },
      },
    ] as const;
    const asked = question("a.test", "A");
    const read = decodeResponse(response(asked, { id: 7, records }));
    assertEquals(read, { id: 7, rcode: 0, isTruncated: false, asked: { name: "a.test", type: 1 }, records });
    assert(read !== undefined && isResponseTo(read, asked));
  });

  it("may compress its names, also in the data", () => {
    const read = decodeResponse(answers(
      3,
      `
      c00c 0005 0001 0000003c 0004 01"b"c00e
      c024 000c 0001 0000003c 0002 c00c
      01"c"c024 0021 0001 0000003c 0008 0001 0002 0019 c00e
    `,
    ));
    assertEquals(read?.records, [
      { name: "a.test", ttl: 60, data: { type: "CNAME", target: "b.test" } },
      { name: "b.test", ttl: 60, data: { type: "PTR", target: "a.test" } },
      { name: "c.b.test", ttl: 60, data: { type: "SRV", priority: 1, weight: 2, port: 25, target: "test" } },
    ]);
  });

  it("may have records that we do not know, or of another class: they are passed over", () => {
    const read = decodeResponse(answers(
      4,
      `
      c00c 0010 0001 0000003c 0004 03"txt"
      c00c 0001 0003 0000003c 0002 ffff
      c00c 002e 0001 0000003c 0000
      c00c 0001 0001 0000003c 0004 c0000201
    `,
    ));
    assertEquals(read?.records.map(({ data }) => data), [{ type: "A", address: "192.0.2.1" }]);
  });

  it("says why there is nothing", () => {
    for (const rcode of [0, 1, 2, 3, 4, 5, 15]) {
      const read = decodeResponse(response(question("a.test", "A"), { id: 1, rcode }));
      assertEquals([read?.rcode, read?.records], [rcode, []]);
    }
  });

  it("counts a TTL with its first bit set as 0", () => {
    const read = decodeResponse(answers(1, "c00c 0001 0001 80000000 0004 c0000201"));
    assertEquals(read?.records[0]?.ttl, 0);
  });

  it("is not read further than its question when it was cut off", () => {
    const asked = question("a.test", "A");
    const whole = response(asked, { id: 1, isTruncated: true, count: 3 });
    const read = decodeResponse(concat([whole, octets("c00c 0001")]));
    assertEquals([read?.isTruncated, read?.records], [true, []]);
  });

  it("needs no question when the server could not read ours, and only then", () => {
    const asked = question("a.test", "A");
    const read = decodeResponse(octets("0001 8181 0000 0000 0000 0000"));
    assertEquals(read, { id: 1, rcode: 1, isTruncated: false, asked: undefined, records: [] });
    assert(read !== undefined && isResponseTo(read, asked));
    assertEquals(decodeResponse(octets("0001 8180 0000 0000 0000 0000")), undefined);
    assertEquals(decodeResponse(octets("0001 8182 0000 0000 0000 0000")), undefined);
  });

  it("is to one question, whatever the case of its letters", () => {
    const read = decodeResponse(octets(`0102 8180 0001 0000 0000 0000 01"A"04"tESt"00 0001 0001`));
    const fits = (name: string, type: QuestionType) => read !== undefined && isResponseTo(read, question(name, type));
    assertEquals([fits("a.test", "A"), fits("a.test", "AAAA"), fits("b.test", "A")], [true, false, false]);
  });

  it("has its first records read only", () => {
    const record = "c00c 0001 0001 0000003c 0004 c0000201 ";
    assertEquals(decodeResponse(answers(MAX_RECORDS, record.repeat(MAX_RECORDS)))?.records.length, MAX_RECORDS);
    assertEquals(decodeResponse(answers(65535, record.repeat(MAX_RECORDS) + "ff"))?.records.length, MAX_RECORDS);
  });
});

describe("a malformed message", () => {
  const MALFORMED: readonly (readonly [string, Uint8Array])[] = [
    ["nothing", octets("")],
    ["half a header", octets("0102 8180 0001 0000 0000 00")],
    ["a query", octets(`0102 0100 0001 0000 0000 0000 00 0001 0001`)],
    ["another operation", octets(`0102 9180 0001 0000 0000 0000 00 0001 0001`)],
    ["two questions", octets(`0102 8180 0002 0000 0000 0000 00 0001 0001 00 0001 0001`)],
    ["no question", octets(`0102 8180 0000 0000 0000 0000`)],
    ["half a question", octets(`0102 8180 0001 0000 0000 0000 01"a"04"test"00 0001 00`)],
    ["another class", octets(`0102 8180 0001 0000 0000 0000 01"a"04"test"00 0001 0003`)],
    ["a name without an end", octets(`0102 8180 0001 0000 0000 0000 01"a"04"test"`)],
    ["a label over the end", octets(`0102 8180 0001 0000 0000 0000 01"a"05"test"`)],
    ["a pointer to itself", octets(`0102 8180 0001 0000 0000 0000 c00c 0001 0001`)],
    ["a pointer forwards", octets(`0102 8180 0001 0000 0000 0000 c012 0001 0001 00 00`)],
    ["a pointer into the header", octets(`0102 8180 0001 0000 0000 0000 c004 0001 0001`)],
    ["half a pointer", octets(`0102 8180 0001 0000 0000 0000 01"a"c0`)],
    ["a label type of 01", octets(`0102 8180 0001 0000 0000 0000 41"a"00 0001 0001`)],
    ["a label type of 10", octets(`0102 8180 0001 0000 0000 0000 81"a"00 0001 0001`)],
    ["no record where one was promised", answers(1, "")],
    ["half a record", answers(1, "c00c 0001 0001 0000003c 00")],
    ["data over the end", answers(1, "c00c 0001 0001 0000003c 0005 c0000201")],
    ["unknown data over the end", answers(1, "c00c 0010 0001 0000003c ffff 00")],
    ["an address too short", answers(1, "c00c 0001 0001 0000003c 0003 c00002")],
    ["an address too long", answers(1, "c00c 0001 0001 0000003c 0005 c000020100")],
    ["an IPv6 address of four octets", answers(1, "c00c 001c 0001 0000003c 0004 c0000201")],
    ["no target", answers(1, "c00c 000c 0001 0000003c 0000")],
    ["a target shorter than its data", answers(1, `c00c 000c 0001 0000003c 0004 01"b"0000`)],
    ["a target longer than its data", answers(1, `c00c 000c 0001 0000003c 0002 01"b"00`)],
    ["a target that points to itself", answers(1, "c00c 000c 0001 0000003c 0002 c024")],
    ["a target that loops through its own labels", answers(1, `c00c 000c 0001 0000003c 0004 01"b"c024`)],
    ["a service without a target", answers(1, "c00c 0021 0001 0000003c 0006 0001 0002 0003")],
  ];

  for (const [name, message] of MALFORMED) {
    it(`is refused: ${name}`, () => assertEquals(decodeResponse(message), undefined));
  }

  it("is refused wherever a good one is cut off", () => {
    const whole = response(question("a.test", "A"), {
      id: 1,
      records: [
        { name: "a.test", ttl: 1, data: { type: "CNAME", target: "b.test" } },
        { name: "b.test", ttl: 1, data: { type: "SRV", priority: 1, weight: 1, port: 1, target: "c.test" } },
      ],
    });
    assert(decodeResponse(whole) !== undefined);
    for (let end = 0; end < whole.length; end++) assertEquals(decodeResponse(whole.subarray(0, end)), undefined);
  });

  it("does no harm with 64 KiB of labels, pointers or records", () => {
    for (const filler of [`01"a"`, "c00c", "3f", "00", "ff", "c00c 0005 0001 0000003c 0002 c00c"]) {
      const unit = octets(filler);
      const message = new Uint8Array(65535);
      for (let at = 0; at + unit.length <= message.length; at += unit.length) message.set(unit, at);
      message.set(octets("0102 8180 0001 ffff ffff ffff"), 0);
      decodeResponse(message);
      message.set(answers(65535, ""), 0);
      decodeResponse(message);
    }
  });

  it("does no harm whatever its octets are", () => {
    const random = seeded(1035);
    const good = response(question("a.test", "A"), {
      id: 1,
      records: [
        { name: "a.test", ttl: 1, data: { type: "CNAME", target: "b.a.test" } },
        { name: "b.a.test", ttl: 1, data: { type: "AAAA", address: "2001:db8::1" } },
        { name: "b.a.test", ttl: 1, data: { type: "PTR", target: "c.b.a.test" } },
      ],
    });
    for (let round = 0; round < 20_000; round++) {
      const message = good.slice(0, 12 + random(good.length - 11));
      for (let changes = random(6); changes > 0; changes--) message[random(message.length)] = random(256);
      const read = decodeResponse(message);
      for (const { name } of read?.records ?? []) assert(/^[!-~]*$/.test(name), name);
    }
  });
});
