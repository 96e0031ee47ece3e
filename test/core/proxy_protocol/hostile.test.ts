import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { HeaderReader, readHeader, writeV1, writeV2 } from "../../../src/protocol/proxy_protocol/mod.ts";
import { concat, encode } from "../../../src/session/bytes.ts";
import { DESTINATION, IPV4, refusal, SIGNATURE, SOURCE, tlv, v2 } from "./_support.ts";

/** Numbers from 0 up to, but not with, `below`: the same ones for the same seed. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 4294967296 * below);
  };
}

/** Whole and octet by octet must agree; a header never has more octets than there are. */
function judge(bytes: Uint8Array): void {
  const whole = readHeader(bytes);
  const reader = new HeaderReader();
  for (let at = 0; at < bytes.length; at++) {
    const result = reader.receive(bytes.slice(at, at + 1));
    if (result === "more") continue;
    assert(whole !== "more", "decided in pieces, not as a whole");
    assertEquals(result.type, whole.type);
    if (whole.type === "header") assertEquals(result, { ...whole, rest: new Uint8Array(0) });
    if (result.type === "header") assertEquals(at + 1, result.length);
    return;
  }
  assertEquals(whole, "more");
}

describe("hostile PROXY headers", () => {
  it("are random octets", () => {
    const random = seeded(1);
    for (let run = 0; run < 2000; run++) judge(Uint8Array.from({ length: random(200) }, () => random(256)));
  });

  it("are random words of version 1", () => {
    const random = seeded(2);
    const words = [
      "PROXY",
      "TCP4",
      "TCP6",
      "UNKNOWN",
      " ",
      " ",
      " ",
      "192.0.2.1",
      "::1",
      "1",
      "65536",
      "\r",
      "\n",
      "\r\n",
    ];
    for (let run = 0; run < 5000; run++) {
      const length = random(14);
      judge(encode("PROXY ".slice(0, random(7)) + Array.from({ length }, () => words[random(words.length)]).join("")));
    }
  });

  it("are random blocks of version 2", () => {
    const random = seeded(3);
    for (let run = 0; run < 5000; run++) {
      const block = Uint8Array.from({ length: random(80) }, () => random(4) === 0 ? random(256) : random(6));
      const kind = `2${random(3)}${random(5)}${random(4)}`;
      judge(v2(kind, block, random(3) === 0 ? random(100) : block.length));
    }
  });

  it("are real ones with octets changed, left out and put in", () => {
    const random = seeded(4);
    const both = { client: SOURCE, local: DESTINATION };
    const tls = {
      certificate: "sent",
      verifyResult: 0,
      version: "TLSv1.3",
      commonName: "a",
      cipher: "b",
      signatureAlgorithm: "c",
      keyAlgorithm: "d",
    } as const;
    const real = [writeV1(both), writeV2(both), writeV2(both, { authority: "a", alpn: "imap", tls })];
    for (let run = 0; run < 5000; run++) {
      const octets = [...real[run % real.length] ?? []];
      for (let change = random(4); change >= 0; change--) octets.splice(random(octets.length), random(3), random(256));
      judge(Uint8Array.from(octets));
    }
  });

  it("announce more than they have, and wait for it", () => {
    assertEquals(readHeader(v2("2111", IPV4, 13)), "more");
    assertEquals(readHeader(v2("2111", new Uint8Array(0), 12)), "more");
    assertEquals(readHeader(v2("2111", new Uint8Array(0), 4080)), "more");
  });

  it("announce less than they have: the rest is the client's", () => {
    const reader = new HeaderReader();
    const result = reader.receive(v2("2111", concat([IPV4, tlv(2, "mail.example")]), 12));
    assert(result !== "more" && result.type === "header");
    assertEquals(result.rest, tlv(2, "mail.example"));
  });

  it("have values of 64 KiB", () => {
    const value = new Uint8Array(65535);
    const block = concat([IPV4, tlv(0x20, value)]);
    assertEquals(refusal(v2("2111", block, 65535)), { after: 16, reason: "header is too large" });
    // The length wraps round: the value reaches far beyond the header.
    const reason = "broken TLV in PROXY protocol header";
    assertEquals(readHeader(v2("2111", block, block.length & 0xffff)), { type: "broken", reason });
  });

  it("are thousands of empty values", () => {
    const block = concat([IPV4, ...Array.from({ length: 1356 }, () => tlv(0xee, ""))]);
    const result = readHeader(v2("2111", block));
    assertEquals(typeof result === "string" ? result : result.type, "header");
  });

  it("come octet by octet up to the limit, twice the same", () => {
    for (let run = 0; run < 2; run++) {
      judge(v2("2111", concat([IPV4, tlv(4, new Uint8Array(4096 - 31))])));
    }
  });

  it("are signatures, over and over", () => {
    const reason = "unknown PROXY protocol version: 0";
    assertEquals(refusal(encode(SIGNATURE.repeat(400))), { after: 13, reason });
  });

  it("share a reader's memory with nobody: it begins anew", () => {
    const reader = new HeaderReader();
    assertEquals(reader.receive(encode("PROXY UNK")), "more");
    assertEquals(reader.receive(encode("x")), { type: "broken", reason: 'broken header: "PROXY UNKx"' });
    const result = reader.receive(encode("PROXY UNKNOWN\r\nrest"));
    assert(result !== "more" && result.type === "header");
    assertEquals(result.rest, encode("rest"));
  });
});
