import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { crc32c } from "../../../src/protocol/proxy_protocol/crc32c.ts";
import { readHeader } from "../../../src/protocol/proxy_protocol/mod.ts";
import type { HeaderResult } from "../../../src/protocol/proxy_protocol/mod.ts";
import { concat } from "../../../src/session/bytes.ts";
import { broken, DESTINATION, header, hex, IPV4, NO_TLVS, readInPieces, SOURCE, tlv, v2 } from "./_support.ts";

const BROKEN_TLV = "broken TLV in PROXY protocol header";
const WRONG_SUM = "wrong checksum in PROXY protocol header";

describe("the values of a PROXY header", () => {
  const withTlvs = (...tlvs: readonly Uint8Array[]) => v2("2111", concat([IPV4, ...tlvs]));
  const read = (...tlvs: readonly Uint8Array[]) => {
    const result = readHeader(withTlvs(...tlvs));
    return result === "more" ? result : result.type === "broken" ? result.reason : result.tlvs;
  };

  it("are read, and unknown ones skipped", () => {
    const values = [
      tlv(0x04, "\0\0"),
      tlv(0x01, "imap"),
      tlv(0x30, "blue"),
      tlv(0xe0, "anything"),
      tlv(0x05, "\0\xff id"),
      tlv(0x02, "mail.example"),
    ];
    const tlvs = { authority: "mail.example", alpn: "imap", tls: undefined, uniqueId: "\0\xff id" };
    const octets = withTlvs(...values);
    assertEquals(
      readInPieces(octets, "x"),
      header(octets.length, { source: SOURCE, destination: DESTINATION, tlvs }),
    );
  });

  it("are read where there are no addresses to take", () => {
    const block = tlv(0x02, "mail.example");
    const tlvs = { ...NO_TLVS, authority: "mail.example" };
    assertEquals(readHeader(v2("2100", block)), header(16 + block.length, { tlvs }));
    assertEquals(readHeader(v2("2112", concat([IPV4, block]))), header(28 + block.length, { tlvs }));
  });

  it("count once: the first", () => {
    assertEquals(read(tlv(2, "a"), tlv(2, "b")), { ...NO_TLVS, authority: "a" });
  });

  it("may be empty", () => assertEquals(read(tlv(2, ""), tlv(1, "")), { ...NO_TLVS, authority: "", alpn: "" }));

  it("have a unique id of 128 octets at most", () => {
    assertEquals(read(tlv(5, "u".repeat(128))), { ...NO_TLVS, uniqueId: "u".repeat(128) });
    assertEquals(read(tlv(5, "u".repeat(129))), BROKEN_TLV);
  });

  const cut: readonly [what: string, octets: Uint8Array][] = [
    ["a type without a length", hex("02")],
    ["half a length", hex("0200")],
    ["a length without a value", hex("020001")],
    ["a length one too long", tlv(2, "mail", 5)],
    ["a length one too short", tlv(2, "mail", 3)],
    ["the longest length there is", tlv(2, "mail", 65535)],
    ["an unknown type that is too long", tlv(0xee, "", 1)],
  ];
  for (const [what, octets] of cut) {
    it(`break the header with ${what}`, () => {
      assertEquals(read(octets), BROKEN_TLV);
      assertEquals(read(tlv(1, "imap"), octets), BROKEN_TLV);
    });
    it(`are left alone without a family with ${what}`, () => {
      assertEquals(readHeader(v2("2100", octets)), header(16 + octets.length, {}));
    });
  }

  it("tell of TLS", () => {
    const value = concat([
      hex("07 00000000"),
      tlv(0x21, "TLSv1.3"),
      tlv(0x22, "J\xc3\xb6rg"),
      tlv(0x23, "TLS_AES_256_GCM_SHA384"),
      tlv(0x24, "RSA-SHA256"),
      tlv(0x25, "RSA2048"),
      tlv(0x26, "X25519"),
    ]);
    const tls = {
      certificate: "sent",
      verifyResult: 0,
      version: "TLSv1.3",
      commonName: "J\xc3\xb6rg",
      cipher: "TLS_AES_256_GCM_SHA384",
      signatureAlgorithm: "RSA-SHA256",
      keyAlgorithm: "RSA2048",
    } as const;
    assertEquals(read(tlv(0x20, value)), { ...NO_TLVS, tls });
  });

  const flags: readonly [flags: string, certificate: string | undefined][] = [
    ["00", undefined],
    ["06", undefined],
    ["01", "none"],
    ["f9", "none"],
    ["03", "sent"],
    ["05", "resumed"],
    ["07", "sent"],
  ];
  for (const [octet, certificate] of flags) {
    it(`have flags ${octet}: certificate ${certificate ?? "and TLS"} ${certificate === undefined ? "none" : ""}`, () => {
      const tlvs = read(tlv(0x20, hex(`${octet} fedcba98`)));
      const tls = typeof tlvs === "string" ? tlvs : tlvs.tls;
      assertEquals(typeof tls === "string" ? tls : tls?.certificate, certificate);
      if (typeof tls === "object") assertEquals(tls.verifyResult, 0xfedcba98);
    });
  }

  const nested: readonly [what: string, value: Uint8Array][] = [
    ["nothing", hex("")],
    ["flags alone", hex("01")],
    ["three octets of the result", hex("01 000000")],
    ["half a value", concat([hex("01 00000000"), hex("2100")])],
    ["a value one too long", concat([hex("01 00000000"), tlv(0x21, "TLSv1.3", 8)])],
    ["a value that reaches beyond the header", concat([hex("01 00000000"), tlv(0x22, "a", 65535)])],
    ["a value cut short without TLS", concat([hex("00 00000000"), hex("21")])],
  ];
  for (const [what, value] of nested) {
    it(`break the header with ${what} in the values of TLS`, () => {
      assertEquals(read(tlv(0x20, value)), BROKEN_TLV);
      assertEquals(read(tlv(0x20, value), tlv(0x04, "pad")), BROKEN_TLV);
    });
  }

  it("are not followed down: TLS inside TLS is a value like any other", () => {
    let value = concat([hex("01 00000000")]);
    for (let depth = 0; depth < 500; depth++) value = concat([hex("01 00000000"), tlv(0x20, value)]);
    const tlvs = read(tlv(0x20, value));
    assertEquals(typeof tlvs === "string" ? tlvs : tlvs.tls?.certificate, "none");
    const cutOff = concat([hex("01 00000000"), tlv(0x20, hex("01"))]);
    const inner = read(tlv(0x20, cutOff));
    assertEquals(typeof inner === "string" ? inner : inner.tls?.certificate, "none");
  });

  describe("with a checksum", () => {
    const summed = (kind: string, before: Uint8Array, after: Uint8Array) => {
      const octets = v2(kind, concat([before, tlv(3, "\0\0\0\0"), after]));
      const at = 16 + before.length + 3;
      const sum = crc32c(octets);
      octets.set(Uint8Array.of(sum >>> 24, (sum >>> 16) & 255, (sum >>> 8) & 255, sum & 255), at);
      return octets;
    };
    const reasonOf = (result: HeaderResult) => typeof result === "string" ? result : result.type;

    it("are taken wherever it stands", () => {
      const name = tlv(2, "mail.example");
      for (const octets of [summed("2111", IPV4, name), summed("2111", concat([IPV4, name]), hex(""))]) {
        const tlvs = { ...NO_TLVS, authority: "mail.example" };
        const expected = header(octets.length, { source: SOURCE, destination: DESTINATION, tlvs });
        assertEquals(readInPieces(octets, "x"), expected);
      }
    });

    it("are refused when any bit of the header was changed", () => {
      const octets = summed("2111", IPV4, tlv(0xee, "x"));
      for (let at = 16; at < octets.length; at++) {
        for (let bit = 0; bit < 8; bit++) {
          const changed = octets.slice();
          changed[at] = (changed[at] ?? 0) ^ (1 << bit);
          // A changed type hides the checksum, and a changed length the values' end.
          const isHead = (at >= 28 && at < 31) || (at >= 36 && at < 38);
          if (!isHead) assertEquals(readHeader(changed), broken(WRONG_SUM), `octet ${at} bit ${bit}`);
        }
      }
    });

    it("are refused with a wrong one for no family and LOCAL too", () => {
      for (const kind of ["2100", "2000"]) {
        const octets = summed(kind, hex(""), hex(""));
        assertEquals(reasonOf(readHeader(octets)), "header");
        octets[octets.length - 1] = (octets[octets.length - 1] ?? 0) ^ 1;
        assertEquals(readHeader(octets), broken(WRONG_SUM));
      }
    });

    it("are refused with two, or with one of another size", () => {
      // The first of the two is right.
      const twice = summed("2111", IPV4, tlv(3, "\0\0\0\0"));
      assertEquals(readHeader(twice), broken(WRONG_SUM));
      for (const sum of ["", "\0", "\0\0\0", "\0\0\0\0\0"]) {
        assertEquals(readHeader(withTlvs(tlv(3, sum))), broken(WRONG_SUM));
      }
    });
  });
});
