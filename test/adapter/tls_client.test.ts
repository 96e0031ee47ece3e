import { after, before, describe, it } from "node:test";
import { createHash, X509Certificate } from "node:crypto";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { isFault, type Runtime, type TlsClientOptions, type TlsContext } from "../../src/runtime.ts";
import {
  type Certificate,
  CLIENT_EXTENSIONS,
  EXPIRED,
  FAR_AWAY,
  LONG_AGO,
  serverExtensions,
} from "../support/certificates.ts";
import { readClientHello } from "../../adapters/_tls_hello.ts";
import { describeBoth, Exchange, Peer } from "./_peer.ts";
import { clientOptions, dial, finish, secured, serve, TlsBench } from "./_tls.ts";

describeBoth("a TLS client", (load) => {
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

  /** What becomes of a client's handshake with a server of this certificate. */
  async function attempt(
    options: Partial<TlsClientOptions>,
    server: Certificate = bench.server,
    chain: readonly Certificate[] = [],
  ): Promise<string> {
    const certificate = [server, ...chain].map((one) => one.certificate).join("");
    const [result] = await bench.attempt(
      bench.clientContext(options),
      bench.serverContext({}, [{ ...server, certificate }]),
    );
    return "failure" in result ? result.failure : "secured";
  }

  /** Deno has one answer to everything that its library does not like about a certificate. */
  function refusal(text: string): string {
    const said = runtime.name === "deno" ? "21:unable to verify the first certificate" : text;
    return `certificate verify error: (${said})`;
  }

  it("takes a server that is what it says", async () => {
    assertEquals(await attempt({}), "secured");
    assertEquals(await attempt({ serverName: "" }), "secured");
    assertEquals(await attempt({ serverName: "", verifiedName: "127.0.0.1" }), "secured");
    assertEquals(await attempt({ serverName: "other.example.net" }), "secured");
  });

  it("refuses one of another name or address", async () => {
    const refused = (name: string) => `certificate does not match "${name}"`;
    assertEquals(await attempt({ verifiedName: "other.example.net" }), refused("other.example.net"));
    assertEquals(await attempt({ verifiedName: "127.0.0.2" }), refused("127.0.0.2"));
  });

  it("refuses one that nobody it trusts vouches for", async () => {
    const stranger = bench.folder.authority("stranger");
    assert((await attempt({ authorities: stranger.certificate })).startsWith("certificate verify error: ("));
    const self = bench.folder.make({ name: "self", extensions: serverExtensions("DNS:mail.example.org") });
    assertEquals(await attempt({}, self), "certificate verify error: (18:self-signed certificate)");
  });

  it("takes any certificate where it does not look", async () => {
    const self = bench.folder.make({ name: "unlooked", extensions: serverExtensions("DNS:mail.example.org") });
    assertEquals(await attempt({ verifiedName: undefined, authorities: "" }, self), "secured");
  });

  it("refuses an expired one", async () => {
    const expired = bench.makeServer("expired", { from: LONG_AGO, until: EXPIRED });
    assertEquals(await attempt({}, expired), refusal("10:certificate has expired"));
  });

  it("refuses one for another purpose", async () => {
    const extensions = [...CLIENT_EXTENSIONS, "subjectAltName = DNS:mail.example.org"];
    const purpose = bench.makeServer("purpose", { extensions });
    assertEquals(await attempt({}, purpose), refusal("26:unsuitable certificate purpose"));
  });

  it("refuses a revoked one", { timeout: 60_000 }, async () => {
    const revoked = bench.makeServer("revoked");
    const older = bench.folder.revoke(bench.authority, [], FAR_AWAY);
    assertEquals(await attempt({ crl: older }, revoked), "secured");
    const crl = bench.folder.revoke(bench.authority, [revoked]);
    for (const lists of [crl, older + crl, crl + older]) {
      assertEquals(await attempt({ crl: lists }, revoked), "certificate verify error: (23:certificate revoked)");
      assertEquals(await attempt({ crl: lists }), "secured");
    }
  });

  it("goes only so deep", { timeout: 60_000 }, async () => {
    const first = bench.folder.authority("first", bench.authority);
    const second = bench.folder.authority("second", first);
    const deep = bench.makeServer("deep", { issuer: second });
    const chain = [second, first];
    assertEquals(
      await attempt({ verifyDepth: 1 }, deep, chain),
      "certificate verify error: (22:certificate chain too long)",
    );
    assertEquals(await attempt({ verifyDepth: 2 }, deep, chain), "secured");
  });

  describe("of the system's authorities", () => {
    let usual: string[];
    before(() => {
      usual = getCACertificates("default");
      setDefaultCACertificates([...usual, bench.authority.certificate]);
    });
    after(() => setDefaultCACertificates(usual));

    const options = { authorities: "" };
    const tooLong = "certificate verify error: (22:certificate chain too long)";

    it("takes a server whose root is shown as another one's", { timeout: 60_000 }, async () => {
      const crossed = bench.folder.again(bench.authority, { issuer: bench.folder.authority("elsewhere") });
      const between = bench.folder.authority("between", bench.authority);
      const server = bench.makeServer("crossed", { issuer: between });
      assertEquals(await attempt({ ...options, verifyDepth: 1 }, server, [between, crossed]), "secured");
      assertEquals(await attempt({ ...options, verifyDepth: 0 }, server, [between, crossed]), tooLong);
      assertEquals(await attempt({ ...options, verifyDepth: 0 }, bench.server, [crossed]), "secured");
    });

    it("goes only so deep", { timeout: 60_000 }, async () => {
      const first = bench.folder.authority("first of two", bench.authority);
      const second = bench.folder.authority("second of two", first);
      const deep = bench.makeServer("deep below two", { issuer: second });
      assertEquals(await attempt({ ...options, verifyDepth: 1 }, deep, [second, first]), tooLong);
      assertEquals(await attempt({ ...options, verifyDepth: 2 }, deep, [second, first]), "secured");
    });

    it("looks at revocation lists", { timeout: 60_000 }, async () => {
      const revoked = bench.makeServer("revoked by the system");
      const crl = bench.folder.revoke(bench.authority, [revoked]);
      assertEquals(await attempt({ ...options, crl }, revoked), "certificate verify error: (23:certificate revoked)");
      assertEquals(await attempt({ ...options, crl }), "secured");
      const foreign = bench.folder.revoke(bench.folder.authority("of other lists"), []);
      assertEquals(
        await attempt({ ...options, crl: foreign }),
        "certificate verify error: (3:unable to get certificate CRL)",
      );
    });
  });

  it("takes only the certificate that is pinned", async () => {
    const fingerprint = createHash("sha256").update(new X509Certificate(bench.server.certificate).raw).digest("hex");
    assertEquals(await attempt({ fingerprint, verifiedName: undefined }), "secured");
    assertEquals(await attempt({ fingerprint }), "secured");
    const other = bench.makeServer("other");
    const refused = "certificate is not the one that is pinned";
    assertEquals(await attempt({ fingerprint, verifiedName: undefined }, other), refused);
    assertEquals(await attempt({ fingerprint }, other), refused);
  });

  it("judges a server again whose session is of a context that did not look", { timeout: 60_000 }, async () => {
    const crl = bench.folder.revoke(bench.authority, [bench.server]);
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const server = bench.serverContext({});
      const careless = { verifiedName: undefined, authorities: "", versions: [version] };
      const { near, far } = await bench.connect(bench.clientContext(careless), server);
      near.socket.resume();
      far.socket.resume();
      far.say("* OK\r\n");
      await near.untilReceived(6);
      await finish(near, far);
      const outcome = async (options: Partial<TlsClientOptions>) => {
        const [result] = await bench.attempt(bench.clientContext({ ...careless, ...options }), server);
        return "failure" in result ? result.failure : "secured";
      };
      assertEquals(await outcome({ fingerprint: "00" }), "certificate is not the one that is pinned");
      const { verifiedName, authorities } = clientOptions([bench.authority]);
      assertEquals(
        await outcome({ verifiedName, authorities, crl }),
        "certificate verify error: (23:certificate revoked)",
      );
      assertEquals(
        await outcome({ verifiedName: "other.example.org", authorities }),
        'certificate does not match "other.example.org"',
      );
      assertEquals(await outcome({}), "secured");
    }
  });

  it("shows its own certificate", async () => {
    const own = bench.folder.make({ name: "proxy", issuer: bench.authority, extensions: CLIENT_EXTENSIONS });
    const key = bench.folder.encrypt(own, "secret");
    const keyPair = { certificate: own.certificate, key, passphrases: ["secret"] };
    const authorities = bench.authority.certificate;
    const asking = bench.serverContext({ requestsCertificate: true, authorities });
    const { near, far, farFacts } = await bench.connect(bench.clientContext({ keyPair }), asking);
    assertEquals([farFacts.certificate?.subject, farFacts.certificate?.verifyError], ["CN=proxy", undefined]);
    await finish(near, far);
  });

  it("keeps to its versions", async () => {
    const modern = bench.serverContext({ versions: ["TLSv1.3"] });
    const [result] = await bench.attempt(bench.clientContext({ versions: ["TLSv1.2"] }), modern);
    assert("failure" in result && result.failure !== "");
  });

  it("keeps to its ciphers", async () => {
    const ciphers = "EECDH+AESGCM";
    const client = bench.clientContext({ ciphers, versions: ["TLSv1.2"] });
    const isFixed = runtime.capabilities["tls.clientCiphers"].state !== "yes";
    assertEquals(client.caveat?.part, isFixed ? "ciphers" : undefined);
    const outcome = async (list: string) => {
      const server = bench.serverContext({ ciphers: list, prefersServerCiphers: true });
      const [result] = await bench.attempt(client, server);
      return "failure" in result ? "failed" : result.facts.cipher;
    };
    assertMatch(await outcome("HIGH"), /^ECDHE-ECDSA-AES\d+-GCM-/);
    // Deno's servers follow the client's order, whatever their list.
    if (!isFixed) assertEquals(await outcome("ECDHE-ECDSA-CHACHA20-POLY1305"), "failed");
    const none = bench.clientContext({ ciphers: "ECDHE-ECDSA-CHACHA20-POLY1305", versions: ["TLSv1.2"] });
    const [result] = await bench.attempt(none, bench.serverContext({ ciphers: "EECDH+AESGCM" }));
    assert("failure" in result);
    const [free] = await bench.attempt(bench.clientContext({ ciphers: "EECDH+CHACHA20" }));
    assert("facts" in free && free.facts.cipher.startsWith("TLS_"));
  });

  it("is refused with bad files", () => {
    const faultOf = (options: Partial<TlsClientOptions>) => {
      const made = runtime.createTlsClient(clientOptions([bench.authority], options));
      return isFault(made) ? `${made.part}: ${made.text}` : "none";
    };
    const { certificate } = bench.server;
    const noStart = "error:0480006C:PEM routines::no start line";
    assertEquals(faultOf({ authorities: "x" }), `authorities: ${noStart}`);
    assertEquals(faultOf({ crl: "x" }), `crl: ${noStart}`);
    assertEquals(faultOf({ keyPair: { certificate: "x", key: "x", passphrases: [] } }), `certificate: ${noStart}`);
    const keyPair = { certificate, key: bench.authority.key, passphrases: [] };
    assertEquals(faultOf({ keyPair }), "mismatch: error:05800074:x509 certificate routines::key values mismatch");
  });

  it("resumes sessions within one context, where the runtime can", { timeout: 60_000 }, async () => {
    const canReuse = runtime.capabilities["tls.clientSessionReuse"].state === "yes";
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const server = bench.serverContext({});
      const visit = async (context: TlsContext) => {
        const { near, far, nearFacts } = await bench.connect(context, server);
        near.socket.resume();
        far.socket.resume();
        // A ticket of TLS 1.3 comes with what the server says next.
        far.say("* OK\r\n");
        await near.untilReceived(6);
        await finish(near, far);
        return nearFacts.isResumed;
      };
      const make = (reusesSessions: boolean) => bench.clientContext({ reusesSessions, versions: [version] });
      const context = make(true);
      assertEquals([await visit(context), await visit(context)], [false, canReuse]);
      assertEquals(await visit(make(true)), false);
      const forgetful = make(false);
      assertEquals([await visit(forgetful), await visit(forgetful)], [false, false]);
    }
  });

  describe("with a session to resume", () => {
    /** What becomes of a handshake with a server that may end the connection instead of it, with these octets. */
    async function visit(context: TlsContext, server: TlsContext, likesSessions: boolean, farewell = NOTHING) {
      const { near, far } = await exchange.connect();
      const dialled = dial(runtime, near, context);
      const hello = await readHello(new Peer(far));
      if (hello.offersSession && !likesSessions) {
        far.write(Uint8Array.from(farewell));
        far.close();
        return "failure" in await dialled ? "failed" : "secured";
      }
      const served = secured(await serve(runtime, far, server, hello.octets));
      const { socket, facts } = secured(await dialled);
      const ends = [new Peer(socket), new Peer(served.socket)] as const;
      for (const end of ends) end.socket.resume();
      ends[1].say("* OK\r\n");
      await ends[0].untilReceived(6);
      await finish(...ends);
      return facts.isResumed ? "resumed" : "whole";
    }

    it("has whole handshakes with a server that does not like sessions", { timeout: 60_000 }, async () => {
      const canReuse = runtime.capabilities["tls.clientSessionReuse"].state === "yes";
      const server = bench.serverContext({});
      for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
        for (const farewell of [NOTHING, INTERNAL_ERROR]) {
          const context = bench.clientContext({ reusesSessions: true, versions: [version] });
          assertEquals(await visit(context, server, false), "whole");
          assertEquals(await visit(context, server, false, farewell), canReuse ? "failed" : "whole");
          assertEquals(await visit(context, server, false), "whole");
          assertEquals(await visit(context, server, false), "whole");
        }
      }
    });

    it("has a whole one behind one that was given up", { timeout: 60_000 }, async () => {
      const canReuse = runtime.capabilities["tls.clientSessionReuse"].state === "yes";
      const server = bench.serverContext({});
      const context = bench.clientContext({ reusesSessions: true });
      assertEquals(await visit(context, server, true), "whole");
      const { near, far } = await exchange.connect();
      const cancel = runtime.secureClient(near, context, { secured() {}, failed() {} });
      const silent = new Peer(far);
      assertEquals((await readHello(silent)).offersSession, canReuse);
      cancel();
      silent.socket.resume();
      await silent.until(() => silent.hasEnded || silent.closings > 0);
      silent.socket.abort();
      assertEquals(await visit(context, server, true), "whole");
      assertEquals(await visit(context, server, true), canReuse ? "resumed" : "whole");
    });
  });
});

/** What a client begins with, and whether it has a session to resume. */
async function readHello(peer: Peer): Promise<{ readonly octets: Uint8Array; readonly offersSession: boolean }> {
  const received = () => new Uint8Array(peer.chunks.flatMap((chunk) => [...chunk]));
  peer.socket.resume();
  await peer.until(() => typeof readClientHello(received()) === "object");
  peer.socket.pause();
  const hello = readClientHello(received());
  assert(typeof hello === "object");
  return { octets: received(), offersSession: hello.ticketKey !== undefined };
}

const NOTHING: readonly number[] = [];

/** A fatal alert (RFC 8446, 6). */
const INTERNAL_ERROR: readonly number[] = [21, 3, 3, 0, 2, 2, 80];
