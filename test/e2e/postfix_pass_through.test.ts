/**
 * `proxy_pass` for SMTP without an auth server, as guides show it, in front of a real Postfix: it checks the logins
 * itself, by asking Dovecot, and sends mail to others for those alone who have logged in.
 */

import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Certificate, CertificateFolder, serverExtensions } from "../support/certificates.ts";
import { needs } from "../support/clients.ts";
import { Dovecot } from "../support/dovecot.ts";
import { digest, letter } from "../support/letters.ts";
import { Postfix } from "../support/postfix.ts";
import { startConfiguration, type TestProxy } from "../support/proxy.ts";
import { connectTo } from "../support/raw_client.ts";
import { CLIENT, HELO, sendWithCurl, swaks, swaksLogin } from "../support/senders.ts";
import { SmtpSink } from "../support/smtp_sink.ts";

const REAL = needs("curl", "dovecot 2.3", "openssl", "postfix", "root", "swaks over TLS");

const ALICE = { login: "alice", password: "pass word" } as const;
const WRONG = { login: "alice", password: "not that" } as const;
/** Somebody whose mail Postfix takes only after a login. */
const OTHER = ["--to", "dora@elsewhere.test"] as const;
const OWN = ["--to", "carl@example.test"] as const;

const GUIDES = {
  submission: `
mail {
    server {
        listen     587;
        protocol   smtp;
        smtp_auth  plain login cram-md5;
        smtp_capabilities "SIZE 10485760" ENHANCEDSTATUSCODES 8BITMIME;
        proxy_pass smtp_backend:25;
    }
}`,
  words: `
mail {
    server {
        listen     587;
        protocol   smtp;
        smtp_auth  plain login;
        proxy_pass smtp_backend:25;
        proxy_pass_error_message on;
        xclient    off;
    }
}`,
  tls: `
mail {
    server {
        listen     587;
        protocol   smtp;
        starttls   only;
        smtp_auth  plain;
        ssl_certificate     /etc/nginx/ssl/mail.crt;
        ssl_certificate_key /etc/nginx/ssl/mail.key;
        proxy_pass smtp_backend:25;
        proxy_smtp_auth on;
        proxy_ssl  starttls;
        proxy_ssl_trusted_certificate /etc/nginx/ssl/mail.crt;
        proxy_ssl_name localhost;
    }
}`,
  open: `
mail {
    server {
        listen     25;
        protocol   smtp;
        smtp_auth  none;
        proxy_pass smtp_backend:25;
    }
}`,
  plainOnly: "mail { server { listen 587; protocol smtp; smtp_auth login; proxy_pass plain_backend:25; } }",
  loginOnly: "mail { server { listen 587; protocol smtp; smtp_auth plain; proxy_pass login_backend:25; } }",
} as const;

type Guide = keyof typeof GUIDES;

/** How clients log in by each guide; Postfix need not have that mechanism. */
const LOGINS: readonly (readonly [Guide, string])[] = [
  ["submission", "PLAIN"],
  ["submission", "LOGIN"],
  ["submission", "CRAM-MD5"],
  ["words", "PLAIN"],
  ["words", "LOGIN"],
  ["tls", "PLAIN"],
  ["plainOnly", "LOGIN"],
  ["loginOnly", "PLAIN"],
];

describe("proxy_pass for SMTP in front of Postfix", () => {
  const folder = new CertificateFolder();
  const started: { stop(): Promise<void> }[] = [];
  const proxies = new Map<Guide, TestProxy>();
  let sink: SmtpSink | undefined;
  let alone: readonly number[] = [];

  before(async () => {
    if (REAL.skip !== false) return;
    const certificate = folder.make({ name: "localhost", extensions: serverExtensions("DNS:localhost") });
    sink = await SmtpSink.start();
    const relayPort = sink.port;
    const mechanisms = "plain login cram-md5";
    const dovecot = await Dovecot.start({ users: { [ALICE.login]: ALICE.password }, mechanisms });
    started.push(sink, dovecot);
    const sasl = { port: dovecot.ports.sasl, alone: ["plain", "login"] };
    const postfix = await Postfix.start({ domain: "example.test", relayPort, certificate, sasl });
    started.push(postfix);
    alone = postfix.alonePorts;
    const [plain = 0, login = 0] = alone;
    const ports = { smtp: postfix.port, plain, login };
    for (const [name, text] of Object.entries(GUIDES)) {
      const proxy = await startConfiguration(adapted(text, ports, certificate));
      started.push(proxy);
      proxies.set(name as Guide, proxy);
    }
  }, REAL);
  after(async () => {
    await Promise.all(started.map((thing) => thing.stop()));
    folder.remove();
  });

  const port = (guide: Guide) => `${proxies.get(guide)?.ports[0]}`;

  for (const [guide, mechanism] of LOGINS) {
    it(`${guide}: sends mail to others after AUTH ${mechanism}, and none after a wrong password`, REAL, async () => {
      const tls = guide === "tls" ? ["--tls"] : [];
      const subject = ["--h-Subject", `${guide} ${mechanism}`];
      const sent = await swaks(port(guide), [...OTHER, ...subject, ...tls, ...swaksLogin(mechanism, ALICE)]);
      assertEquals(sent.status, 0, sent.stdout);
      const got = await sink?.letter(`Subject: ${guide} ${mechanism}`);
      assertMatch(got?.text ?? "", received({ login: ALICE.login, knowsClient: guide !== "words" }));
      const refused = await swaks(port(guide), [...OTHER, ...tls, ...swaksLogin(mechanism, WRONG)]);
      assertEquals(refused.status, 28, refused.stdout);
      const words = guide === "words"
        ? /535 5\.7\.8 Error: authentication failed/
        : /535 5\.7\.8 Authentication failed/;
      assertMatch(refused.stdout, words);
    });
  }

  it("did so by another mechanism than the client's where Postfix has only that", REAL, async () => {
    for (const [i, mechanism] of ["PLAIN", "LOGIN"].entries()) {
      const client = await connectTo(alone[i] ?? 0);
      await client.nextUpTo("\r\n");
      client.send(`EHLO ${HELO}\r\n`);
      assertMatch(await client.nextUpTo("\r\n") ?? "", new RegExp(`^250.AUTH ${mechanism}\r$`, "m"));
      client.destroy();
    }
  });

  it("carries a letter of a megabyte for curl as it is", REAL, async () => {
    const text = letter(1, { size: 1_000_000 });
    await sendWithCurl(port("submission"), text, { account: ALICE });
    const got = await sink?.letter("Message-ID: <1.1000000@");
    assertEquals(digest(got?.text.slice(-text.length) ?? ""), digest(text));
  });

  it("keeps a client for another try, and then Postfix is the one who speaks", REAL, async () => {
    const client = await connectTo(Number(port("submission")));
    const say = async (line: string) => {
      client.send(`${line}\r\n`);
      return await client.nextUpTo("\r\n") ?? "";
    };
    await client.nextUpTo("\r\n");
    assertMatch(await say(`EHLO ${HELO}`), /^250.AUTH PLAIN LOGIN CRAM-MD5\r$/m);
    for (const { login, password } of [WRONG, WRONG]) {
      assertEquals(await say(`AUTH PLAIN ${btoa(`\0${login}\0${password}`)}`), "535 5.7.8 Authentication failed\r\n");
    }
    assertMatch(await say(`AUTH PLAIN ${btoa(`\0${ALICE.login}\0${ALICE.password}`)}`), /^235 /);
    assertMatch(await say("MAIL FROM:<alice@example.test>"), /^250 2\.1\.0 Ok/);
    assertMatch(await say("RCPT TO:<dora@elsewhere.test>"), /^250 2\.1\.5 Ok/);
    assertMatch(await say("AUTH PLAIN AAAA"), /^503 5\.5\.1 Error: /);
    assertMatch(await say("QUIT"), /^221 2\.0\.0 Bye/);
    await client.untilOver();
  });

  it("takes mail for Postfix's own domain without a login", REAL, async () => {
    const { status, stdout } = await swaks(port("open"), [...OWN, "--h-Subject", "from nobody"]);
    assertEquals(status, 0, stdout);
    const got = await sink?.letter("Subject: from nobody");
    assertMatch(got?.text ?? "", received({ knowsClient: true }));
  });

  it("takes no mail for others without a login", REAL, async () => {
    const { status, stdout } = await swaks(port("open"), OTHER);
    assertEquals(status, 24);
    assertStringIncludes(stdout, "<** 554 5.7.1 <dora@elsewhere.test>: Relay access denied");
  });

  it("tells the log whose fault it was, and no secret", REAL, () => {
    const log = [...proxies.values()].flatMap(({ log }) => log);
    const text = log.join("\n");
    for (const { login, password } of [ALICE, WRONG]) {
      for (const secret of [password, btoa(password), btoa(`\0${login}\0${password}`)]) assert(!text.includes(secret));
    }
    const faults = log.filter((line) => /^(?:warn|error|crit|alert|emerg) /.test(line) && !OF_CONFIGURATION.test(line));
    assertEquals(faults, []);
    const refusals = log.filter((line) => line.startsWith('info client login failed: "'));
    assertEquals(refusals.length, LOGINS.length + 2, text);
  });
});

/** What is told of a configuration as it is taken. */
const OF_CONFIGURATION = /^warn (?:no "events" section in configuration|.* in \/test\/nginx\.conf:\d+)$/;

function adapted(text: string, ports: Readonly<Record<string, number>>, certificate: Certificate): string {
  return text.replace(/\blisten\s+\d+/, "listen 127.0.0.1")
    .replace(/(\w+)_backend:25/, (_, name: string) => `127.0.0.1:${ports[name]}`)
    .replaceAll("/etc/nginx/ssl/mail.crt", certificate.certificatePath)
    .replaceAll("/etc/nginx/ssl/mail.key", certificate.keyPath);
}

/** What Postfix writes on top of a letter. Without XCLIENT it knows us alone. */
function received({ login, knowsClient }: { readonly login?: string; readonly knowsClient: boolean }): RegExp {
  const sender = login === undefined ? "" : `\\s+\\(Authenticated sender: ${login}\\)`;
  const client = knowsClient ? `${HELO} \\(unknown \\[${CLIENT}\\]\\)` : `\\S+ \\(unknown \\[127\\.0\\.0\\.1\\]\\)`;
  return new RegExp(`^Received: from ${client}[^;]*?${sender}\\s+by postfix\\.`);
}
