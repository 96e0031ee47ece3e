/** The configurations of docs/recipes.md, word for word, with real servers and real clients. */

import { after, before, describe, it } from "node:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Certificate, CertificateFolder, serverExtensions } from "../support/certificates.ts";
import { needs, run } from "../support/clients.ts";
import { Dovecot } from "../support/dovecot.ts";
import { FakeAuth, field, reply } from "../support/fake_auth.ts";
import { freePorts } from "../support/free_ports.ts";
import { letter } from "../support/letters.ts";
import { TestFolder } from "../support/program.ts";
import { startConfiguration, type TestProxy } from "../support/proxy.ts";
import { connectTo } from "../support/raw_client.ts";
import { fileOf, fitted, recipe, recipes, type Surroundings } from "../support/recipes.ts";
import { SmtpSink } from "../support/smtp_sink.ts";

const REAL = needs("curl", "dovecot 2.3", "openssl");

const MAIL = "mail.example.com";
const EXCHANGE = "exchange.example.com";
const PASSWORD = "sesame";
const USERS = ["anna@example.com", "berta@example.com", "carl@example.org", "dora@sub.example.com", "emil@example.net"];
const MANY = Array.from({ length: 8 }, (_, i) => `user${i}@example.com`);

/** All that the recipes are run with. */
class Lab {
  readonly sink: SmtpSink;
  readonly certificates: CertificateFolder;
  readonly authority: Certificate;
  readonly folder = new TestFolder();
  /** `one` has one letter for everybody, `two` has two, and the one like Exchange three. */
  readonly one: Dovecot;
  readonly two: Dovecot;
  readonly exchange: Dovecot;
  readonly auth: FakeAuth;
  readonly #mail: Certificate;
  readonly #proxies: TestProxy[] = [];

  private constructor(parts: Pick<Lab, "sink" | "certificates" | "authority" | "one" | "two" | "exchange" | "auth">) {
    this.sink = parts.sink;
    this.certificates = parts.certificates;
    this.authority = parts.authority;
    this.one = parts.one;
    this.two = parts.two;
    this.exchange = parts.exchange;
    this.auth = parts.auth;
    this.#mail = this.issue(MAIL);
  }

  static async open(): Promise<Lab> {
    const sink = await SmtpSink.start();
    const certificates = new CertificateFolder();
    const authority = certificates.authority("authority");
    const certificate = certificates.make({
      name: EXCHANGE,
      issuer: authority,
      extensions: serverExtensions(`DNS:${EXCHANGE}`),
    });
    const users = Object.fromEntries([...USERS, ...MANY].map((user) => [user, PASSWORD]));
    const start = (changes: Partial<Parameters<typeof Dovecot.start>[0]> = {}) =>
      Dovecot.start({ users: { ...users, anna: "backstage" }, relayPort: sink.port, ...changes });
    const [one, two, exchange] = await Promise.all([start(), start(), start({ certificate, isStrict: true })]);
    for (const [at, server] of [one, two, exchange].entries()) {
      for (const user of [...USERS, ...MANY, "anna"]) {
        server.deliver(user, Array.from({ length: at + 1 }, (_, seed) => letter(seed, { size: 100 })));
      }
    }
    const auth = await FakeAuth.start((wire, request) => {
      reply(
        wire,
        field(request, "Auth-Pass") === PASSWORD ? "Auth-Status: OK\r\n" : "Auth-Status: no\r\nAuth-Wait: 1\r\n",
      );
    });
    return new Lab({ sink, certificates, authority, one, two, exchange, auth });
  }

  issue(name: string): Certificate {
    return this.certificates.make({ name, issuer: this.authority, extensions: serverExtensions(`DNS:${name}`) });
  }

  /** What is put in for the document's addresses, ports and paths, with what a recipe has of its own. */
  fit(text: string, { addresses = {}, paths = {}, ports = [] }: Partial<Surroundings> = {}): string {
    const { one, two } = this;
    return fitted(text, {
      ports,
      addresses: {
        "192.0.2.11:143": `127.0.0.1:${one.ports.imap}`,
        "192.0.2.11:110": `127.0.0.1:${one.ports.pop3}`,
        "192.0.2.11:587": `127.0.0.1:${one.ports.submission}`,
        "192.0.2.12:143": `127.0.0.1:${two.ports.imap}`,
        "192.0.2.12:110": `127.0.0.1:${two.ports.pop3}`,
        "192.0.2.12:587": `127.0.0.1:${two.ports.submission}`,
        "192.0.2.9:8080": `127.0.0.1:${this.auth.port}`,
        "198.51.100.0/24": "127.0.1.0/24",
        "203.0.113.0/24": "127.0.2.0/24",
        ...addresses,
      },
      paths: {
        "/etc/ssl/mail.example.com.crt": this.#mail.certificatePath,
        "/etc/ssl/mail.example.com.key": this.#mail.keyPath,
        "/etc/ssl/ca.pem": this.authority.certificatePath,
        ...paths,
      },
    });
  }

  /** A proxy with a recipe. */
  async serve(name: string, own: Partial<Surroundings> = {}): Promise<Served> {
    const proxy = await startConfiguration(this.fit(recipe(name), { ports: await freePorts(3), ...own }));
    this.#proxies.push(proxy);
    return new Served(proxy, this.authority);
  }

  async close(): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy.stop()));
    await Promise.all([this.one, this.two, this.exchange, this.auth, this.sink].map((each) => each.stop()));
    this.certificates.remove();
    this.folder.remove();
  }
}

/** A recipe at work, and curl as its client. */
class Served {
  readonly proxy: TestProxy;
  readonly #authority: Certificate;

  constructor(proxy: TestProxy, authority: Certificate) {
    this.proxy = proxy;
    this.#authority = authority;
  }

  /** Which server it is that has this user's mail, known by how many letters it has; or how the login failed. */
  async letters(
    user: string,
    { scheme = "imap", from = "127.0.0.1", password = PASSWORD, isTls = false, at = 0 }: Ask = {},
  ): Promise<number | string> {
    const path = scheme.startsWith("imap") ? ["-X", "STATUS INBOX (MESSAGES)"] : ["-X", "STAT", "--head"];
    const { status, stdout } = await this.#curl(`${scheme}://${MAIL}:${this.proxy.ports[at]}/`, [
      ...path,
      "--interface",
      from,
      "--user",
      `${user}:${password}`,
      ...isTls ? ["--ssl-reqd"] : [],
    ]);
    if (status !== 0) return `curl ${status}`;
    if (!scheme.startsWith("imap")) return "in";
    return Number(/MESSAGES (\d+)/.exec(stdout)?.[1]);
  }

  /** Sends a letter; the sink has it. */
  async send(scheme: "smtp" | "smtps", at: number, user: string): Promise<number | string> {
    const mail = ["--mail-from", user, "--mail-rcpt", "carl@example.org", "--upload-file", "-"];
    const { status } = await this.#curl(
      `${scheme}://${MAIL}:${this.proxy.ports[at]}/client.example.com`,
      ["--ssl-reqd", "--user", `${user}:${PASSWORD}`, ...mail],
      `Subject: sent with ${scheme}\r\n\r\nHello\r\n`,
    );
    return status;
  }

  #curl(url: string, options: readonly string[], input = "") {
    const place = ["--silent", "--max-time", "15", "--connect-to", `${MAIL}::127.0.0.1:`, "--cacert"];
    return run("curl", [...place, this.#authority.certificatePath, ...options, url], { input });
  }
}

interface Ask {
  readonly scheme?: "imap" | "imaps" | "pop3";
  readonly from?: string;
  readonly password?: string;
  readonly isTls?: boolean;
  readonly at?: number;
}

/** A busy machine needs it. */
const PATIENCE = 30_000;

/** curl's code for a login that was refused. */
const REFUSED = "curl 67";

describe("the recipes", () => {
  let opened: Lab | undefined;
  const lab = (): Lab => {
    if (opened === undefined) throw new Error("there are no servers");
    return opened;
  };
  before(async () => {
    if (REAL.skip === false) opened = await Lab.open();
  }, REAL);
  after(() => opened?.close());

  it("are all tried here, but for the one that has a file of its own", () => {
    const names = "two-servers by-domain nearest sticky moving by-name exchange users-file who-and-where";
    assertEquals([...recipes().keys()], names.split(" "));
  });

  it("one endpoint for two servers: both of them serve, over STARTTLS, in all protocols", REAL, async () => {
    const served = await lab().serve("two-servers");
    const found = [];
    for (let i = 0; i < 4; i++) found.push(await served.letters("anna@example.com", { isTls: true }));
    assertEquals(found.sort(), [1, 1, 2, 2]);
    assertEquals(await served.letters("anna@example.com", { isTls: true, password: "wrong" }), REFUSED);
    assertEquals(await served.letters("anna@example.com", { scheme: "pop3", isTls: true, at: 1 }), "in");
    assertEquals(await served.send("smtp", 2, "anna@example.com"), 0);
    await lab().sink.letter("Subject: sent with smtp");
  });

  it("by domain: each user is where the domain is", REAL, async () => {
    const served = await lab().serve("by-domain");
    const found = [];
    for (const user of USERS) found.push([user, await served.letters(user)]);
    assertEquals(found, [
      ["anna@example.com", 1],
      ["berta@example.com", 1],
      ["carl@example.org", 2],
      ["dora@sub.example.com", 1],
      ["emil@example.net", 2],
    ]);
  });

  it("the nearest server: by where the client is", REAL, async () => {
    const served = await lab().serve("nearest");
    const found = [];
    for (const from of ["127.0.0.1", "127.0.1.5", "127.0.2.5"]) {
      found.push(await served.letters("anna@example.com", { from }));
    }
    assertEquals(found, [1, 1, 2]);
  });

  it("sticky users: each has one server, and both servers have users", REAL, async () => {
    const served = await lab().serve("sticky");
    const found = [];
    for (const user of MANY) {
      const [first, second] = [await served.letters(user), await served.letters(user, { from: "127.0.0.7" })];
      assertEquals(first, second, user);
      found.push(first);
    }
    assertEquals(new Set(found), new Set([1, 2]));
  });

  it("moving users: a line and a reload move a user, and no session ends", REAL, async () => {
    const path = join(lab().folder.path, "moved.map");
    const own = { paths: { "/etc/postern/moved.map": path }, ports: await freePorts(1) };
    writeFileSync(path, "");
    const served = await lab().serve("moving", own);
    const session = await connectTo(served.proxy.ports[0] ?? 0);
    await session.until(() => session.received.includes("* OK "), PATIENCE);
    session.send(`a LOGIN berta@example.com ${PASSWORD}\r\n`);
    await session.until(() => session.received.includes("\na OK "), PATIENCE);
    writeFileSync(path, lab().fit(fileOf("/etc/postern/moved.map"), own));
    assertEquals(await served.letters("berta@example.com"), 1);
    await served.proxy.reload(lab().fit(recipe("moving"), own));
    assertEquals([await served.letters("berta@example.com"), await served.letters("anna@example.com")], [2, 1]);
    session.send("b STATUS INBOX (MESSAGES)\r\n");
    await session.until(() => session.received.includes("\nb OK "), PATIENCE);
    assertMatch(session.received, /MESSAGES 1\)/);
    session.destroy();
  });

  it("Exchange behind STARTTLS: a password goes over TLS alone, and to nobody else", REAL, async () => {
    const { imap, submission } = lab().exchange.ports;
    const toExchange = { "192.0.2.11:143": `127.0.0.1:${imap}`, "192.0.2.11:587": `127.0.0.1:${submission}` };
    const served = await lab().serve("exchange", { addresses: toExchange });
    assertEquals(await served.letters("anna@example.com", { scheme: "imaps" }), 3);
    assertEquals(await served.letters("anna@example.com", { scheme: "imaps", password: "wrong" }), REFUSED);
    assertEquals(await served.send("smtps", 1, "anna@example.com"), 0);
    await lab().sink.letter("Subject: sent with smtps");

    const given = lab().exchange.credentials.length;
    const other = { "/etc/ssl/ca.pem": lab().certificates.authority("another").certificatePath };
    const mistaken = await lab().serve("exchange", { addresses: toExchange, paths: other });
    assert(await mistaken.letters("anna@example.com", { scheme: "imaps" }) !== REFUSED);
    assertEquals(lab().exchange.credentials.length, given);
    assertMatch(mistaken.proxy.log.join("\n"), /SSL_do_handshake\(\) failed .*while SSL handshaking to upstream/);
  });

  it("users of our own: a hash in a file, and another login behind", REAL, async () => {
    const users = lab().folder.write("users", fileOf("/etc/postern/users"));
    const served = await lab().serve("users-file", { paths: { "/etc/postern/users": users } });
    assertEquals(await served.letters("anna@example.com"), 1);
    assertEquals(await served.letters("anna@example.com", { password: "wrong" }), REFUSED);
    assertEquals(await served.letters("berta@example.com"), REFUSED);
    await lab().one.given({ login: "anna", password: "backstage" });
  });

  it("who and where: one user by any name, asked about once, on one server, and not without end", REAL, async () => {
    const served = await lab().serve("who-and-where");
    const found = new Set();
    for (const name of ["Anna", "anna@example.com", "ANNA@Example.COM"]) found.add(await served.letters(name));
    assertEquals(found.size, 1);
    assert([1, 2].includes(Number([...found][0])));
    const asked = lab().auth.requests.map((request) => field(request, "Auth-User"));
    assertEquals(asked, ["anna@example.com"]);
    assertEquals(await served.letters("anna", { password: "wrong" }), REFUSED);

    const sessions = [];
    for (let i = 0; i < 3; i++) {
      const session = await connectTo(served.proxy.ports[0] ?? 0);
      sessions.push(session);
      session.send(`a LOGIN berta ${PASSWORD}\r\n`);
      await session.until(() => /\na (?:OK|NO) /.test(session.received), PATIENCE);
    }
    const replies = sessions.map(({ received }) => /\na (OK|NO \[LIMIT\])/.exec(received)?.[1]);
    assertEquals(replies, ["OK", "OK", "NO [LIMIT]"]);
    for (const session of sessions) session.destroy();
  });

  it("go on when a server is gone: nobody notices but the log", REAL, async () => {
    const [both, near, sticky] = [
      await lab().serve("two-servers"),
      await lab().serve("nearest"),
      await lab().serve("sticky"),
    ];
    assertEquals(await near.letters("anna@example.com", { from: "127.0.2.5" }), 2);
    await lab().two.stop();
    const found = [];
    for (let i = 0; i < 4; i++) found.push(await both.letters("anna@example.com", { isTls: true }));
    for (const user of MANY) found.push(await sticky.letters(user));
    found.push(await near.letters("anna@example.com", { from: "127.0.2.5" }));
    assertEquals(new Set(found), new Set([1]));
    for (const { log } of [both.proxy, near.proxy, sticky.proxy]) assertMatch(log.join("\n"), /connect\(\) failed/);
    assertEquals(await both.letters("anna@example.com", { isTls: true, password: "wrong" }), REFUSED);
  });
});
