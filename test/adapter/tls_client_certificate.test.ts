import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { execFileSync } from "node:child_process";
import type { PeerCertificate, Runtime, TlsServerOptions } from "../../src/runtime.ts";
import { type Certificate, CLIENT_EXTENSIONS, EXPIRED, LONG_AGO, LONG_BEFORE } from "../support/certificates.ts";
import { describeBoth, Exchange } from "./_peer.ts";
import { openssl, secured, TlsBench } from "./_tls.ts";

describeBoth("client certificates", (load) => {
  let runtime: Runtime;
  let exchange: Exchange;
  let bench: TlsBench;
  let intermediate: Certificate;
  let deeper: Certificate;

  before(async () => {
    runtime = await load();
    exchange = await Exchange.open(runtime);
    bench = new TlsBench(runtime, exchange);
    intermediate = bench.folder.authority("intermediate", bench.authority);
    deeper = bench.folder.authority("deeper", intermediate);
  });

  after(async () => {
    bench.close();
    await exchange.close();
  });

  function make(name: string, issuer: Certificate | undefined = bench.authority, wish = {}): Certificate {
    return bench.folder.make({
      name,
      ...issuer === undefined ? {} : { issuer },
      extensions: CLIENT_EXTENSIONS,
      ...wish,
    });
  }

  /** What a server makes of a client with this certificate. */
  async function shown(
    client: Certificate | undefined,
    options: Partial<TlsServerOptions> = {},
    chain: readonly Certificate[] = [],
  ): Promise<PeerCertificate | undefined> {
    const authorities = bench.authority.certificate;
    const context = bench.serverContext({ requestsCertificate: true, authorities, ...options });
    const result = bench.serveNext(context);
    const file = bench.folder.write("chain.pem", chain.map(({ certificate }) => certificate).join(""));
    const own = client === undefined ? [] : ["-cert", client.certificatePath, "-key", client.keyPath];
    const dialled = openssl(exchange.port, ...own, ...chain.length === 0 ? [] : ["-cert_chain", file]);
    const { socket, facts } = secured(await result);
    socket.abort();
    await dialled;
    return facts.certificate;
  }

  async function errorOf(...args: Parameters<typeof shown>): Promise<string> {
    const certificate = await shown(...args);
    assert(certificate !== undefined);
    const { verifyError } = certificate;
    return verifyError === undefined ? "verified" : `${verifyError.number}:${verifyError.text}`;
  }

  it("are told as OpenSSL tells them", async () => {
    const client = make("joe", bench.authority, { subject: '/C=DE/O=Größe, "A" + B/OU= x#/CN=joe' });
    const certificate = await shown(client);
    const tell = (...options: string[]) =>
      execFileSync("openssl", ["x509", "-noout", "-in", client.certificatePath, ...options], { encoding: "latin1" })
        .trim().replace(/^[^=]*=/, "");
    assertEquals(certificate, {
      subject: tell("-subject", "-nameopt", "RFC2253"),
      issuer: tell("-issuer", "-nameopt", "RFC2253"),
      serial: tell("-serial"),
      fingerprint: tell("-fingerprint", "-sha1").replaceAll(":", "").toLowerCase(),
      pem: client.certificate,
      verifyError: undefined,
    });
  });

  it("need not be shown", async () => {
    assertEquals(await shown(undefined), undefined);
  });

  it("are not asked for where nobody wants them", async () => {
    assertEquals(await shown(make("unasked"), { requestsCertificate: false, authorities: "" }), undefined);
  });

  it("are verified through the chain that is shown", async () => {
    assertEquals(await errorOf(make("chained", intermediate), {}, [intermediate]), "verified");
  });

  it("are refused with OpenSSL's numbers and texts", { timeout: 60_000 }, async () => {
    const stranger = bench.folder.authority("stranger");
    const expired = make("expired", bench.authority, { from: LONG_AGO, until: EXPIRED });
    const serverOnly = make("purpose", bench.authority, { extensions: ["extendedKeyUsage = serverAuth"] });
    const notYet = make("future", bench.authority, { from: "20480101000000Z" });
    const selfSigned = bench.folder.make({ name: "self", extensions: CLIENT_EXTENSIONS });
    assertEquals(await errorOf(selfSigned), "18:self-signed certificate");
    const foreign = make("foreign", stranger);
    assertEquals(await errorOf(foreign, {}, [stranger]), "19:self-signed certificate in certificate chain");
    assertEquals(await errorOf(foreign), "21:unable to verify the first certificate");
    const orphan = make("orphan", deeper);
    assertEquals(await errorOf(orphan, { verifyDepth: 5 }, [deeper]), "20:unable to get local issuer certificate");
    assertEquals(await errorOf(expired), "10:certificate has expired");
    assertEquals(await errorOf(notYet), "9:certificate is not yet valid");
    assertEquals(await errorOf(serverOnly), "26:unsuitable certificate purpose");
  });

  it(
    "are verified by an authority that was renewed, wherever its old certificate stands",
    { timeout: 60_000 },
    async () => {
      const renewed = bench.folder.authority("renewed");
      const client = make("of a renewed one", renewed);
      const [older, old] = [LONG_AGO, EXPIRED].map((until) =>
        bench.folder.again(renewed, { from: LONG_BEFORE, until })
      );
      assert(older !== undefined && old !== undefined);
      const by = (...all: Certificate[]) =>
        errorOf(client, { authorities: all.map((one) => one.certificate).join("") });
      assertEquals(await by(old), "10:certificate has expired");
      assertEquals(await by(old, renewed), "verified");
      assertEquals(await by(renewed, old), "verified");
      assertEquals(await by(older, old), "10:certificate has expired");
    },
  );

  it("may hang only so deep", { timeout: 60_000 }, async () => {
    const client = make("deep", deeper);
    const chain = [deeper, intermediate];
    assertEquals(await errorOf(client, { verifyDepth: 1 }, chain), "22:certificate chain too long");
    assertEquals(await errorOf(client, { verifyDepth: 2 }, chain), "verified");
    assertEquals(await errorOf(make("direct"), { verifyDepth: 0 }), "verified");
  });

  it("are no authorities because they say so", async () => {
    const noAuthority = make("no authority");
    const client = make("child", noAuthority);
    assert(await errorOf(client, {}, [noAuthority]) !== "verified");
  });

  it("are refused when they are revoked", { timeout: 60_000 }, async () => {
    const [good, bad] = [make("good"), make("bad")];
    const crl = bench.folder.revoke(bench.authority, [bad]);
    assertEquals(await errorOf(bad), "verified");
    assertEquals(await errorOf(bad, { crl }), "23:certificate revoked");
    assertEquals(await errorOf(good, { crl }), "verified");
    assertEquals(
      await errorOf(make("of another", intermediate), { crl }, [intermediate]),
      "3:unable to get certificate CRL",
    );
    const deep = [bench.folder.revoke(intermediate, []), crl];
    for (const lists of [deep, deep.toReversed()]) {
      assertEquals(await errorOf(make("listed", intermediate), { crl: lists.join("") }, [intermediate]), "verified");
    }
    const old = bench.folder.revoke(bench.authority, [], EXPIRED);
    assertEquals(await errorOf(good, { crl: old }), "12:CRL has expired");
  });

  it("of version 1 are as good as others", async () => {
    assertEquals(await errorOf(make("old", bench.authority, { extensions: [] })), "verified");
  });

  describe("in a session that is resumed", () => {
    it("are judged by the server that resumes it", { timeout: 60_000 }, async () => {
      const stranger = bench.folder.authority("other authority");
      const client = make("resumer");
      const own = ["-cert", client.certificatePath, "-key", client.keyPath];
      for (const version of ["-tls1_2", "-tls1_3"]) {
        const session = `${bench.folder.path}/session${version}`;
        const asking = { requestsCertificate: true };
        const first = bench.serverContext({
          ...asking,
          authorities: bench.authority.certificate,
          sessionContext: "one",
        });
        const strict = bench.serverContext({ ...asking, authorities: stranger.certificate, sessionContext: "two" });
        const indifferent = bench.serverContext({ sessionContext: "three" });
        const visit = async (context: typeof first, ...options: string[]) => {
          const result = bench.serveNext(context);
          const dialled = openssl(exchange.port, version, ...options);
          const { socket, facts } = secured(await result);
          socket.write(new TextEncoder().encode("* OK\r\n"));
          socket.end();
          socket.handler = { bytes() {}, drained() {}, ended: () => socket.close(), closed() {} };
          socket.resume();
          return { facts, seen: await dialled };
        };
        const made = await visit(first, ...own, "-sess_out", session);
        assertEquals(made.facts.certificate?.verifyError, undefined);
        assertEquals(made.facts.certificate?.subject, "CN=resumer");

        const again = await visit(first, ...own, "-sess_in", session);
        assertEquals([again.facts.isResumed, again.seen.isResumed], [true, true]);
        assertEquals(again.facts.certificate?.verifyError, undefined);
        assertEquals(again.facts.certificate?.subject, "CN=resumer");

        const crossed = await visit(strict, ...own, "-sess_in", session);
        assertEquals(crossed.facts.certificate?.verifyError === undefined, false);
        assertEquals(crossed.facts.isResumed, runtime.capabilities["tls.separateSessions"].state === "no");

        // A session without a certificate does not become one with it.
        await visit(indifferent, "-sess_out", session);
        const bare = await visit(first, "-sess_in", session);
        assertEquals(bare.facts.certificate, undefined);
      }
    });
  });
});
