import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { crc32c } from "../../../src/protocol/proxy_protocol/crc32c.ts";
import { readHeader, writeV1, writeV2 } from "../../../src/protocol/proxy_protocol/mod.ts";
import type { ClientFacts, TlsFacts } from "../../../src/protocol/proxy_protocol/mod.ts";
import type { SocketAddress } from "../../../src/runtime.ts";
import { decode } from "../../../src/session/bytes.ts";
import { toHex } from "./_support.ts";

const UNIX: SocketAddress = { family: "unix", path: "/run/mail.sock" };

/** `192.0.2.1 143`, `2001:db8::1 143` or `unix`. */
function address(text: string): SocketAddress {
  const [host = "", port] = text.split(" ");
  if (host === "unix") return UNIX;
  return { family: host.includes(":") ? 6 : 4, host, port: Number(port) };
}

function ends(client: string, local: string) {
  return { client: address(client), local: address(local) };
}

describe("a PROXY line for an upstream", () => {
  const rows: readonly [client: string, local: string, line: string][] = [
    ["192.0.2.1 56324", "198.51.100.2 143", "TCP4 192.0.2.1 198.51.100.2 56324 143"],
    ["255.255.255.255 65535", "0.0.0.0 0", "TCP4 255.255.255.255 0.0.0.0 65535 0"],
    ["2001:db8::1 1", "::1 993", "TCP6 2001:db8::1 ::1 1 993"],
    ["2001:DB8:0:0::0:1 1", "0:0:0:0:0:0:0:0 2", "TCP6 2001:db8::1 :: 1 2"],
    ["fe80::1%eth0 1", "fe80::2%3 2", "TCP6 fe80::1 fe80::2 1 2"],
    ["::ffff:192.0.2.1 1", "::ffff:198.51.100.2 2", "TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 1 2"],
    ["192.0.2.1 1", "2001:db8::2 2", "TCP6 ::ffff:192.0.2.1 2001:db8::2 1 2"],
    ["2001:db8::1 1", "198.51.100.2 2", "TCP6 2001:db8::1 ::ffff:198.51.100.2 1 2"],
    ["192.0.2.1 1", "unix", "TCP4 192.0.2.1 127.0.0.1 1 0"],
    ["2001:db8::1 1", "unix", "TCP6 2001:db8::1 ::1 1 0"],
    ["unix", "unix", "UNKNOWN"],
    ["unix", "198.51.100.2 2", "UNKNOWN"],
    ["nonsense 1", "198.51.100.2 2", "UNKNOWN"],
  ];
  for (const [client, local, line] of rows) {
    it(`tells of ${client} at ${local}`, () => {
      assertEquals(decode(writeV1(ends(client, local))), `PROXY ${line}\r\n`);
    });
  }

  it("has at most 107 octets", () => {
    const longest = "1111:2222:3333:4444:5555:6666:7777:8888 65535";
    assertEquals(writeV1(ends(longest, longest)).length, 104);
    assertEquals(readHeader(writeV1(ends(longest, longest))), {
      type: "header",
      source: address(longest),
      destination: address(longest),
      length: 104,
      tlvs: { authority: undefined, alpn: undefined, tls: undefined, uniqueId: undefined },
    });
  });
});

const SIGNATURE = "0d0a0d0a000d0a515549540a";

describe("a binary PROXY header for an upstream", () => {
  const mapped = (ipv4: string) => `00000000000000000000ffff${ipv4}`;
  const rows: readonly [client: string, local: string, kind: string, addresses: string][] = [
    ["192.0.2.1 56324", "198.51.100.2 143", "2111", "c0000201c6336402dc04008f"],
    ["2001:db8::1 1", "::1 2", "2121", "20010db8000000000000000000000001" + "0".repeat(31) + "1" + "00010002"],
    ["fe80::1%eth0 1", "fe80::2%3 2", "2121", `fe80${"0".repeat(27)}1fe80${"0".repeat(27)}200010002`],
    ["192.0.2.1 1", "2001:db8::2 2", "2121", `${mapped("c0000201")}20010db800000000000000000000000200010002`],
    ["2001:db8::1 1", "198.51.100.2 2", "2121", `20010db8000000000000000000000001${mapped("c6336402")}00010002`],
    ["::ffff:192.0.2.1 1", "2001:db8::2 2", "2121", `${mapped("c0000201")}20010db800000000000000000000000200010002`],
    ["::ffff:192.0.2.1 1", "::ffff:198.51.100.2 2", "2111", "c0000201c633640200010002"],
    ["::ffff:192.0.2.1 1", "198.51.100.2 2", "2111", "c0000201c633640200010002"],
    ["192.0.2.1 1", "::ffff:198.51.100.2 2", "2111", "c0000201c633640200010002"],
    ["192.0.2.1 1", "unix", "2111", "c00002017f00000100010000"],
    ["2001:db8::1 1", "unix", "2121", `20010db8000000000000000000000001${"0".repeat(31)}100010000`],
    ["unix", "unix", "2000", ""],
    ["unix", "198.51.100.2 2", "2000", ""],
    ["nonsense 1", "198.51.100.2 2", "2000", ""],
  ];
  for (const [client, local, kind, addresses] of rows) {
    it(`tells of ${client} at ${local}`, () => {
      const header = writeV2(ends(client, local));
      const length = (addresses.length / 2 + 7).toString(16).padStart(4, "0");
      assertEquals(toHex(header.subarray(0, -4)), `${SIGNATURE}${kind}${length}${addresses}030004`);
      const summed = header.slice();
      summed.fill(0, -4);
      assertEquals(toHex(header.subarray(-4)), crc32c(summed).toString(16).padStart(8, "0"));
    });
  }

  it("is this one, octet for octet", () => {
    assertEquals(toHex(writeV2(ends("192.0.2.1 56324", "198.51.100.2 143"))), VECTOR);
  });
});

/** Its checksum was computed by another program. */
const VECTOR = `${SIGNATURE}21110013c0000201c6336402dc04008f0300047cb9ad41`;

const TLS: TlsFacts = {
  certificate: "sent",
  verifyResult: 0,
  version: "TLSv1.3",
  commonName: "J\xc3\xb6rg",
  cipher: "TLS_AES_256_GCM_SHA384",
  signatureAlgorithm: "RSA-SHA256",
  keyAlgorithm: "EC256",
};
const NO_TLS_TEXT = {
  version: undefined,
  commonName: undefined,
  cipher: undefined,
  signatureAlgorithm: undefined,
  keyAlgorithm: undefined,
};

describe("what an upstream is told of a client's TLS", () => {
  const both = ends("192.0.2.1 1", "198.51.100.2 2");
  const valuesOf = (facts: ClientFacts) => toHex(writeV2(both, facts).subarray(28, -7));
  const text = (octets: string) => toHex(Uint8Array.from(octets, (character) => character.charCodeAt(0)));

  it("stands in nginx's order", () => {
    const tls = text(
      "\x07\0\0\0\0\x21\0\x07TLSv1.3\x22\0\x05J\xc3\xb6rg\x23\0\x16TLS_AES_256_GCM_SHA384" +
        "\x24\0\x0aRSA-SHA256\x25\0\x05EC256",
    );
    const length = (tls.length / 2).toString(16).padStart(4, "0");
    assertEquals(
      valuesOf({ authority: "mail.example", alpn: "imap", tls: TLS }),
      `${text("\x02\0\x0cmail.example\x01\0\x04imap")}20${length}${tls}`,
    );
  });

  const flags: readonly [certificate: TlsFacts["certificate"], result: number, octets: string][] = [
    ["none", 0, "0100000001"],
    ["none", 20, "0100000001"],
    ["sent", 0, "0700000000"],
    ["sent", 0xfedcba98, "07fedcba98"],
    ["resumed", 10, "050000000a"],
  ];
  for (const [certificate, verifyResult, octets] of flags) {
    it(`has certificate ${certificate}, result ${verifyResult}`, () => {
      const tls = { ...NO_TLS_TEXT, certificate, verifyResult };
      assertEquals(valuesOf({ authority: undefined, alpn: undefined, tls }), `200005${octets}`);
    });
  }

  it("leaves out what is unknown or empty", () => {
    assertEquals(valuesOf({ authority: "", alpn: undefined, tls: undefined }), "");
    assertEquals(
      valuesOf({ authority: undefined, alpn: "", tls: { ...TLS, ...NO_TLS_TEXT, cipher: "" } }),
      "2000050700000000",
    );
  });

  it("leaves out what has more than 255 octets", () => {
    const facts = (length: number) => ({ authority: undefined, alpn: "a".repeat(length), tls: undefined });
    assertEquals(valuesOf(facts(255)), `0100ff${"61".repeat(255)}`);
    assertEquals(valuesOf(facts(256)), "");
    const tls = { ...TLS, ...NO_TLS_TEXT, commonName: "n".repeat(70_000) };
    assertEquals(valuesOf({ authority: undefined, alpn: undefined, tls }), "2000050700000000");
  });

  it("goes to the upstream for a client on a unix socket too", () => {
    const facts = { authority: "mail.example", alpn: undefined, tls: undefined };
    const header = toHex(writeV2(ends("unix", "unix"), facts));
    assertEquals(header.slice(0, -8), `${SIGNATURE}20000016${text("\x02\0\x0cmail.example")}030004`);
  });
});

describe("what is written is read again", () => {
  const addresses = ["192.0.2.1 1", "255.255.255.255 65535", "2001:db8::1 2", "::ffff:192.0.2.1 3", ":: 0", "unix"];
  const long = (letter: string) => letter.repeat(255);
  const facts: readonly ClientFacts[] = [
    { authority: undefined, alpn: undefined, tls: undefined },
    { authority: "mail.example", alpn: "imap", tls: TLS },
    { authority: undefined, alpn: undefined, tls: { ...NO_TLS_TEXT, certificate: "none", verifyResult: 1 } },
    {
      authority: long("a"),
      alpn: long("\xff"),
      tls: {
        certificate: "resumed",
        verifyResult: 0xffffffff,
        version: long("v"),
        commonName: long("n"),
        cipher: long("c"),
        signatureAlgorithm: long("s"),
        keyAlgorithm: long("k"),
      },
    },
  ];
  for (const client of addresses) {
    for (const local of addresses) {
      it(`${client} at ${local}`, () => {
        const both = ends(client, local);
        const line = readHeader(writeV1(both));
        assertEquals(typeof line === "string" ? line : line.type, "header");
        for (const told of facts) {
          const header = writeV2(both, told);
          const isLocal = client === "unix";
          const result = readHeader(header);
          if (result === "more" || result.type === "broken") throw new Error(JSON.stringify(result));
          assertEquals(result.length, header.length);
          assertEquals(result.source === undefined, isLocal);
          if (!isLocal) assertEquals(result.tlvs, { ...told, uniqueId: undefined });
          if (!client.includes(":") && !local.includes(":") && !isLocal) assertEquals(result.source, both.client);
        }
      });
    }
  }
});
