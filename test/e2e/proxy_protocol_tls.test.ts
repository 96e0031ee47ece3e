/** What mail servers hear of clients' TLS in a PROXY header of version 2. */

import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type ClientFacts, readHeader } from "../../src/protocol/proxy_protocol/mod.ts";
import { encode } from "../../src/session/bytes.ts";
import { type Certificate, CertificateFolder, CLIENT_EXTENSIONS, serverExtensions } from "../support/certificates.ts";
import { needs } from "../support/clients.ts";
import { Dovecot } from "../support/dovecot.ts";
import { accept, FakeAuth, field, reply } from "../support/fake_auth.ts";
import { afterHeader, hangUp } from "../support/fake_upstream.ts";
import { freePorts } from "../support/free_ports.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";
import { connectTo } from "../support/raw_client.ts";
import { visit } from "../support/s_client.ts";
import { type Protocol, PROTOCOLS, SECRET, WORDS } from "../support/scene.ts";
import { SmtpSink } from "../support/smtp_sink.ts";
import { MAIL, START_TLS, TlsScene } from "../support/tls_scene.ts";
import { beginTls, type ClientTls } from "../support/tls_wire.ts";
import type { Wire } from "../support/wire.ts";

const SLOW = { timeout: 180_000 };

/** A TLS of which nothing is known but that it is there. */
const BARE = {
  certificate: "none",
  verifyResult: 1,
  version: undefined,
  commonName: undefined,
  cipher: "suite",
  signatureAlgorithm: undefined,
  keyAlgorithm: undefined,
} as const;

/** How a client comes. */
const WAYS = ["in clear", "after STARTTLS", "from the first octet"] as const;
type Way = typeof WAYS[number];

/** A client that has heard the greeting, over TLS if that is its way. */
async function arrive(way: Way, protocol: Protocol, proxy: TestProxy | undefined, tls: ClientTls = {}): Promise<Wire> {
  const index = PROTOCOLS.indexOf(protocol) + (way === "from the first octet" ? PROTOCOLS.length : 0);
  const clear = await connectTo({ port: proxy?.ports[index] ?? 0, from: "127.0.0.9" });
  if (way === "from the first octet") {
    const { wire } = await beginTls(clear, tls);
    await wire.nextUpTo("\r\n");
    return wire;
  }
  await clear.nextUpTo("\r\n");
  if (way === "in clear") return clear;
  const { command, reply } = START_TLS[protocol];
  await clear.ask(command, reply);
  return (await beginTls(clear, tls)).wire;
}

/** Whether a header of version 2 is all there. */
function isWholeHeader(octets: string): boolean {
  return octets.length > 16 && readHeader(encode(octets)) !== "more";
}

/** What the header says that a mail server was sent, with `suite` for the name of any. */
function factsIn(wire: Wire | undefined): ClientFacts {
  const header = readHeader(encode(wire?.received ?? ""));
  assert(header !== "more" && header.type === "header", JSON.stringify(header));
  const { authority, alpn, tls } = header.tlvs;
  if (tls !== undefined) assertMatch(tls.cipher ?? "", /^(TLS_|ECDHE-)[A-Z0-9_-]+$/);
  return { authority, alpn, tls: tls && { ...tls, cipher: "suite" } };
}

/** Servers for all protocols, first those in clear. */
async function serversFor(directives: string): Promise<string> {
  const ports = await freePorts(2 * PROTOCOLS.length);
  return ["", "ssl"].flatMap((ssl, i) =>
    PROTOCOLS.map((protocol, k) => {
      const port = ports[i * PROTOCOLS.length + k];
      return `server { listen 127.0.0.1:${port} ${ssl}; protocol ${protocol}; ${directives} }`;
    })
  ).join("\n");
}

describe("what a mail server hears of a client's TLS", () => {
  let scene: TlsScene;
  let proxy: TestProxy;
  let anna: Certificate;
  let stranger: Certificate;
  before(async () => {
    scene = await TlsScene.open();
    anna = scene.folder.make({ name: "anna", issuer: scene.authority, extensions: CLIENT_EXTENSIONS });
    stranger = scene.folder.make({ name: "stranger", extensions: CLIENT_EXTENSIONS });
    const servers = await serversFor("starttls on;");
    proxy = await scene.proxy(`
      proxy_protocol v2; ssl_verify_client optional_no_ca;
      ssl_client_certificate ${scene.authority.certificatePath}; ${servers}`);
  });
  after(() => scene.close());

  /** Logs a client in; what the header said, with the name of a suite in place of the suite. */
  async function told(way: Way, protocol: Protocol, tls: ClientTls = {}): Promise<ClientFacts> {
    scene.upstream.script = afterHeader(isWholeHeader, WORDS[protocol].upstream);
    const seen = scene.upstream.wires.length;
    const client = scene.keep(await arrive(way, protocol, proxy, tls));
    const { login, welcome } = WORDS[protocol];
    client.send(login);
    await client.until(() => client.received.endsWith(welcome) || client.isOver);
    assert(client.received.endsWith(welcome), client.received);
    return factsIn(scene.upstream.wires[seen]);
  }

  for (const protocol of PROTOCOLS) {
    it(`${protocol}: nothing of a client in clear`, SLOW, async () => {
      assertEquals(await told("in clear", protocol), { authority: undefined, alpn: undefined, tls: undefined });
    });

    for (const way of ["after STARTTLS", "from the first octet"] as const) {
      for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
        it(`${protocol}: that it came over ${version} ${way}`, SLOW, async () => {
          const facts = await told(way, protocol, { version });
          assertEquals(facts, { authority: undefined, alpn: undefined, tls: { ...BARE, version } });
        });
      }
    }

    it(`${protocol}: the name and the protocol that it asked for, and its certificate`, SLOW, async () => {
      const alpn = protocol === "smtp" ? [] : [protocol];
      const facts = await told("from the first octet", protocol, { name: MAIL, alpn, own: anna, version: "TLSv1.3" });
      const tls = { ...BARE, certificate: "sent", verifyResult: 0, version: "TLSv1.3", commonName: "anna" } as const;
      assertEquals(facts, { authority: MAIL, alpn: alpn[0], tls });
    });
  }

  it("that a certificate is nobody's whom we know", SLOW, async () => {
    const { tls } = await told("after STARTTLS", "imap", { own: stranger });
    assertEquals([tls?.certificate, tls?.verifyResult, tls?.commonName], ["sent", 18, "stranger"]);
  });

  it("that a certificate is that of a session which was resumed", SLOW, async () => {
    // Who is let in is left, so that openssl ends.
    scene.upstream.script = afterHeader(isWholeHeader, [...WORDS.pop3.upstream.slice(0, -1), hangUp]);
    const port = proxy.ports[PROTOCOLS.length + PROTOCOLS.indexOf("pop3")] ?? 0;
    const session = join(scene.folder.path, "session");
    const seen = scene.upstream.wires.length;
    const says = `USER joe\r\nPASS ${SECRET}\r\n`;
    const first = { port, protocol: "pop3", version: "1_2", own: anna, says, to: session } as const;
    assertEquals((await visit(first)).isReused, false);
    const { isReused } = await visit({ ...first, from: session });
    const heard = scene.upstream.wires.slice(seen).map((wire) => factsIn(wire).tls);
    assertEquals(heard.map((tls) => tls?.certificate), ["sent", isReused ? "resumed" : "sent"]);
    assertEquals(heard.map((tls) => tls?.commonName), ["anna", "anna"]);
  });
});

const REAL = needs("dovecot 2.3", "openssl");

/** What anna says, and what she hears when she is let in. */
const LOGINS: Readonly<Record<Protocol, { readonly says: string; readonly done: RegExp }>> = {
  imap: { says: "a LOGIN anna sesame\r\n", done: /^a OK .*\r\n$/m },
  pop3: { says: "USER anna\r\nPASS sesame\r\n", done: /^\+OK Logged in\.\r\n$/m },
  smtp: {
    says: `EHLO client.example\r\nAUTH PLAIN ${btoa("\0anna\0sesame")}\r\n`,
    done: /^235 .*\r\n$/m,
  },
};

describe("a Dovecot that takes passwords of clients over TLS alone", () => {
  const folder = new CertificateFolder();
  let sink: SmtpSink | undefined;
  let dovecot: Dovecot | undefined;
  let auth: FakeAuth | undefined;
  let proxy: TestProxy | undefined;
  before(async () => {
    if (REAL.skip !== false) return;
    const certificate = folder.make({ name: "localhost", extensions: serverExtensions("DNS:localhost") });
    sink = await SmtpSink.start();
    const users = { anna: "sesame" };
    dovecot = await Dovecot.start({ users, certificate, relayPort: sink.port, isStrict: true, isProxied: true });
    const ports = { ...dovecot.ports, smtp: dovecot.ports.submission };
    auth = await FakeAuth.start((wire, request) => {
      const protocol = field(request, "Auth-Protocol") as Protocol;
      reply(wire, accept(ports[protocol]));
    });
    proxy = await startProxy(`
      ssl_certificate ${certificate.certificatePath}; ssl_certificate_key ${certificate.keyPath};
      auth_http 127.0.0.1:${auth.port}; proxy_protocol v2; proxy_smtp_auth on; xclient off;
      ${await serversFor("starttls on;")}`);
  }, REAL);
  after(async () => {
    await proxy?.stop();
    await auth?.stop();
    await dovecot?.stop();
    await sink?.stop();
    folder.remove();
  });

  for (const protocol of PROTOCOLS) {
    const { says, done } = LOGINS[protocol];

    for (const way of ["after STARTTLS", "from the first octet"] as const) {
      it(`${protocol}: lets her in who came over TLS to us, ${way}`, REAL, async () => {
        const client = await arrive(way, protocol, proxy);
        client.send(says);
        await client.until(() => done.test(client.received) || client.isOver);
        assertMatch(client.received, done);
        client.destroy();
      });
    }

    it(`${protocol}: refuses her who came in clear`, REAL, async () => {
      const client = await arrive("in clear", protocol, proxy);
      client.send(says);
      const { internalError } = WORDS[protocol];
      await client.until(() => client.received.endsWith(internalError) || client.isOver);
      assert(client.received.endsWith(internalError), client.received);
      client.destroy();
    });
  }
});
