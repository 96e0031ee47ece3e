import { after, before, describe, it } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { isFault, type KeyPair, type Runtime, type TlsServerOptions } from "../../src/runtime.ts";
import type { Certificate } from "../support/certificates.ts";
import { describeBoth, Exchange } from "./_peer.ts";
import { clientOptions, openssl, secured, serverOptions, TlsBench } from "./_tls.ts";

describeBoth("certificates and keys", (load) => {
  let runtime: Runtime;
  let exchange: Exchange;
  let bench: TlsBench;

  before(async () => {
    runtime = await load();
    exchange = await Exchange.open(runtime);
    bench = new TlsBench(runtime, exchange);
  });

  after(async () => {
    bench.close();
    await exchange.close();
  });

  /** What is wrong with a pair, which both sides of TLS must see. */
  function faultOf(change: Partial<KeyPair>): string {
    const { certificate, key } = bench.server;
    const keyPair = { certificate, key, passphrases: [], ...change };
    const [server, client] = [
      runtime.createTlsServer(serverOptions([], { keyPairs: [keyPair] })),
      runtime.createTlsClient(clientOptions([], { keyPair })),
    ].map((made) => isFault(made) ? `${made.part}: ${made.text}` : "none");
    assertEquals(client, server);
    return server ?? "";
  }

  /** The same for authorities and revocation lists. */
  function policyFault(change: Partial<Pick<TlsServerOptions, "authorities" | "crl">>): string {
    const [server, client] = [
      runtime.createTlsServer(serverOptions([bench.server], { requestsCertificate: true, ...change })),
      runtime.createTlsClient(clientOptions([], change)),
    ].map((made) => isFault(made) ? `${made.part}: ${made.text}` : "none");
    assertEquals(client, server);
    return server ?? "";
  }

  describe("a file in PEM", () => {
    it("that is cut in any of its blocks is no good at all", () => {
      const { authority, server: { certificate } } = bench;
      const more = pemOf(authority);
      for (const cut of cutsOf(more)) {
        assertEquals(faultOf({ certificate: certificate + cut }), `certificate: ${BAD_END_LINE}`);
        assertEquals(faultOf({ certificate: `${cut}\n${certificate}` }), `certificate: ${BAD_END_LINE}`);
        assertEquals(policyFault({ authorities: certificate + cut }), `authorities: ${BAD_END_LINE}`);
      }
      const crl = bench.folder.revoke(authority, []);
      for (const cut of cutsOf(crl)) assertEquals(policyFault({ crl: crl + cut }), `crl: ${BAD_END_LINE}`);
      assertEquals(faultOf({ certificate: `${certificate}${more}` }), "none");
    });

    it("that has something else between its lines is no good either", () => {
      const { authority, server: { certificate } } = bench;
      const strange = pemOf(authority).replace(/\n(.{64})/, "\n*$1");
      assertEquals(faultOf({ certificate: certificate + strange }), `certificate: ${BAD_BASE64}`);
      const crl = bench.folder.revoke(authority, []).replace(/\n(.{64})/, "\n$1A");
      assertEquals(policyFault({ crl }), `crl: ${BAD_BASE64}`);
    });

    it("may be written as OpenSSL takes it", async () => {
      const { authority, server: { certificate } } = bench;
      const texts = [
        certificate.replaceAll("-----\n", "----- \t\n"),
        certificate.replaceAll("\n", "\r\n"),
        `\xef\xbb\xbf${pemOf(bench.server)}`,
        `${pemOf(authority).replaceAll(/^(?=.)/gm, "# ")}${certificate}`,
        `${certificate}${bench.server.key}`,
        certificate.trimEnd(),
      ];
      for (const text of texts) {
        const [near, far] = await bench.attempt(
          bench.clientContext({ authorities: pemOf(authority).replaceAll("-----\n", "----- \n") }),
          bench.serverContext({ keyPairs: [{ ...bench.server, certificate: text, passphrases: [] }] }),
        );
        secured(near);
        secured(far);
      }
    });
  });

  describe("a certificate", () => {
    it("that OpenSSL has marked as trusted is shown as any other", async () => {
      const certificate = bench.folder.rewrite(bench.server, "-trustout", "-addtrust", "serverAuth");
      assertMatch(certificate, /^-----BEGIN TRUSTED CERTIFICATE-----/);
      const keyPairs = [{ ...bench.server, certificate, passphrases: [] }];
      const [near, far] = await bench.attempt(bench.clientContext(), bench.serverContext({ keyPairs }));
      secured(near);
      secured(far);
    });
  });

  describe("a key", () => {
    it("of a type that the TLS library signs with serves", { timeout: 60_000 }, async () => {
      for (const keyType of ["rsa", "ecdsa", "p521", "ed25519"] as const) {
        const server = bench.makeServer(`of ${keyType}`, { keyType });
        assertEquals([keyType, faultOf(server)], [keyType, "none"]);
        const result = bench.serveNext(bench.serverContext({}, [server]));
        const dialled = openssl(exchange.port);
        secured(await result).socket.abort();
        await dialled;
      }
    });

    it("of another type is refused where the library would only find out in each handshake", () => {
      for (const [keyType, name] of [["ed448", "ed448"], ["rsaPss", "rsa-pss"], ["secp256k1", "secp256k1"]] as const) {
        const fault = faultOf(bench.makeServer(`of ${keyType}`, { keyType }));
        const expected = {
          node: "none",
          deno: `key: the TLS library does not sign with keys of type ${name}`,
          bun: "key: error:06000080:public key routines::unsupported algorithm",
        };
        assertEquals([keyType, fault], [keyType, expected[runtime.name]]);
      }
    });

    it("may stand among other things, its certificate before it or behind it", () => {
      const { certificate, key } = bench.server;
      const parameters = pemBlock("EC PARAMETERS", "BggqhkjOPQMBBw==");
      const attributes = "Bag Attributes\n    localKeyID: 01 02\nKey Attributes: <No Attributes>\n";
      const locked = bench.folder.encrypt(bench.server, "secret");
      const old = bench.folder.encrypt(bench.server, "secret", true);
      for (const one of [key, locked, old, key.replaceAll("-----\n", "----- \n")]) {
        for (const text of [certificate + one, one + certificate, parameters + one, attributes + one]) {
          assertEquals(faultOf({ key: text, passphrases: ["secret"] }), "none");
        }
      }
      assertEquals(faultOf({ key: key + bench.authority.key }), "none");
      assertEquals(faultOf({ certificate: key + certificate, key: key + certificate }), "none");
    });

    it("that is cut is told as a file that is cut", () => {
      for (const cut of cutsOf(bench.server.key)) {
        assertEquals(faultOf({ key: bench.server.certificate + cut }), `key: ${BAD_END_LINE}`);
      }
    });

    it("whose encryption is not known is not blamed on the passphrase alone", () => {
      const lock = (...options: string[]) => bench.folder.lock(bench.server, "secret", "-iter", "16", ...options);
      const forms: readonly [key: string, knows: readonly Runtime["name"][]][] = [
        [lock("-v2", "aes-128-cbc"), ["node", "deno", "bun"]],
        [lock("-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512"), ["node", "deno"]],
        [lock("-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA1"), ["node", "bun"]],
        [lock("-v2", "des3"), ["node", "bun"]],
        [lock("-scrypt"), ["node", "deno"]],
      ];
      const unsure = `key: ${BAD_DECRYPT}, or the TLS library does not know its encryption`;
      for (const [index, [key, knows]] of forms.entries()) {
        const found = [["wrong", "secret"], ["wrong"]].map((passphrases) => faultOf({ key, passphrases }));
        const ofWrong = index === 0 ? `key: ${BAD_DECRYPT}` : unsure;
        assertEquals([index, ...found], [index, knows.includes(runtime.name) ? "none" : unsure, ofWrong]);
      }
    });

    it("is opened by the octets of a passphrase", () => {
      for (const isOld of [false, true]) {
        const key = bench.folder.encrypt(bench.server, "gr\u00fc\u00dfe", isOld);
        assertEquals(faultOf({ key, passphrases: ["gr\xc3\xbc\xc3\x9fe"] }), "none");
        assertMatch(faultOf({ key, passphrases: ["gr\xfc\xdfe"] }), /bad decrypt$/);
      }
    });
  });
});

/** Without what is for people. */
function pemOf({ certificate }: Certificate): string {
  return certificate.slice(certificate.indexOf("-----BEGIN"));
}

function pemBlock(label: string, base64: string): string {
  return `-----BEGIN ${label}-----\n${base64}\n-----END ${label}-----\n`;
}

/** A text that ends in its first line, among its others, and before and in its last one. */
function cutsOf(text: string): string[] {
  return [22, 200, text.length - 30, text.length - 3].map((end) => text.slice(0, end));
}

const BAD_END_LINE = "error:04800066:PEM routines::bad end line";
const BAD_DECRYPT = "error:1C800064:Provider routines::bad decrypt";
const BAD_BASE64 = "error:04800064:PEM routines::bad base64 decode";
