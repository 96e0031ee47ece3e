import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { readHeader } from "../../../src/protocol/proxy_protocol/mod.ts";
import type { ProxyHeader } from "../../../src/protocol/proxy_protocol/mod.ts";
import { concat, encode } from "../../../src/session/bytes.ts";
import {
  DESTINATION,
  DESTINATION_6,
  header,
  hex,
  IPV4,
  IPV6,
  readInPieces,
  refusal,
  SIGNATURE,
  SOURCE,
  SOURCE_6,
  tlv,
  v2,
} from "./_support.ts";

const UNIX = concat([encode("/run/a.sock"), new Uint8Array(97), encode("/run/b.sock"), new Uint8Array(97)]);
const TOO_SHORT = "PROXY protocol header is too short for its addresses";

describe("a binary PROXY header", () => {
  const inet = { source: SOURCE, destination: DESTINATION };
  const inet6 = { source: SOURCE_6, destination: DESTINATION_6 };
  const unix = {
    source: { family: "unix", path: "/run/a.sock" },
    destination: { family: "unix", path: "/run/b.sock" },
  } as const;
  const rows: readonly [what: string, kind: string, block: Uint8Array, facts: Partial<ProxyHeader>][] = [
    ["TCP over IPv4", "2111", IPV4, inet],
    ["TCP over IPv6", "2121", IPV6, inet6],
    ["a unix stream", "2131", UNIX, unix],
    ["UDP over IPv4", "2112", IPV4, {}],
    ["UDP over IPv6", "2122", IPV6, {}],
    ["a unix datagram", "2132", UNIX, {}],
    ["IPv4 without a transport", "2110", IPV4, {}],
    ["IPv6 without a transport", "2120", IPV6, {}],
    ["unix without a transport", "2130", UNIX, {}],
    ["nothing", "2100", hex(""), {}],
    ["a stream without a family", "2101", hex(""), {}],
    ["datagrams without a family", "2102", hex(""), {}],
    ["no family, but addresses all the same", "2100", IPV4, {}],
    ["LOCAL", "2000", hex(""), {}],
    ["LOCAL with addresses", "2011", IPV4, {}],
    ["LOCAL with less than addresses", "2021", IPV4, {}],
    ["LOCAL with an unknown family and transport", "20ff", IPV4, {}],
    ["LOCAL with values", "2000", tlv(2, "mail.example"), {}],
    ["LOCAL with what is no value", "2000", hex("0200ff00"), {}],
  ];
  for (const [what, kind, block, facts] of rows) {
    it(`reads ${what}`, () => {
      assertEquals(readInPieces(v2(kind, block), "EHLO a\r\n"), header(16 + block.length, facts));
    });
  }

  it("keeps an IPv4 address that is mapped into IPv6 as it is", () => {
    const block = hex("00000000000000000000ffffc0000201 00000000000000000000000000000001 0001 0002");
    assertEquals(
      readHeader(v2("2121", block)),
      header(52, {
        source: { family: 6, host: "::ffff:192.0.2.1", port: 1 },
        destination: { family: 6, host: "::1", port: 2 },
      }),
    );
  });

  it("takes unix paths of 108 octets, none at all, and no abstract names", () => {
    const full = encode("/".repeat(108));
    const paths = (source: string, destination: string) =>
      header(232, { source: { family: "unix", path: source }, destination: { family: "unix", path: destination } });
    assertEquals(readHeader(v2("2131", concat([full, new Uint8Array(108)]))), paths("/".repeat(108), ""));
    const abstract = concat([encode("\0name"), new Uint8Array(103), encode("/a\0b"), new Uint8Array(104)]);
    assertEquals(readHeader(v2("2131", abstract)), paths("", "/a"));
  });

  it("may have 4096 octets, and not one more", () => {
    const padding = (length: number) => concat([IPV4, tlv(4, new Uint8Array(length - 16 - 12 - 3))]);
    assertEquals(
      readInPieces(v2("2111", padding(4096)), "x"),
      header(4096, { source: SOURCE, destination: DESTINATION }),
    );
    const reason = "header is too large";
    assertEquals(refusal(v2("2111", padding(4097))), { after: 16, reason });
    assertEquals(refusal(v2("2000", IPV4, 65535)), { after: 16, reason });
  });
});

describe("a binary PROXY header that is none", () => {
  for (let at = 0; at < SIGNATURE.length; at++) {
    it(`is refused at octet ${at + 1} of the signature`, () => {
      const octets = v2("2111", IPV4);
      octets[at] = 0x20;
      // Of nginx's text nothing is left: the signature begins with CR.
      assertEquals(refusal(octets), { after: at + 1, reason: 'broken header: ""' });
    });
  }

  for (const version of [0, 1, 3, 15]) {
    it(`has version ${version}`, () => {
      const kind = `${version.toString(16)}111`;
      assertEquals(refusal(v2(kind, IPV4)), { after: 13, reason: `unknown PROXY protocol version: ${version}` });
    });
  }

  for (const command of [2, 3, 15]) {
    it(`has command ${command}`, () => {
      const kind = `2${command.toString(16)}11`;
      assertEquals(refusal(v2(kind, IPV4)), { after: 13, reason: `unknown PROXY protocol command: ${command}` });
    });
  }

  for (const kind of ["2141", "2151", "21f1", "2113", "2114", "211f"]) {
    it(`leaves the addresses out that a family or transport like ${kind} has`, () => {
      const header = readHeader(v2(kind, kind.startsWith("211") ? IPV4 : UNIX));
      assertEquals(header !== "more" && header.type === "header" && [header.source, header.destination], [
        undefined,
        undefined,
      ]);
    });
  }

  const sizes = { "2110": 12, "2111": 12, "2112": 12, "2120": 36, "2121": 36, "2122": 36, "2131": 216, "2132": 216 };
  for (const [kind, size] of Object.entries(sizes)) {
    it(`is one octet too short for the addresses of ${kind}`, () => {
      for (const length of [0, 1, size - 1]) {
        assertEquals(refusal(v2(kind, new Uint8Array(size), length)), { after: 16, reason: TOO_SHORT });
      }
      assertEquals(refusal(v2(kind, new Uint8Array(size))), undefined);
    });
  }
});
