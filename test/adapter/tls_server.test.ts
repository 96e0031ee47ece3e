import { execFileSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  type Capability,
  isFault,
  type KeyPair,
  type Runtime,
  type TlsContext,
  type TlsServerOptions,
} from "../../src/runtime.ts";
import { describeBoth, Exchange, Peer } from "./_peer.ts";
import { openssl, opensslSays, secured, serverOptions, TlsBench } from "./_tls.ts";

describeBoth("a TLS server", (load) => {
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

  /** Whether the runtime can do it: more than its table says where OpenSSL serves whoever offers no protocols. */
  function has(name: Capability): boolean {
    const isOpenSsl = load.sockets === "kernel" && runtime.name !== "bun" && name !== "tls.ticketsOff";
    return isOpenSsl || runtime.capabilities[name].state === "yes";
  }

  function faultOf(options: Partial<TlsServerOptions>): string {
    const made = runtime.createTlsServer(serverOptions([bench.server], options));
    return isFault(made) ? `${made.part} ${made.index}: ${made.text}` : "none";
  }

  function withPair(change: Partial<KeyPair>): Partial<TlsServerOptions> {
    const { certificate, key } = bench.server;
    return { keyPairs: [{ certificate, key, passphrases: [] }, { certificate, key, passphrases: [], ...change }] };
  }

  /** Serves one client, which is sent away as soon as it is there. */
  async function visit(context: TlsContext, ...options: string[]) {
    const result = bench.serveNext(context);
    const dialled = openssl(exchange.port, ...options);
    const outcome = await result;
    if ("socket" in outcome) {
      const peer = new Peer(outcome.socket);
      peer.say("* BYE\r\n");
      peer.socket.end();
      peer.socket.resume();
      await peer.untilEnded();
      peer.socket.close();
    }
    return { outcome, seen: await dialled };
  }

  describe("that is given bad files", () => {
    it("says which, and why", () => {
      const { certificate, key } = bench.server;
      const noStart = "error:0480006C:PEM routines::no start line";
      assertEquals(faultOf(withPair({ certificate: "nothing" })), `certificate 1: ${noStart}`);
      const broken = certificate.replace(/\n[^\n]{64}/, "\nAAAA");
      assertMatch(faultOf(withPair({ certificate: broken })), /^certificate 1: error:[0-9A-F]{8}:/);
      assertMatch(faultOf(withPair({ certificate: certificate + broken })), /^certificate 1: error:[0-9A-F]{8}:/);
      assertEquals(faultOf(withPair({ key: "nothing" })), `key 1: ${noStart}`);
      assertMatch(faultOf(withPair({ key: key.replace(/\n[^\n]{64}/, "\nAAAA") })), /^key 1: error:[0-9A-F]{8}:/);
      assertEquals(faultOf({ authorities: "x" }), `authorities 0: ${noStart}`);
      assertEquals(faultOf({ crl: "x" }), `crl 0: ${noStart}`);
      assertEquals(faultOf({}), "none");
    });

    it("sees that a key is another certificate's, also of another type", () => {
      const mismatch = "error:05800074:x509 certificate routines::key values mismatch";
      const rsa = bench.makeServer("rsa", { keyType: "rsa" });
      assertEquals(faultOf(withPair({ key: bench.authority.key })), `mismatch 1: ${mismatch}`);
      assertEquals(faultOf(withPair({ key: rsa.key })), `mismatch 1: ${mismatch}`);
      assertEquals(faultOf(withPair({ certificate: rsa.certificate })), `mismatch 1: ${mismatch}`);
    });

    it("tries each passphrase", async () => {
      for (const isOld of [false, true]) {
        const key = bench.folder.encrypt(bench.server, "secret", isOld);
        assertMatch(faultOf(withPair({ key })), /^key 1: error:/);
        assertMatch(faultOf(withPair({ key, passphrases: ["a", "b"] })), /^key 1: error:.*bad decrypt$/);
        const pair = { ...bench.server, key };
        const context = bench.serverContext({
          keyPairs: [{ certificate: pair.certificate, key, passphrases: ["wrong", "secret"] }],
        });
        secured((await visit(context)).outcome);
      }
    });
  });

  describe("that is given settings", () => {
    it("takes what everybody writes", () => {
      for (
        const ciphers of [
          "HIGH:!aNULL:!MD5",
          "DEFAULT",
          "EECDH+AESGCM:EDH+AESGCM",
          "HIGH:!RC4:!3DES:@STRENGTH",
          "DEFAULT@SECLEVEL=1",
          "@SECLEVEL=0:HIGH",
        ]
      ) assertEquals([ciphers, faultOf({ ciphers })], [ciphers, "none"]);
      assertEquals(faultOf({ ecdhCurve: "X25519:prime256v1:secp384r1" }), "none");
    });

    const leavesVersionsOut = () => {
      const { "tls.oldVersions": oldVersions, "tls.versionGaps": gaps } = runtime.capabilities;
      return oldVersions.state === "yes" && gaps.state === "yes";
    };

    it("refuses what it cannot do, by name", () => {
      assertMatch(faultOf({ ciphers: "NOSUCH" }), /^ciphers 0: error:0A0000B9:SSL routines::no cipher match$/);
      const level = faultOf({ ciphers: "HIGH:@SECLEVEL=3" });
      assertEquals(
        level,
        runtime.name === "node" ? "none" : "ciphers 0: the TLS library does not know security level 3",
      );
      if (runtime.capabilities["tls.curves"].state === "yes") {
        assertMatch(faultOf({ ecdhCurve: "nosuch" }), /^curves 0: /);
      } else assertMatch(faultOf({ ecdhCurve: "X25519" }), /^curves 0: .* cannot leave out P-256, P-384$/);
      const old = faultOf({ versions: ["TLSv1", "TLSv1.1", "TLSv1.2"] });
      if (runtime.capabilities["tls.oldVersions"].state === "yes") assertEquals(old, "none");
      else assertMatch(old, /^versions 0: /);
      const gap = faultOf({ versions: ["TLSv1", "TLSv1.2"] });
      if (leavesVersionsOut()) assertEquals(gap, "none");
      else assertMatch(gap, /^versions 0: /);
    });

    it("leaves out a version between others, or says that it cannot", async () => {
      if (!leavesVersionsOut()) return assertMatch(faultOf({ versions: ["TLSv1.1", "TLSv1.3"] }), /^versions 0: /);
      const context = bench.serverContext({ versions: ["TLSv1.1", "TLSv1.3"] });
      assertEquals(secured((await visit(context)).outcome).facts.version, "TLSv1.3");
      assert("failure" in (await visit(context, "-tls1_2")).outcome);
    });

    it("keeps to its versions", async () => {
      for (
        const [version, other, option] of [["TLSv1.2", "TLSv1.3", "-tls1_3"], [
          "TLSv1.3",
          "TLSv1.2",
          "-tls1_2",
        ]] as const
      ) {
        const context = bench.serverContext({ versions: [version] });
        assertEquals(secured((await visit(context)).outcome).facts.version, version);
        assert("failure" in (await visit(context, option)).outcome, other);
      }
    });

    it("keeps to its ciphers, whatever the client likes best", { timeout: 60_000 }, async () => {
      const suites = ["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256"];
      const isFixed = !has("tls.ciphers");
      const context = bench.serverContext({ ciphers: "EECDH+AESGCM:EDH+AESGCM" });
      const hasCaveat = runtime.capabilities["tls.ciphers"].state !== "yes";
      assertEquals(context.caveat?.part, hasCaveat ? "ciphers" : undefined);
      const cipherFor = async (...options: string[]) => {
        const { outcome, seen } = await visit(context, ...options);
        return "failure" in outcome ? [outcome.failure, /alert [a-z ]+/.exec(seen.output)?.[0]] : outcome.facts.cipher;
      };
      const refusal = ["error:0A0000C1:SSL routines::no shared cipher", "alert handshake failure"];
      assertEquals(await cipherFor("-tls1_2", "-cipher", suites.toReversed().join(":")), suites[1]);
      const likesOther = await cipherFor("-tls1_2", "-cipher", suites.join(":"));
      assertEquals(likesOther, isFixed ? refusal : suites[1]);
      assert(Array.isArray(await cipherFor("-tls1_2", "-cipher", suites[0] ?? "")));
      // The list is not about TLS 1.3.
      assertEquals(
        await cipherFor("-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256", "-cipher", suites.join(":")),
        "TLS_CHACHA20_POLY1305_SHA256",
      );
    });

    it("takes DH parameters of both kinds, and refuses what it cannot read", { timeout: 60_000 }, async () => {
      if (runtime.capabilities["tls.dhparam"].state !== "yes") return assertEquals(faultOf({ dhparam: "x" }), "none");
      const make = (...args: string[]) => execFileSync("openssl", args, { encoding: "latin1", stdio: "pipe" });
      const x942 = make("dhparam", "-dsaparam", "2048");
      const pkcs3 = make("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048");
      assertMatch(x942, /^-----BEGIN X9\.42 DH PARAMETERS-----/);
      const rsa = bench.makeServer("rsa-with-dh", { keyType: "rsa" });
      const cipherWith = async (dhparam: string) => {
        const context = bench.serverContext({ dhparam, ciphers: "DHE-RSA-AES128-GCM-SHA256" }, [rsa]);
        const { outcome } = await visit(context, "-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256");
        return secured(outcome).facts.cipher;
      };
      assertEquals(await cipherWith(x942), "DHE-RSA-AES128-GCM-SHA256");
      assertEquals(await cipherWith(`for people\n${pkcs3}`), "DHE-RSA-AES128-GCM-SHA256");
      const pem = (body: string) => `-----BEGIN DH PARAMETERS-----\n${body}\n-----END DH PARAMETERS-----\n`;
      assertEquals(
        ["nothing", pem("AAAA"), pem("AA!A"), pem("MAYCAQcCAQI=")].map((dhparam) => faultOf({ dhparam })),
        [
          "dhparam 0: error:0480006C:PEM routines::no start line",
          "dhparam 0: error:068000A8:asn1 encoding routines::wrong tag",
          "dhparam 0: error:04800064:PEM routines::bad base64 decode",
          "dhparam 0: error:0A00018A:SSL routines::dh key too small",
        ],
      );
    });

    it("has no list to keep to without TLS 1.2, nor for certificates that it has not", () => {
      const caveatOf = (options: Partial<TlsServerOptions>) => bench.serverContext(options).caveat;
      assertEquals(caveatOf({ versions: ["TLSv1.3"], ciphers: "EECDH+AESGCM" }), undefined);
      assertEquals(caveatOf({ ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE+ECDSA" }), undefined);
    });

    it("shows the certificate whose ciphers are in the list", { timeout: 60_000 }, async () => {
      const rsa = bench.makeServer("rsa-beside", { keyType: "rsa" });
      const context = bench.serverContext({ ciphers: "ECDHE+aRSA" }, [rsa, bench.server]);
      const { outcome } = await visit(context, "-tls1_2");
      assertMatch(secured(outcome).facts.cipher, /^ECDHE-RSA-/);
    });

    it("keeps to its own order, where it can", async () => {
      if (!has("tls.preferServerCiphers")) return;
      const ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256";
      const context = bench.serverContext({ ciphers, prefersServerCiphers: true });
      const wishes = ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305"];
      assertEquals(secured((await visit(context, ...wishes)).outcome).facts.cipher, "ECDHE-ECDSA-CHACHA20-POLY1305");
      const refused = await visit(context, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384");
      assert("failure" in refused.outcome);
    });

    it("does not renegotiate", async () => {
      const result = bench.serveNext();
      const dialled = opensslSays("R\n", exchange.port, "-tls1_2");
      const far = new Peer(secured(await result).socket);
      far.socket.resume();
      await far.until(() => far.hasEnded || far.closings > 0);
      far.socket.close();
      const { output } = await dialled;
      assertMatch(output, /RENEGOTIATING\n[^]*(no renegotiation|alert|unexpected|closed|eof)/);
      assertEquals(far.received, 0);
    });
  });

  describe("whose sessions are resumed", () => {
    for (const version of ["-tls1_2", "-tls1_3"]) {
      it(`gives tickets, as the table says, with ${version}`, { timeout: 60_000 }, async () => {
        let visits = 0;
        const resumes = async (first: TlsContext, second = first) => {
          const session = `${bench.folder.path}/ticket${version}-${visits++}`;
          await visit(first, version, "-sess_out", session);
          if (!runtime.files.exists(session)) return false;
          const { outcome, seen } = await visit(second, version, "-sess_in", session);
          assertEquals(secured(outcome).facts.isResumed, seen.isResumed);
          return seen.isResumed;
        };
        assertEquals(await resumes(bench.serverContext({})), true);
        assertEquals(await resumes(bench.serverContext({ sessionTickets: false })), !has("tls.ticketsOff"));
        const [one, two] = ["one", "two"].map((sessionContext) => bench.serverContext({ sessionContext }));
        assert(one !== undefined && two !== undefined);
        assertEquals(await resumes(one, two), !has("tls.separateSessions"));
        const keys = [new Uint8Array(48).fill(7)];
        const sharing = () => bench.serverContext({ ticketKeys: () => keys, sessionContext: "shared" });
        assertEquals(await resumes(sharing(), sharing()), has("tls.ticketKeys") || !has("tls.separateSessions"));
        const keyOnly = bench.serverContext({ ticketKeys: () => keys, sessionContext: "not shared" });
        assertEquals(await resumes(sharing(), keyOnly), !has("tls.separateSessions"));
        // Where clients are asked for certificates a key makes no sessions to be shared.
        const asking = () =>
          bench.serverContext({ ticketKeys: () => keys, sessionContext: "asking", requestsCertificate: true });
        const isShared = runtime.capabilities["tls.separateSessions"].state === "no";
        assertEquals(await resumes(asking(), asking()), isShared);
      });

      it(`takes tickets of the keys before with ${version}, where it takes keys`, { timeout: 60_000 }, async () => {
        const [old = NO_KEY, middle = NO_KEY, young = NO_KEY] = [1, 2, 3].map((i) => new Uint8Array(48).fill(i));
        let keys: readonly Uint8Array[] = [old];
        const context = bench.serverContext({ ticketKeys: () => keys });
        const takesKeys = has("tls.ticketKeys");
        const session = (name: string) => `${bench.folder.path}/turn${version}-${name}`;
        const comes = async (from?: string, to?: string) => {
          const [given, kept] = [
            from === undefined ? [] : ["-sess_in", from],
            to === undefined ? [] : ["-sess_out", to],
          ];
          return (await visit(context, version, ...given, ...kept)).seen.isResumed;
        };
        await comes(undefined, session("old"));
        keys = [middle, old];
        assertEquals(await comes(session("old")), true);
        await comes(undefined, session("middle"));
        assertEquals(await comes(session("middle")), true);
        keys = [young, middle];
        assertEquals(await comes(session("middle")), true);
        assertEquals(await comes(session("old")), !takesKeys);
        // Back again, as one that has not heard of the others yet.
        keys = [old];
        assertEquals(await comes(session("old")), true);
        assertEquals(await comes(session("middle")), !takesKeys);
      });
    }
  });
});

const NO_KEY = new Uint8Array(0);
