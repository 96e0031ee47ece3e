import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { CertificateFolder, serverExtensions } from "../support/certificates.ts";
import type { RecordData } from "../../src/dns/message.ts";
import { needs } from "../support/clients.ts";
import { Dovecot } from "../support/dovecot.ts";
import { FakeDns } from "../support/fake_dns.ts";
import { freePorts } from "../support/free_ports.ts";
import { Postfix } from "../support/postfix.ts";
import { startProxy } from "../support/proxy.ts";
import { connectTo } from "../support/raw_client.ts";
import { eventually } from "../support/watch.ts";

const REAL = needs("dovecot 2.3", "postfix", "root");

/** One group and how it is spoken to. */
interface Checked {
  readonly port: number;
  readonly protocol: "imap" | "pop3" | "smtp";
  readonly ssl: "off" | "on" | "starttls";
}

describe("health checks of Dovecot and Postfix", () => {
  const folder = new CertificateFolder();
  let dovecot: Dovecot | undefined;
  let postfix: Postfix | undefined;
  let authority = "";
  before(async () => {
    if (REAL.skip !== false) return;
    const issuer = folder.authority("authority");
    authority = issuer.certificatePath;
    const certificate = folder.make({
      name: "server",
      issuer,
      extensions: serverExtensions("DNS:a.test", "IP:127.0.0.1"),
    });
    dovecot = await Dovecot.start({ users: { joe: "secret" }, certificate });
    postfix = await Postfix.start({ domain: "example.test", relayPort: 1, certificate });
  }, REAL);
  after(async () => {
    await dovecot?.stop();
    await postfix?.stop();
    folder.remove();
  });

  it("pass, in clear and over TLS, and no server has anything to complain of", REAL, async () => {
    assert(dovecot !== undefined && postfix !== undefined);
    const { imap, imaps, pop3, pop3s, submission } = dovecot.ports;
    const all: readonly Checked[] = [
      { port: imap, protocol: "imap", ssl: "off" },
      { port: imap, protocol: "imap", ssl: "starttls" },
      { port: imaps, protocol: "imap", ssl: "on" },
      { port: pop3, protocol: "pop3", ssl: "off" },
      { port: pop3, protocol: "pop3", ssl: "starttls" },
      { port: pop3s, protocol: "pop3", ssl: "on" },
      { port: submission, protocol: "smtp", ssl: "off" },
      { port: submission, protocol: "smtp", ssl: "starttls" },
      { port: postfix.port, protocol: "smtp", ssl: "off" },
      { port: postfix.port, protocol: "smtp", ssl: "starttls" },
      { port: postfix.tlsPort, protocol: "smtp", ssl: "on" },
    ];
    const ports = await freePorts(all.length);
    const groups = all.map(({ port, protocol, ssl }, i) => `
      upstream g${i} { server 127.0.0.1:${port}; health_check interval=60s mandatory; health_check_timeout 20s; }
      server { listen 127.0.0.1:${ports[i]}; protocol ${protocol}; proxy_pass g${i}; proxy_ssl ${ssl}; }
    `);
    const tls = `proxy_ssl_verify on; proxy_ssl_trusted_certificate ${authority};`;
    const proxy = await startProxy(`${tls} ${groups.join("\n")}`);
    const over = all.map((_, i) => `upstream "g${i}" passed`);
    const lack = () => over.filter((text) => !proxy.log.some((line) => line.includes(text)));
    await eventually(() => lack().length === 0, () => proxy.log.join("\n"), 20_000);
    await proxy.stop();
    assertEquals(proxy.log.filter((line) => line.includes("health check")).length, all.length);
    const left = () => matches(dovecot, /login: Info: (.*?) \(.*\): user=<>/g);
    await eventually(() => left().length === 8, () => left().join("\n"), 20_000);
    assertEquals([...new Set(left())], ["Disconnected: Aborted login by logging out"]);
    const quits = () => matches(postfix, /: (disconnect from .*)/g);
    await eventually(() => quits().length === 3, () => quits().join("\n"), 20_000);
    assertEquals(quits().filter((line) => !line.includes(" quit=1 ")), []);
    for (const { log } of [dovecot, postfix]) {
      const complaints = log.split("\n").filter((line) => /warning|error|fail|lost connection|refused/i.test(line));
      assertEquals(complaints, []);
    }
  });

  it("want a certificate for the name that the server was found by", REAL, async () => {
    assert(dovecot !== undefined);
    const { imaps } = dovecot.ports;
    const dns = await FakeDns.start(({ type, name }) => {
      const data: RecordData = type === "SRV"
        ? { type, priority: 0, weight: 0, port: imaps, target: name.endsWith("good.test") ? "a.test" : "b.test" }
        : { type: "A", address: "127.0.0.1" };
      return { records: [{ name, ttl: 300, data }] };
    });
    const [first = 0, second = 0] = await freePorts(2);
    const groups = [["good", first], ["bad", second]].map(([name, port]) => `
      upstream ${name} { server ${name}.test service=imaps resolve; health_check; }
      server { listen 127.0.0.1:${port}; protocol imap; proxy_pass ${name}; }
    `);
    const proxy = await startProxy(`
      resolver 127.0.0.1:${dns.address.port} ipv6=off;
      proxy_ssl on; proxy_ssl_verify on; proxy_ssl_trusted_certificate ${authority};
      ${groups.join("\n")}
    `);
    const failure =
      `error health check of 127.0.0.1:${imaps} in upstream "bad" failed: SSL_do_handshake() failed (SSL: `;
    await eventually(() => proxy.log.some((line) => line.startsWith(failure)), () => proxy.log.join("\n"));
    const client = await connectTo(first);
    await client.expect("* OK IMAP4 ready\r\n");
    client.send("a LOGIN joe secret\r\n");
    await client.until(() => /^a OK .*\r\n$/.test(client.unread));
    client.destroy();
    await proxy.stop();
    await dns.close();
    assertEquals(proxy.log.filter((line) => line.includes('upstream "good" failed')), []);
  });
});

/** What a log says, line by line. */
function matches(server: { readonly log: string } | undefined, pattern: RegExp): readonly string[] {
  return [...(server?.log ?? "").matchAll(pattern)].map(([, text = ""]) => text);
}
