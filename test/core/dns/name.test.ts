import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { encodeName, MAX_NAME, normalizeName, readName, reverseName } from "../../../src/dns/name.ts";
import { concat, encode } from "../../../src/session/bytes.ts";
import { seeded } from "./_support.ts";

/** A name of this many octets on the wire. */
function nameOf(octets: number): string {
  const labels: string[] = [];
  for (let left = octets - 1; left > 0;) {
    const length = Math.min(left - 1, left - 64 === 1 ? 62 : 63);
    labels.push("a".repeat(length));
    left -= length + 1;
  }
  return labels.join(".");
}

describe("a name", () => {
  it("goes to the wire and back", () => {
    for (const name of ["", "test", "a.b.test", "_imap._tcp.test", "0/25.2.0.192.in-addr.arpa", nameOf(MAX_NAME)]) {
      const wire = encodeName(name);
      assertEquals(wire && readName(wire, 0), { name, end: name.length + (name === "" ? 1 : 2) });
    }
  });

  it("is in lower case, without a dot at its end", () => {
    assertEquals(normalizeName("MAIL.Example.TEST."), "mail.example.test");
  });

  it("is at most 255 octets long, its labels at most 63 and at least one", () => {
    const label = (length: number) => "x".repeat(length);
    const names = [nameOf(255), `${nameOf(255)}.`, nameOf(256), nameOf(300), nameOf(100_000), label(63), label(64)];
    assertEquals(names.map((name) => encodeName(name)?.length), [
      255,
      255,
      undefined,
      undefined,
      undefined,
      65,
      undefined,
    ]);
    assertEquals(["..", "a..b", ".a", "a..", "."].map((name) => encodeName(name)), Array(5).fill(undefined));
  });

  it("is bounded when it is read, also through pointers", () => {
    const label = concat([Uint8Array.of(63), encode("a".repeat(63))]);
    const long = (last: number) => concat([label, label, label, Uint8Array.of(last), encode("b".repeat(last))]);
    const end = Uint8Array.of(0);
    assertEquals(readName(concat([long(61), end]), 0)?.end, 255);
    assertEquals(readName(concat([long(62), end]), 0), undefined);
    const header = new Uint8Array(12);
    const pointed = (last: number) => concat([header, long(last), end, Uint8Array.of(1, 0x63, 0xc0, 12)]);
    assertEquals(readName(pointed(59), 12 + 192 + 61)?.name.length, 253);
    assertEquals(readName(pointed(60), 12 + 192 + 62), undefined);
  });

  it("follows no more pointers than a name can have labels", () => {
    const chain = (length: number) => {
      const parts = [new Uint8Array(12), Uint8Array.of(0)];
      for (let i = 0; i < length; i++) parts.push(Uint8Array.of(0xc0, i === 0 ? 12 : 13 + 2 * (i - 1)));
      return concat(parts);
    };
    // Beyond 255 a pointer has high bits; 121 of them fit below.
    assertEquals(readName(chain(121), 13 + 2 * 120), { name: "", end: 13 + 2 * 121 });
    const far = concat([
      chain(121),
      ...Array.from({ length: 10 }, (_, i) => {
        const target = 13 + 2 * (120 + i);
        return Uint8Array.of(0xc0 + (target >> 8), target & 255);
      }),
    ]);
    assertEquals(readName(far, 13 + 2 * 126), { name: "", end: 13 + 2 * 127 });
    assertEquals(readName(far, 13 + 2 * 127), undefined);
  });

  it("keeps octets that would make another name of it, or break a line, apart", () => {
    const wire = concat([Uint8Array.of(9), encode('a.b\r\n"\\\x00\xff'), Uint8Array.of(1, 0x43, 0)]);
    const name = 'a\\.b\\013\\010\\"\\\\\\000\\255.c';
    assertEquals(readName(wire, 0)?.name, name);
    assertEquals(encodeName(name), concat([Uint8Array.of(9), encode('a.b\r\n"\\\x00\xff'), Uint8Array.of(1, 0x63, 0)]));
    assertEquals(["\\256", "\\2", "\\2x", "\\25", "a\\"].map((text) => encodeName(text)), Array(5).fill(undefined));
  });

  it("comes back from the wire whatever its octets are", () => {
    const random = seeded(3);
    for (let round = 0; round < 2000; round++) {
      const labels = Array.from({ length: random(5) }, () => {
        const label = Uint8Array.from({ length: 1 + random(20) }, () => random(256));
        return concat([Uint8Array.of(label.length), label]);
      });
      const text = readName(concat([...labels, Uint8Array.of(0)]), 0)?.name ?? "?";
      assertEquals(normalizeName(text), text);
    }
  });
});

describe("an address", () => {
  it("has a name", () => {
    assertEquals(reverseName("192.0.2.45"), "45.2.0.192.in-addr.arpa");
    assertEquals(
      reverseName("2001:db8::567:89ab"),
      "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
    );
    assertEquals(reverseName("::")?.length, 32 * 2 + "ip6.arpa".length);
    assertEquals(["mail.test", "1.2.3", "256.1.1.1", "1::2::3", ""].map(reverseName), Array(5).fill(undefined));
  });
});
