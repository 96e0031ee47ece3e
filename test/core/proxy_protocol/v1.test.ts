import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { readHeader } from "../../../src/protocol/proxy_protocol/mod.ts";
import { encode } from "../../../src/session/bytes.ts";
import { NO_TLVS, readInPieces, refusal } from "./_support.ts";

describe("a PROXY line", () => {
  const full = "2001:0db8:1111:2222:3333:4444:5555:6666";
  const rows: readonly [fields: string, source: string, destination: string][] = [
    ["TCP4 192.0.2.1 198.51.100.2 56324 143", "192.0.2.1 56324", "198.51.100.2 143"],
    ["TCP4 255.255.255.255 255.255.255.255 65535 65535", "255.255.255.255 65535", "255.255.255.255 65535"],
    ["TCP4 0.0.0.0 0.0.0.0 0 0", "0.0.0.0 0", "0.0.0.0 0"],
    ["TCP6 2001:db8::1 ::1 56324 993", "2001:db8::1 56324", "::1 993"],
    ["TCP6 :: :: 1 2", ":: 1", ":: 2"],
    ["TCP6 2001:DB8:0:0:0:0:0:1 2001:db8:0:0:1:0:0:1 1 2", "2001:db8::1 1", "2001:db8::1:0:0:1 2"],
    [
      `TCP6 ${full} ${full} 65535 65535`,
      `${full.replace("0db8", "db8")} 65535`,
      `${full.replace("0db8", "db8")} 65535`,
    ],
    ["TCP6 ::ffff:192.0.2.1 ::FFFF:C633:6402 1 2", "::ffff:192.0.2.1 1", "::ffff:198.51.100.2 2"],
  ];
  for (const [fields, source, destination] of rows) {
    it(`reads ${fields}`, () => {
      const line = encode(`PROXY ${fields}\r\n`);
      const family = fields.startsWith("TCP4") ? 4 : 6;
      const end = (text: string) => ({ family, host: text.split(" ")[0] ?? "", port: Number(text.split(" ")[1]) });
      assertEquals(readInPieces(line, "a001 NOOP\r\n"), {
        type: "header",
        source: end(source),
        destination: end(destination),
        length: line.length,
        tlvs: NO_TLVS,
      } as ReturnType<typeof readHeader>);
    });
  }

  for (const rest of ["", " ", ` ${full} ${full} 65535 65535`, " a b c", "X", " \0\xff", " TCP4 1.2.3.4 5.6.7.8 1 2"]) {
    it(`has no addresses when UNKNOWN is followed by ${JSON.stringify(rest)}`, () => {
      const line = encode(`PROXY UNKNOWN${rest}\r\n`);
      const none = { source: undefined, destination: undefined, tlvs: NO_TLVS };
      assertEquals(readInPieces(line, "QUIT\r\n"), { type: "header", ...none, length: line.length });
    });
  }

  it("may have 107 octets", () => {
    const line = encode(`PROXY UNKNOWN${" ".repeat(92)}\r\n`);
    assertEquals([line.length, readHeader(line)], [107, {
      type: "header",
      source: undefined,
      destination: undefined,
      length: 107,
      tlvs: NO_TLVS,
    }]);
  });

  it("may not have 108, and 106 without CR already say so", () => {
    assertEquals(refusal(encode(`PROXY UNKNOWN${" ".repeat(93)}\r\n`)), {
      after: 106,
      reason: `broken header: "PROXY UNKNOWN${" ".repeat(93)}"`,
    });
  });
});

describe("what is no PROXY line", () => {
  // Up to the octet in <> it could still be one.
  const rows: readonly string[] = [
    "<G>ET / HTTP/1.0\r\n",
    "<\x16>\x03\x01",
    "<\n>",
    "<\0>",
    "<p>roxy TCP4",
    "PROX<X>",
    "PROXY<\r>\n",
    "PROXY<\t>TCP4",
    "PROXY < >TCP4",
    "PROXY <t>cp4",
    "PROXY TCP<5> ",
    "PROXY TCP4<\r>\n",
    "PROXY TCP4<6> ",
    "PROXY UNKNOW< >",
    "PROXY UNKNOWN<\n>",
    "PROXY UNKNOWN\r<\r>\n",
    "PROXY UNKNOWN \r<X>\n",
    "PROXY U<D>P4 ",
    "PROXY TCP4 < >",
    "PROXY TCP4 <\r>\n",
    "PROXY TCP4 <:>:1 ",
    "PROXY TCP4 <a>.2.3.4 ",
    "PROXY TCP4 <->1.2.3.4 ",
    "PROXY TCP4 1.2.3< >",
    "PROXY TCP4 1.2.3.4.5< >",
    "PROXY TCP4 1.2.3.< >",
    "PROXY TCP4 1.2.3.256< >",
    "PROXY TCP4 1.2.3.04< >",
    "PROXY TCP4 01.2.3.4< >",
    "PROXY TCP4 16909060< >",
    "PROXY TCP4 111.111.111.111<1>",
    "PROXY TCP4 1.2.3.4<\t>",
    "PROXY TCP4 1.2.3.4<\r>\n",
    "PROXY TCP4 1.2.3.4<\n>",
    "PROXY TCP4 1.2.3.4 < >",
    "PROXY TCP4 1.2.3.4 <:>:1 ",
    "PROXY TCP4 1.2.3.4 5.6.7.8<\r>\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 < >",
    "PROXY TCP4 1.2.3.4 5.6.7.8 <+>1 ",
    "PROXY TCP4 1.2.3.4 5.6.7.8 <->1 ",
    "PROXY TCP4 1.2.3.4 5.6.7.8 <x>1 ",
    "PROXY TCP4 1.2.3.4 5.6.7.8 0<1> ",
    "PROXY TCP4 1.2.3.4 5.6.7.8 0<x>1 ",
    "PROXY TCP4 1.2.3.4 5.6.7.8 1<.>0 ",
    "PROXY TCP4 1.2.3.4 5.6.7.8 1<e>3 ",
    "PROXY TCP4 1.2.3.4 5.6.7.8 65536< >",
    "PROXY TCP4 1.2.3.4 5.6.7.8 65535<0>",
    "PROXY TCP4 1.2.3.4 5.6.7.8 1<\r>\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 1 <\r>\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 1 < >",
    "PROXY TCP4 1.2.3.4 5.6.7.8 1 65536<\r>\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 1 2<\n>",
    "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r< >",
    "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r<\r>",
    "PROXY TCP4 1.2.3.4 5.6.7.8 1 2< >\r\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 1 2< >3\r\n",
    "PROXY TCP6 1.2.3.4< >",
    "PROXY TCP6 <g>::1 ",
    "PROXY TCP6 <[>::1] ",
    "PROXY TCP6 :::< >",
    "PROXY TCP6 1::2::3< >",
    "PROXY TCP6 1:2:3:4:5:6:7< >",
    "PROXY TCP6 1:2:3:4:5:6:7:8:9< >",
    "PROXY TCP6 12345::< >",
    "PROXY TCP6 fe80::1<%>eth0 ",
    "PROXY TCP6 ::1</>128 ",
    "PROXY TCP6 ::1.2.3.256< >",
    `PROXY TCP6 ${"1".repeat(45)}<1>`,
    "PROXY TCP6 ::1 1.2.3.4< >",
    "PROXY TCP6 ::1 ::2 1 70000<\r>\n",
  ];
  for (const row of rows) {
    it(`is refused at the octet: ${JSON.stringify(row)}`, () => {
      const at = row.indexOf("<");
      const octets = row.slice(0, at) + row.charAt(at + 1) + row.slice(at + 3);
      const sent = octets.slice(0, at + 1);
      assertEquals(refusal(encode(octets)), {
        after: at + 1,
        reason: `broken header: "${sent.replace(/[\r\n][^]*/, "")}"`,
      });
      assertEquals(readHeader(encode(octets)), {
        type: "broken",
        reason: `broken header: "${octets.replace(octets.startsWith("PROXY ") ? /[\r\n][^]*/ : /[\r\n ][^]*/, "")}"`,
      });
    });
  }

  it("is told with no more than its first word when it does not begin as one", () => {
    for (const word of ["a", "PASS", "PROXYd"]) {
      const told = readHeader(encode(`${word} LOGIN anna sesame\r\n`));
      assertEquals(told, { type: "broken", reason: `broken header: "${word}"` });
    }
  });

  it("is told with at most 107 octets", () => {
    const reason = `broken header: "${"x".repeat(107)}"`;
    assertEquals(readHeader(encode("x".repeat(65536))), { type: "broken", reason });
  });
});
