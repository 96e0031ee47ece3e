import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { type ClientFacts, readHeader, writeV1, writeV2 } from "../../../src/protocol/proxy_protocol/mod.ts";
import { headerWriter } from "../../../src/proxy/upstream_header.ts";
import type { PeerCertificate, SocketAddress, TlsFacts } from "../../../src/runtime.ts";
import { encode } from "../../../src/session/bytes.ts";

const CLIENT: SocketAddress = { family: 4, host: "192.0.2.1", port: 56324 };
const SERVER: SocketAddress = { family: 4, host: "198.51.100.2", port: 143 };
const ENDS = { client: CLIENT, local: SERVER };

const TLS: TlsFacts = {
  version: "TLSv1.3",
  cipher: "TLS_AES_256_GCM_SHA384",
  serverName: undefined,
  alpn: undefined,
  isResumed: false,
  certificate: undefined,
};
const ANNA: PeerCertificate = {
  subject: "CN=anna,O=Example",
  issuer: "CN=authority",
  serial: "01",
  fingerprint: "00".repeat(20),
  pem: "",
  verifyError: undefined,
};

/** What depends on the client's certificate. */
type Told = Pick<NonNullable<ClientFacts["tls"]>, "certificate" | "verifyResult"> & { readonly commonName?: string };

describe("the PROXY header for a mail server", () => {
  for (const tls of [undefined, TLS]) {
    it(`has addresses alone in version 1, and is not there at all if it is off: ${tls?.version ?? "clear"}`, () => {
      assertEquals(headerOf("off", tls), undefined);
      assertEquals(headerOf("on", tls), writeV1(ENDS));
    });
  }

  it("has addresses alone in version 2 for a client in clear", () => {
    assertEquals(headerOf("v2", undefined), writeV2(ENDS));
  });

  it("names in version 1 what a client reached before it came to a unix socket", () => {
    const server: SocketAddress = { family: "unix", path: "/run/mail.sock" };
    const write = headerWriter({ protocol: "on" });
    const proxied = { source: CLIENT, destination: SERVER };
    assertEquals(write({ client: CLIENT, server, proxied, tls: undefined }), writeV1(ENDS));
    assertEquals(write({ client: server, server, proxied, tls: undefined }), encode("PROXY UNKNOWN\r\n"));
    assertEquals(write({ client: server, server, proxied: undefined, tls: undefined }), encode("PROXY UNKNOWN\r\n"));
  });

  const wire: readonly [string, Partial<TlsFacts>, string][] = [
    ["no name", {}, "\x20\0\x28\x01\0\0\0\x01\x21\0\x07TLSv1.3\x23\0\x16TLS_AES_256_GCM_SHA384"],
    [
      "all that there is",
      { serverName: "mail.example", alpn: "imap", certificate: ANNA },
      "\x02\0\x0cmail.example\x01\0\x04imap" +
      "\x20\0\x2f\x07\0\0\0\0\x21\0\x07TLSv1.3\x22\0\x04anna\x23\0\x16TLS_AES_256_GCM_SHA384",
    ],
  ];
  for (const [what, changes, values] of wire) {
    it(`is these octets for a client over TLS with ${what}`, () => {
      const header = headerOf("v2", { ...TLS, ...changes });
      assertEquals(header?.subarray(28, -7), encode(values));
    });
  }

  const certificates: readonly [string, Partial<TlsFacts>, Told][] = [
    ["none", {}, { certificate: "none", verifyResult: 1 }],
    ["none, over a session that was resumed", { isResumed: true }, { certificate: "none", verifyResult: 1 }],
    ["one that was verified", { certificate: ANNA }, { certificate: "sent", verifyResult: 0, commonName: "anna" }],
    ["one that was verified, in the session that was resumed", { certificate: ANNA, isResumed: true }, {
      certificate: "resumed",
      verifyResult: 0,
      commonName: "anna",
    }],
    [
      "one that nobody known has signed",
      { certificate: { ...ANNA, verifyError: { number: 18, text: "self-signed" } } },
      {
        certificate: "sent",
        verifyResult: 18,
        commonName: "anna",
      },
    ],
    ["a name that is not of ASCII", { certificate: { ...ANNA, subject: "O=x,CN=J\\C3\\B6rg" } }, {
      certificate: "sent",
      verifyResult: 0,
      commonName: "J\xc3\xb6rg",
    }],
    ["two names", { certificate: { ...ANNA, subject: "CN=anna,CN=berta" } }, { certificate: "sent", verifyResult: 0 }],
    ["no name", { certificate: { ...ANNA, subject: "O=Example" } }, { certificate: "sent", verifyResult: 0 }],
  ];
  for (const [what, changes, told] of certificates) {
    it(`tells of the client's certificate: ${what}`, () => {
      const read = readHeader(headerOf("v2", { ...TLS, ...changes }) ?? new Uint8Array());
      const { version, cipher } = TLS;
      const unknown = { commonName: undefined, signatureAlgorithm: undefined, keyAlgorithm: undefined };
      assertEquals(read !== "more" && read.type === "header" && read.tlvs.tls, {
        version,
        cipher,
        ...unknown,
        ...told,
      });
    });
  }
});

function headerOf(protocol: "off" | "on" | "v2", tls: TlsFacts | undefined): Uint8Array | undefined {
  return headerWriter({ protocol })({ client: CLIENT, server: SERVER, proxied: undefined, tls });
}
