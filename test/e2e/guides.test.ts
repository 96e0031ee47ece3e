/**
 * The `proxy_pass` examples of public guides, as those show them, with a real server behind them: nginx has never had
 * such a directive for mail, and here they do what they say. Only addresses, ports and paths are put in.
 */

import { after, before, describe, it } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { type Certificate, CertificateFolder, serverExtensions } from "../support/certificates.ts";
import { needs, run } from "../support/clients.ts";
import { Dovecot } from "../support/dovecot.ts";
import { letter } from "../support/letters.ts";
import { startConfiguration, type TestProxy } from "../support/proxy.ts";

const REAL = needs("curl", "dovecot 2.3", "openssl");

const ALICE = { login: "alice", password: "pass word" } as const;

type Scheme = "imap" | "imaps" | "pop3" | "pop3s";

interface Guide {
  readonly what: string;
  readonly text: string;
  readonly scheme: Scheme;
  /** How its clients log in, in curl's words. */
  readonly mechanisms: readonly string[];
  /** What a client hears whose password is wrong. */
  readonly refusal: RegExp;
}

const OURS = /\[AUTH(?:ENTICATIONFAILED)?\] Authentication failed\r\n/;
const DOVECOTS = /\[AUTH(?:ENTICATIONFAILED)?\] Authentication failed\.\r\n/;

const GUIDES: readonly Guide[] = [
  {
    what: "IMAPS in front of a server in clear",
    scheme: "imaps",
    mechanisms: ["AUTH=PLAIN", "AUTH=CRAM-MD5"],
    refusal: OURS,
    text: `
mail {
    server {
        listen      993 ssl;
        protocol    imap;
        imap_auth   plain cram-md5;
        ssl_certificate     /etc/nginx/ssl/mail.crt;
        ssl_certificate_key /etc/nginx/ssl/mail.key;
        ssl_protocols       TLSv1.2 TLSv1.3;
        ssl_session_cache   shared:mail_ssl:10m;
        ssl_session_timeout 10m;
        proxy_pass back_imap:143;
    }
}`,
  },
  {
    what: "capabilities of one's own",
    scheme: "imaps",
    mechanisms: ["AUTH=PLAIN", "AUTH=CRAM-MD5"],
    refusal: OURS,
    text: `
mail {
    server {
        listen      993 ssl;
        protocol    imap;
        imap_auth        plain cram-md5;
        imap_capabilities IMAP4 IMAP4rev1 IDLE LITERAL+ UIDPLUS;
        ssl_certificate     /etc/nginx/ssl/mail.crt;
        ssl_certificate_key /etc/nginx/ssl/mail.key;
        proxy_pass back_imap:143;
    }
}`,
  },
  {
    what: "a larger buffer",
    scheme: "imap",
    mechanisms: ["AUTH=PLAIN"],
    refusal: OURS,
    text: "mail { server { listen      143; protocol    imap; imap_client_buffer 16k; proxy_pass back_imap:143; } }",
  },
  {
    what: "all for IMAP in one, with the server's own words",
    scheme: "imaps",
    mechanisms: ["AUTH=PLAIN", "AUTH=LOGIN", "AUTH=CRAM-MD5"],
    refusal: DOVECOTS,
    text: `
worker_processes auto;
events { worker_connections 1024; }
mail {
    imap_client_buffer 8k;
    server {
        listen              993 ssl;
        protocol            imap;
        imap_auth            plain login cram-md5;
        imap_capabilities    IMAP4 IMAP4rev1 IDLE UIDPLUS;
        ssl_certificate      /etc/nginx/ssl/mail.crt;
        ssl_certificate_key  /etc/nginx/ssl/mail.key;
        ssl_session_cache    shared:mail_ssl:10m;
        proxy_pass          imap_backend:143;
        proxy_timeout       2m;
        proxy_pass_error_message on;
    }
}`,
  },
  {
    what: "POP3 with digests alone, made for the server's own challenge",
    scheme: "pop3",
    mechanisms: ["AUTH=+APOP", "AUTH=CRAM-MD5"],
    refusal: OURS,
    text: "mail { server { listen 110; protocol pop3; pop3_auth apop cram-md5; proxy_pass pop3_backend:110; } }",
  },
  {
    what: "POP3 with a port behind the name of a group",
    scheme: "pop3",
    mechanisms: ["AUTH=PLAIN"],
    refusal: OURS,
    text: `
mail {
    upstream pop3_backend { server 127.0.0.1; }
    server { listen 110; protocol pop3; proxy_pass pop3_backend:110; health_check; }
}`,
  },
  {
    what: "POP3S",
    scheme: "pop3s",
    mechanisms: ["AUTH=PLAIN", "AUTH=CRAM-MD5"],
    refusal: OURS,
    text: `
mail {
    server {
        listen 995 ssl;
        protocol pop3;
        pop3_auth plain cram-md5;
        pop3_capabilities TOP USER UIDL SASL PIPELINING;
        ssl_certificate /etc/nginx/ssl/mail.crt;
        ssl_certificate_key /etc/nginx/ssl/mail.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:mail_ssl:10m;
        ssl_session_timeout 10m;
        proxy_pass pop3_backend:110;
    }
}`,
  },
  {
    what: "all for POP3 in one, with the server's own words",
    scheme: "pop3s",
    mechanisms: ["AUTH=PLAIN", "AUTH=CRAM-MD5"],
    refusal: DOVECOTS,
    text: `
worker_processes auto;
events { worker_connections 1024; }
mail {
    starttls on;
    server {
        listen 995 ssl;
        protocol pop3;
        pop3_auth plain cram-md5;
        pop3_capabilities TOP USER UIDL PIPELINING;
        ssl_certificate /etc/nginx/ssl/pop3.crt;
        ssl_certificate_key /etc/nginx/ssl/pop3.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers HIGH:!aNULL:!MD5;
        ssl_session_cache shared:mail_ssl:10m;
        ssl_session_timeout 10m;
        proxy_pass pop3_backend:110;
        proxy_timeout 2m;
        proxy_pass_error_message on;
    }
}`,
  },
];

describe("the proxy_pass examples of guides", () => {
  let dovecot: Dovecot | undefined;
  let certificate: Certificate | undefined;
  const folder = new CertificateFolder();
  const proxies: TestProxy[] = [];

  before(async () => {
    if (REAL.skip !== false) return;
    const issuer = folder.authority("authority");
    certificate = folder.make({ name: "localhost", issuer, extensions: serverExtensions("IP:127.0.0.1") });
    const mechanisms = "plain login cram-md5 apop";
    dovecot = await Dovecot.start({ users: { [ALICE.login]: ALICE.password }, mechanisms });
    dovecot.deliver(ALICE.login, [letter(1, { size: 100 })]);
  }, REAL);
  after(async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    await dovecot?.stop();
    folder.remove();
  });

  async function serve(text: string): Promise<TestProxy> {
    const hasGroup = text.includes("upstream pop3_backend");
    const proxy = await startConfiguration(
      text.replace(/\blisten\s+\d+/, "listen 127.0.0.1")
        .replace(/\b(?:back_imap|imap_backend):143/, `127.0.0.1:${dovecot?.ports.imap}`)
        .replace(/\bpop3_backend:110/, `${hasGroup ? "pop3_backend" : "127.0.0.1"}:${dovecot?.ports.pop3}`)
        .replace(/\/etc\/nginx\/ssl\/\w+\.crt/, certificate?.certificatePath ?? "")
        .replace(/\/etc\/nginx\/ssl\/\w+\.key/, certificate?.keyPath ?? ""),
    );
    proxies.push(proxy);
    return proxy;
  }

  for (const { what, text, scheme, mechanisms, refusal } of GUIDES) {
    it(what, REAL, async () => {
      const proxy = await serve(text);
      const look = scheme.startsWith("imap") ? ["-X", "STATUS INBOX (MESSAGES)"] : [];
      const curl = (mechanism: string, password: string) =>
        run("curl", [
          ...["--silent", "--verbose", "--insecure", "--login-options", mechanism, ...look],
          ...["--user", `${ALICE.login}:${password}`, `${scheme}://127.0.0.1:${proxy.ports[0]}/`],
        ]);
      for (const mechanism of mechanisms) {
        const { status, stdout } = await curl(mechanism, ALICE.password);
        assertEquals([mechanism, status], [mechanism, 0]);
        assertMatch(stdout, /MESSAGES 1\)|^1 \d+/);
        const refused = await curl(mechanism, "wrong");
        assertEquals([mechanism, refused.status], [mechanism, 67]);
        assertMatch(refused.stderr, refusal);
      }
      const faults = proxy.log.filter((line) => /^(?:error|crit|alert|emerg) /.test(line));
      assertEquals(faults, []);
    });
  }
});
