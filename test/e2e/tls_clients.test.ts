import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type AuthServer, startAuthScript } from "../support/auth_servers.ts";
import { type Certificate, CertificateFolder, serverExtensions } from "../support/certificates.ts";
import { needs, outputOf, python, run } from "../support/clients.ts";
import { Dovecot } from "../support/dovecot.ts";
import { freePorts } from "../support/free_ports.ts";
import { digest, letter } from "../support/letters.ts";
import { Postfix } from "../support/postfix.ts";
import { visit } from "../support/s_client.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";
import { PROTOCOLS } from "../support/scene.ts";
import { SmtpSink } from "../support/smtp_sink.ts";

const REAL = needs("curl", "dovecot 2.3", "mbsync", "postfix", "python3", "root");
const SWAKS = needs("dovecot 2.3", "postfix", "python3", "root", "swaks over TLS");
const USER = "joe";
const PASSWORD = "sesame";

/** How the proxy comes to its mail servers, and how clients come to it. */
const MODES = ["off", "starttls", "on"] as const;
const WAYS = ["clear", "STARTTLS", "implicit"] as const;
/** Those with TLS. */
const SECURE_WAYS = ["STARTTLS", "implicit"] as const;
type Mode = typeof MODES[number];
type Way = typeof WAYS[number];

class Place {
  readonly folder = new CertificateFolder();
  readonly authority: Certificate = this.folder.authority("authority");
  readonly #certificate = this.folder.make({
    name: "localhost",
    issuer: this.authority,
    extensions: serverExtensions("DNS:localhost", "IP:127.0.0.1"),
  });
  readonly #proxies = new Map<string, TestProxy>();
  readonly #started: (TestProxy | AuthServer | SmtpSink | Dovecot | Postfix)[] = [];
  #sink: SmtpSink | undefined;
  #dovecot: Dovecot | undefined;

  async open(): Promise<void> {
    const certificate = this.#certificate;
    const sink = await SmtpSink.start();
    this.#started.push(sink);
    // All at once: some runtimes do not give a hook the time that it asks for.
    const keep = async <T extends TestProxy | AuthServer | Dovecot | Postfix>(starting: Promise<T>): Promise<T> => {
      const started = await starting;
      this.#started.push(started);
      return started;
    };
    const [dovecot, postfix] = await Promise.all([
      keep(Dovecot.start({ users: { [USER]: PASSWORD }, certificate })),
      keep(Postfix.start({ domain: "example.test", relayPort: sink.port, certificate })),
    ]);
    this.#sink = sink;
    this.#dovecot = dovecot;
    const { imap, pop3, imaps, pop3s } = dovecot.ports;
    await Promise.all(MODES.map(async (mode) => {
      const clear = { imap, pop3, smtp: postfix.port };
      const servers = mode === "on" ? { imap: imaps, pop3: pop3s, smtp: postfix.tlsPort } : clear;
      const accounts = { [USER]: { password: PASSWORD } };
      const auth = await keep(startAuthScript({ accounts, servers, domain: "example.test", wait: 0 }));
      for (const way of WAYS) await this.#openProxy(mode, way, auth.address);
    }));
  }

  get sink(): SmtpSink {
    if (this.#sink === undefined) throw new Error("not open");
    return this.#sink;
  }

  get dovecot(): Dovecot {
    if (this.#dovecot === undefined) throw new Error("not open");
    return this.#dovecot;
  }

  port(mode: Mode, way: Way, protocol: typeof PROTOCOLS[number]): string {
    return `${this.#proxies.get(`${mode} ${way}`)?.ports[PROTOCOLS.indexOf(protocol)] ?? 0}`;
  }

  async close(): Promise<void> {
    for (const thing of this.#started.reverse()) await thing.stop();
    this.folder.remove();
  }

  async #openProxy(mode: Mode, way: Way, auth: string): Promise<void> {
    const { certificatePath, keyPath } = this.#certificate;
    const ports = await freePorts(3);
    const servers = PROTOCOLS.map((protocol, i) => {
      return `server { listen 127.0.0.1:${ports[i]} ${way === "implicit" ? "ssl" : ""}; protocol ${protocol}; }`;
    });
    const proxy = await startProxy(`
      auth_http ${auth}/auth; ssl_certificate ${certificatePath}; ssl_certificate_key ${keyPath};
      starttls ${way === "STARTTLS" ? "only" : "off"};
      proxy_ssl ${mode}; proxy_ssl_trusted_certificate ${this.authority.certificatePath};
      ${servers.join("\n")}`);
    this.#started.push(proxy);
    this.#proxies.set(`${mode} ${way}`, proxy);
  }
}

describe("real clients in clear and over TLS, with real servers behind", () => {
  let place: Place;
  let ca = "";
  before(async () => {
    if (REAL.skip !== false) return;
    place = new Place();
    ca = place.authority.certificatePath;
    await place.open();
    place.dovecot.deliver(USER, [LETTER]);
  }, REAL);
  after(() => place?.close(), REAL);

  for (const mode of MODES) {
    for (const way of WAYS) {
      const title = `${way}, proxy_ssl ${mode}`;

      it(`curl: ${title}`, REAL, async () => {
        const url = (protocol: "imap" | "pop3" | "smtp") =>
          `${protocol}${way === "implicit" ? "s" : ""}://localhost:${place.port(mode, way, protocol)}`;
        const tls = way === "clear" ? [] : ["--ssl-reqd", "--cacert", ca];
        const common = ["--silent", "--show-error", ...tls, "--user", `${USER}:${PASSWORD}`];
        const fetched = await outputOf("curl", [...common, `${url("imap")}/INBOX;MAILINDEX=1`]);
        assertEquals(digest(fetched), digest(LETTER));
        assertEquals(digest(await outputOf("curl", [...common, `${url("pop3")}/1`])), digest(LETTER));
        const mail = ["--mail-from", "joe@example.test", "--mail-rcpt", "carl@example.test", "--upload-file", "-"];
        const text = `Subject: curl ${title}\r\n\r\nHello\r\n`;
        await outputOf("curl", [...common, ...mail, url("smtp")], { input: text });
        await place.sink.letter(`Subject: curl ${title}\r\n`);
      });

      it(`Python's libraries: ${title}`, REAL, async () => {
        const ports = PROTOCOLS.map((protocol) => place.port(mode, way, protocol));
        const said = await python(PYTHON, [way, ca, ...ports, USER, PASSWORD, `python ${title}`]);
        assertEquals(said, "1 message, 1 message\n");
        await place.sink.letter(`Subject: python ${title}\r\n`);
      });

      it(`swaks: ${title}`, SWAKS, async () => {
        const tls = way === "implicit" ? "--tls-on-connect" : "--tls";
        const secure = way === "clear" ? [] : [tls, "--tls-ca-path", ca, "--tls-verify"];
        const subject = `swaks ${title}`;
        const { status, stdout } = await run("swaks", [
          ...["--server", "localhost", "--port", place.port(mode, way, "smtp"), ...secure],
          ...["--from", "joe@example.test", "--to", "carl@example.test"],
          ...["--auth", "PLAIN", "--auth-user", USER, "--auth-password", PASSWORD, "--header", `Subject: ${subject}`],
        ]);
        assertEquals(status, 0, stdout);
        await place.sink.letter(`Subject: ${subject}\r\n`);
      });

      it(`mbsync: ${title}`, REAL, async () => {
        const maildir = join(place.folder.path, `${mode}-${way}`);
        for (const name of ["", "cur", "new", "tmp"]) mkdirSync(join(maildir, name));
        const port = place.port(mode, way, "imap");
        const file = place.folder.write(`mbsyncrc-${mode}-${way}`, mbsyncrc({ maildir, port, way, ca }));
        await outputOf("mbsync", ["--config", file, "--all"]);
        const copies = readdirSync(join(maildir, "cur")).map((name) =>
          readFileSync(join(maildir, "cur", name), "latin1")
        );
        const texts = copies.map((text) => text.replace(/^X-TUID: .*\n/m, "").replaceAll("\n", "\r\n"));
        assertEquals(texts.map(digest), [digest(LETTER)]);
      });
    }
  }

  for (const mode of MODES) {
    for (const way of SECURE_WAYS) {
      it(
        `openssl s_client logs in, leaves, and comes back to its session: ${way}, proxy_ssl ${mode}`,
        REAL,
        async () => {
          for (const protocol of PROTOCOLS) {
            const { says, hears } = DIALOGUES[protocol];
            for (const version of ["1_2", "1_3"] as const) {
              const port = Number(place.port(mode, way, protocol));
              const session = join(place.folder.path, `${mode}-${way}-${protocol}-${version}.session`);
              const wish = { port, protocol, startTls: way === "STARTTLS", version, says };
              const first = await visit({ ...wish, to: session });
              const second = await visit({ ...wish, from: session });
              assertEquals([first.isReused, second.isReused], [false, true]);
              for (const { output } of [first, second]) assert(hears.test(output), output);
            }
          }
        },
      );
    }
  }

  for (const way of SECURE_WAYS) {
    for (const protocol of PROTOCOLS) {
      it(`openssl s_client with each version and application protocol: ${protocol}, ${way}`, REAL, async () => {
        const connect = ["s_client", "-connect", `127.0.0.1:${place.port("off", way, protocol)}`, "-CAfile", ca];
        const start = way === "implicit" ? [] : ["-starttls", protocol];
        const common = [...connect, "-verify_return_error", "-verify_hostname", "localhost", ...start];
        for (const version of ["1_2", "1_3"]) {
          for (const alpn of [[], ["-alpn", `http/1.1,${protocol}`]]) {
            const { stdout } = await run("openssl", [...common, `-tls${version}`, "-servername", "localhost", ...alpn]);
            assert(stdout.includes("Verify return code: 0 (ok)"), stdout);
            assert(stdout.includes(`TLSv${version.replace("_", ".")}, Cipher is `), stdout);
            assertEquals(stdout.includes(`ALPN protocol: ${protocol}`), alpn.length > 0, stdout);
          }
          const foreign = await run("openssl", [...common, `-tls${version}`, "-alpn", "http/1.1"]);
          assert(foreign.status !== 0 && /alert no application protocol/.test(foreign.stderr), foreign.stderr);
        }
      });
    }
  }
});

/** What a client says all at once, and what it hears when it is in and was served. */
const DIALOGUES = {
  imap: { says: `a LOGIN ${USER} ${PASSWORD}\r\nb EXAMINE INBOX\r\n`, hears: /^\* 1 EXISTS\r?$[^]*^b OK /m },
  pop3: { says: `USER ${USER}\r\nPASS ${PASSWORD}\r\nSTAT\r\n`, hears: /^\+OK 1 \d+\r?$/m },
  smtp: {
    says: `EHLO client.example\r\nAUTH PLAIN ${
      btoa(`\0${USER}\0${PASSWORD}`)
    }\r\nMAIL FROM:<joe@example.test>\r\nRSET\r\n`,
    hears: /^235 [^]*^250 2\.1\.0 Ok\r?$/m,
  },
} as const;

const LETTER = letter(7, { size: 40_000 });

function mbsyncrc({ maildir, port, way, ca }: {
  readonly maildir: string;
  readonly port: string;
  readonly way: Way;
  readonly ca: string;
}): string {
  return `
IMAPStore far
Host localhost
Port ${port}
User ${USER}
Pass ${PASSWORD}
SSLType ${way === "clear" ? "None" : way === "implicit" ? "IMAPS" : "STARTTLS"}
CertificateFile ${ca}
AuthMechs LOGIN

MaildirStore near
Inbox ${maildir}

Channel letters
Far :far:
Near :near:
Patterns INBOX
Sync Pull New
Create Near
SyncState ${maildir}-state-
`;
}

/** Logs in over each protocol, sends a letter with this subject, and prints how much there is to read. */
const PYTHON = String.raw`
import imaplib, poplib, smtplib, ssl, sys
way, ca, imap_port, pop3_port, smtp_port, user, password, subject = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
if way == "implicit":
    imap = imaplib.IMAP4_SSL("localhost", int(imap_port), ssl_context=context)
    pop3 = poplib.POP3_SSL("localhost", int(pop3_port), context=context)
    smtp = smtplib.SMTP_SSL("localhost", int(smtp_port), context=context)
else:
    imap = imaplib.IMAP4("localhost", int(imap_port))
    pop3 = poplib.POP3("localhost", int(pop3_port))
    smtp = smtplib.SMTP("localhost", int(smtp_port))
if way == "STARTTLS":
    imap.starttls(context)
    pop3.stls(context)
    smtp.starttls(context=context)
imap.login(user, password)
status, (count,) = imap.select(readonly=True)
pop3.user(user)
pop3.pass_(password)
print(f"{int(count)} message, {pop3.stat()[0]} message")
smtp.login(user, password)
smtp.sendmail("joe@example.test", ["carl@example.test"], f"Subject: {subject}\r\n\r\nHello\r\n")
imap.logout()
pop3.quit()
smtp.quit()
`;
