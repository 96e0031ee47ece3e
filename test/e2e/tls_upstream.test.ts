import { createHash, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type Certificate, CLIENT_EXTENSIONS, EXPIRED, LONG_AGO, serverExtensions } from "../support/certificates.ts";
import { accept } from "../support/fake_auth.ts";
import { POP3_LOGIN } from "../support/fake_upstream.ts";
import { HttpsAuth } from "../support/https_auth.ts";
import type { TestProxy } from "../support/proxy.ts";
import { SECRET, WORDS } from "../support/scene.ts";
import { MAIL, TlsScene } from "../support/tls_scene.ts";
import { TlsServer } from "../support/tls_wire.ts";
import { eventually } from "../support/watch.ts";
import type { Wire } from "../support/wire.ts";

/** Certificates that a server could show. */
interface Shown {
  readonly good: Certificate;
  readonly named: Certificate;
  readonly expired: Certificate;
  readonly foreign: Certificate;
  readonly selfSigned: Certificate;
  readonly wrongPurpose: Certificate;
  readonly revoked: Certificate;
}

function certificates(scene: TlsScene): Shown {
  const { folder, authority } = scene;
  const extensions = serverExtensions(`DNS:${MAIL}`, "IP:127.0.0.1");
  const other = folder.authority("other");
  const revoked = folder.make({ name: "revoked", issuer: authority, extensions });
  folder.revoke(authority, [revoked]);
  return {
    good: scene.certificate,
    revoked,
    named: folder.make({ name: "named", issuer: authority, extensions: serverExtensions("DNS:named.example.test") }),
    expired: folder.make({ name: "expired", issuer: authority, extensions, from: LONG_AGO, until: EXPIRED }),
    foreign: folder.make({ name: "foreign", issuer: other, extensions }),
    selfSigned: folder.make({ name: "self-signed", extensions }),
    wrongPurpose: folder.make({
      name: "wrong-purpose",
      issuer: authority,
      extensions: [...CLIENT_EXTENSIONS, `subjectAltName = DNS:${MAIL},IP:127.0.0.1`],
    }),
  };
}

function fingerprint({ certificate }: Certificate): string {
  return createHash("sha256").update(new X509Certificate(certificate).raw).digest("hex");
}

const LOGIN_FAILED = "client login failed";

describe("the certificate of an upstream", () => {
  let scene: TlsScene;
  let shown: Shown;
  let own: Certificate;
  const proxies: TestProxy[] = [];
  before(async () => {
    scene = await TlsScene.open();
    shown = certificates(scene);
    own = scene.folder.make({ name: "postern", issuer: scene.authority, extensions: CLIENT_EXTENSIONS });
  });
  after(() => scene.close());

  /** Logs in over POP3 to an upstream that speaks TLS from its first octet; gives what the client hears at last. */
  async function logIn(directives: string, server: TlsServer): Promise<{ heard: string; log: string[]; wire: Wire }> {
    const proxy = await scene.proxy(`proxy_ssl on; ${directives} server { listen 127.0.0.1; protocol pop3; }`);
    proxies.push(proxy);
    scene.upstream.script = [server.startTls, ...POP3_LOGIN];
    const count = scene.upstream.wires.length;
    const client = await scene.client(proxy.ports[0] ?? 0);
    const { greeting, login, heard, welcome } = WORDS.pop3;
    await client.expect(greeting);
    await client.ask(login, heard);
    await client.until(() => client.unread.includes("\r\n"));
    const { unread } = client;
    if (unread === welcome) {
      await client.expect(welcome);
      await client.ask("hello\r\n", "hello\r\n");
    }
    client.end();
    await client.untilOver();
    await eventually(() => proxy.sockets() === 0, () => `${proxy.sockets()} sockets`);
    const log = proxy.log.filter((line) => !line.includes(" connected to ")).map((line) =>
      line.split(", client")[0] ?? ""
    );
    return { heard: unread, log, wire: await scene.upstream.wire(count) };
  }

  const trust = () => `proxy_ssl_trusted_certificate ${scene.authority.certificatePath};`;

  /** The upstream's certificate, the directives, and whether the login goes through. */
  const CASES: readonly [string, keyof Shown, (files: { trust: string; crl: string }) => string, boolean][] = [
    ["is taken from a known authority, for the address", "good", ({ trust }) => trust, true],
    ["is taken for the configured name", "named", ({ trust }) => `${trust} proxy_ssl_name named.example.test;`, true],
    ["is refused for another name", "good", ({ trust }) => `${trust} proxy_ssl_name named.example.test;`, false],
    [
      "is taken for a name with variables",
      "named",
      ({ trust }) => `${trust} ${BY_USER} proxy_ssl_name $named.test;`,
      true,
    ],
    [
      "is refused for another one with variables",
      "good",
      ({ trust }) => `${trust} proxy_ssl_name $auth_user.test;`,
      false,
    ],
    ["is taken for the address where variables come to nothing", "good", ({ trust }) => {
      return `${trust} proxy_ssl_name $auth_domain;`;
    }, true],
    ["is refused without the address", "named", ({ trust }) => trust, false],
    ["is refused from another authority", "foreign", ({ trust }) => trust, false],
    ["is refused by what the system trusts", "good", () => "", false],
    ["is refused when self-signed", "selfSigned", ({ trust }) => trust, false],
    ["is refused when it has expired", "expired", ({ trust }) => trust, false],
    ["is refused when it was revoked", "revoked", ({ trust, crl }) => `${trust} proxy_ssl_crl ${crl};`, false],
    ["is taken when another was revoked", "good", ({ trust, crl }) => `${trust} proxy_ssl_crl ${crl};`, true],
    ["is refused when it is a client's", "wrongPurpose", ({ trust }) => trust, false],
    ["is not looked at when told so", "selfSigned", () => "proxy_ssl_verify off;", true],
    ["and its name are not looked at when told so", "named", () => "proxy_ssl_verify off;", true],
  ];

  for (const [name, which, directives, isGood] of CASES) {
    it(name, async () => {
      const server = new TlsServer(shown[which]);
      const { heard, log, wire } = await logIn(
        directives({ trust: trust(), crl: join(scene.folder.path, "authority.crl") }),
        server,
      );
      if (isGood) {
        assertEquals([heard, log], [WORDS.pop3.welcome, ["info client logged in", "info proxied session done"]]);
        assertEquals(server.wires[0]?.received, `USER joe\r\nPASS ${SECRET}\r\n`);
      } else {
        assertEquals(heard, WORDS.pop3.internalError);
        assert(log.length === 1 && FAILED.test(log[0] ?? ""), log.join("\n"));
        for (const each of [wire, ...server.wires]) assertEquals(each.received, "");
      }
    });
  }

  it("is taken by its fingerprint, and no other of the same authority", async () => {
    const good = await logIn(`${trust()} proxy_ssl_fingerprint ${fingerprint(shown.good)};`, new TlsServer(shown.good));
    assertEquals(good.heard, WORDS.pop3.welcome);
    const server = new TlsServer(shown.good);
    const bad = await logIn(`${trust()} proxy_ssl_fingerprint ${fingerprint(shown.named)};`, server);
    assertEquals(bad.heard, WORDS.pop3.internalError);
    for (const wire of server.wires) assertEquals(wire.received, "");
  });

  it("is asked for by name only when told so", async () => {
    const server = new TlsServer(shown.good);
    for (const directives of ["", "proxy_ssl_server_name on;"]) {
      const { heard } = await logIn(`${trust()} proxy_ssl_name ${MAIL}; ${directives}`, server);
      assertEquals(heard, WORDS.pop3.welcome);
    }
    // Deno tells an empty name where there is none.
    assertEquals(server.heard.map(({ servername }) => servername || undefined), [undefined, MAIL]);
  });

  it("is answered with our own, where one is asked for", async () => {
    const options = { requestCert: true, rejectUnauthorized: true, ca: scene.authority.certificate };
    const server = new TlsServer(shown.good, options);
    const { certificatePath, keyPath } = own;
    const ours = `proxy_ssl_certificate ${certificatePath}; proxy_ssl_certificate_key ${keyPath};`;
    assertEquals((await logIn(trust() + ours, server)).heard, WORDS.pop3.welcome);
    assertEquals(server.heard.map(({ clientName }) => clientName), ["postern"]);
    const without = await logIn(trust(), server);
    assertEquals(without.heard, WORDS.pop3.internalError);
    assertEquals(server.wires.length, 1);
  });

  it("comes with the versions that are asked for", async () => {
    for (const version of ["TLSv1.2", "TLSv1.3"]) {
      const server = new TlsServer(shown.good);
      await logIn(`${trust()} proxy_ssl_protocols ${version};`, server);
      assertEquals(server.heard.map((each) => each.version), [version]);
    }
    const old = new TlsServer(shown.good, { maxVersion: "TLSv1.2" });
    const { heard } = await logIn(`${trust()} proxy_ssl_protocols TLSv1.3;`, old);
    assertEquals([heard, old.wires.length], [WORDS.pop3.internalError, 0]);
  });
});

describe("an answer of the auth server that says how to speak TLS", () => {
  let scene: TlsScene;
  before(async () => {
    scene = await TlsScene.open();
  });
  after(() => scene.close());

  /** Logs in over POP3 with this in the answer; the upstream begins TLS at once or when it is asked to. */
  async function logIn(
    mode: string,
    wish: string,
    directives = "",
  ): Promise<{ heard: string; log: readonly string[] }> {
    const trust = `proxy_ssl_trusted_certificate ${scene.authority.certificatePath};`;
    const proxy = await scene.proxy(`${mode} ${directives || trust} server { listen 127.0.0.1; protocol pop3; }`);
    const { startTls } = new TlsServer(scene.certificate);
    const [greeting = "", ...rest] = POP3_LOGIN;
    scene.upstream.script = wish === "on"
      ? [startTls, ...POP3_LOGIN]
      : wish === "starttls"
      ? [greeting, "+OK\r\n", startTls, ...rest.slice(0)]
      : POP3_LOGIN;
    scene.auth.answer = `${accept(scene.upstream.port)}Auth-Server-SSL: ${wish}\r\n`;
    const client = await scene.client(proxy.ports[0] ?? 0);
    await client.expect(WORDS.pop3.greeting);
    await client.ask(WORDS.pop3.login, WORDS.pop3.heard);
    await client.until(() => client.unread.includes("\r\n"));
    return { heard: client.unread, log: proxy.log };
  }

  it("is followed where it asks for as much as is configured, or more", async () => {
    for (const mode of ["", "proxy_ssl on;", "proxy_ssl starttls;"]) {
      for (const wish of mode === "" ? ["off", "on", "starttls"] : ["on", "starttls"]) {
        assertEquals((await logIn(mode, wish)).heard, WORDS.pop3.welcome, `${mode} ${wish}`);
      }
    }
  });

  it("gets no password in clear out where TLS is configured", async () => {
    for (const mode of ["on", "starttls"]) {
      const count = scene.upstream.wires.length;
      const { heard, log } = await logIn(`proxy_ssl ${mode};`, "off");
      assertEquals(heard, WORDS.pop3.internalError);
      const complaint = `sent "Auth-Server-SSL: off", which is less than "proxy_ssl ${mode}"`;
      assert(log.some((line) => line.startsWith("error auth http server") && line.includes(complaint)), log.join("\n"));
      assertEquals(scene.upstream.wires.length, count);
    }
  });

  it("has certificates checked as if it were configured", async () => {
    for (const wish of ["on", "starttls"]) {
      const { heard, log } = await logIn("", wish, "proxy_ssl_name other.example.test;");
      assertEquals(heard, WORDS.pop3.internalError);
      assert(log.some((line) => line.includes("certificate verify error")), log.join("\n"));
    }
  });
});

describe("an auth server over TLS", () => {
  let scene: TlsScene;
  let shown: Shown;
  before(async () => {
    scene = await TlsScene.open();
    shown = certificates(scene);
    scene.upstream.script = POP3_LOGIN;
  });
  after(() => scene.close());

  /** Logs in twice; gives what is heard, the log, and the server that was asked. */
  async function logIn(
    certificate: Certificate,
    directives: string,
  ): Promise<{ heard: string[]; log: string[]; auth: HttpsAuth }> {
    const auth = await HttpsAuth.start(certificate, accept(scene.upstream.port));
    const proxy = await scene.proxy(`
      server { listen 127.0.0.1; protocol pop3; auth_http https://127.0.0.1:${auth.port}/auth; ${directives} }`);
    const heard: string[] = [];
    try {
      for (let round = 0; round < 2; round++) {
        const client = await scene.client(proxy.ports[0] ?? 0);
        await client.expect(WORDS.pop3.greeting);
        await client.ask(WORDS.pop3.login, WORDS.pop3.heard);
        await client.until(() => client.unread.includes("\r\n"));
        heard.push(client.unread);
        client.end();
        await client.untilOver();
      }
      await eventually(() => proxy.server.connections === 0, () => `${proxy.server.connections} connections`);
    } finally {
      await auth.stop();
    }
    return { heard, log: proxy.log.filter((line) => line.startsWith("error ")), auth };
  }

  it("is asked over one connection that is kept", async () => {
    const trust = `auth_http_ssl_trusted_certificate ${scene.authority.certificatePath};`;
    const { heard, log, auth } = await logIn(shown.good, trust);
    assertEquals([heard, log], [[WORDS.pop3.welcome, WORDS.pop3.welcome], []]);
    assertEquals([auth.connections, auth.requests.length], [1, 2]);
    assert(auth.requests[0]?.startsWith("GET /auth HTTP/1.1\r\nHost: 127.0.0.1\r\nAuth-Method: plain\r\n"));
  });

  for (const which of ["named", "expired", "foreign", "selfSigned", "wrongPurpose", "revoked"] as const) {
    it(`is told nothing when its certificate is wrong: ${which}`, async () => {
      const crl = join(scene.folder.path, "authority.crl");
      const trust = `auth_http_ssl_trusted_certificate ${scene.authority.certificatePath}; auth_http_ssl_crl ${crl};`;
      const { heard, log, auth } = await logIn(shown[which], trust);
      assertEquals(heard, [WORDS.pop3.internalError, WORDS.pop3.internalError]);
      assertEquals(auth.requests, []);
      const tail = `while in http auth state, client: 127.0.0.1, server: 127.0.0.1:0, login: "joe"`;
      for (const line of log) assert(AUTH_FAILED.test(line) && line.endsWith(tail), line);
      assertEquals(log.length, 2);
      assert(!log.join().includes(LOGIN_FAILED));
    });
  }

  it("is believed without a look when told so", async () => {
    const { heard } = await logIn(shown.selfSigned, "auth_http_ssl_verify off;");
    assertEquals(heard, [WORDS.pop3.welcome, WORDS.pop3.welcome]);
  });
});

const FAILED = /^error SSL_do_handshake\(\) failed \(SSL: .+\) while SSL handshaking to upstream$/;
const AUTH_FAILED = /^error SSL_do_handshake\(\) failed \(SSL: .+\) with auth http server 127\.0\.0\.1:\d+ while /;

/** Where a user's server is. */
const BY_USER = "map $auth_user $named { joe named.example; }";
