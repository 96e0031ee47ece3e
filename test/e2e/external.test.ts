/** EXTERNAL without an auth server: the client's certificate opens our door, and ours the door of a real Dovecot. */

import { after, before, describe, it } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import type { Protocol } from "../../src/config/types.ts";
import { type Certificate, CertificateFolder, CLIENT_EXTENSIONS, serverExtensions } from "../support/certificates.ts";
import { needs, outputOf } from "../support/clients.ts";
import { Dovecot } from "../support/dovecot.ts";
import { MoodyServer } from "../support/moody_server.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";
import { PROTOCOLS } from "../support/scene.ts";
import { SmtpSink } from "../support/smtp_sink.ts";
import { connectTls } from "../support/tls_wire.ts";
import type { Wire } from "../support/wire.ts";

const REAL = needs("dovecot 2.3", "openssl");
const OPENSSL = needs("openssl");

/** Who they are by their certificates. Dovecot lets "gateway" in as whom it likes. */
const NAMES = ["gateway", "stranger", "anna", "berta"] as const;

const DIALECTS = {
  imap: {
    hello: "",
    external: "a AUTHENTICATE EXTERNAL",
    done: /^a OK /m,
    refused: "a NO Authentication failed\r\n",
    ours: "a NO [AUTHENTICATIONFAILED] Authentication failed\r\n",
  },
  pop3: {
    hello: "",
    external: "AUTH EXTERNAL",
    done: /^\+OK /,
    refused: "-ERR Authentication failed\r\n",
    ours: "-ERR [AUTH] Authentication failed\r\n",
  },
  smtp: {
    hello: "EHLO client.example.test\r\n",
    external: "AUTH EXTERNAL",
    done: /^235 /,
    refused: "535 5.7.8 Authentication failed\r\n",
    ours: "535 5.7.8 Authentication failed\r\n",
  },
} as const;

describe("EXTERNAL that Dovecot takes from us", () => {
  const folder = new CertificateFolder();
  const people = new Map<string, Certificate>();
  const proxies = new Map<string, TestProxy>();
  let dovecot: Dovecot | undefined;
  let sink: SmtpSink | undefined;

  before(async () => {
    if (REAL.skip !== false) return;
    const authority = folder.authority("authority");
    const certificate = folder.make({
      name: "localhost",
      issuer: authority,
      extensions: serverExtensions("DNS:localhost"),
    });
    for (const name of NAMES) {
      people.set(name, folder.make({ name, issuer: authority, extensions: CLIENT_EXTENSIONS }));
    }
    sink = await SmtpSink.start();
    dovecot = await Dovecot.start({
      users: { anna: "unused", berta: "unused" },
      mechanisms: "plain external",
      relayPort: sink.port,
      certificate,
      external: { authority, trusted: "gateway" },
    });
    const ports = { ...dovecot.ports, smtp: dovecot.ports.submission };
    for (const protocol of PROTOCOLS) {
      for (const us of ["gateway", "stranger"] as const) {
        const { certificatePath = "", keyPath = "" } = people.get(us) ?? {};
        const proxy = await startProxy(`
          ssl_certificate ${certificate.certificatePath}; ssl_certificate_key ${certificate.keyPath};
          ssl_client_certificate ${authority.certificatePath}; ssl_verify_client optional;
          proxy_ssl starttls; proxy_ssl_trusted_certificate ${authority.certificatePath};
          proxy_ssl_certificate ${certificatePath}; proxy_ssl_certificate_key ${keyPath};
          server {
            listen 127.0.0.1 ssl; protocol ${protocol}; ${protocol}_auth plain external;
            proxy_pass localhost:${ports[protocol]};
          }`);
        proxies.set(`${protocol} ${us}`, proxy);
      }
    }
  }, REAL);
  after(async () => {
    await Promise.all([...proxies.values()].map((proxy) => proxy.stop()));
    await dovecot?.stop();
    await sink?.stop();
    folder.remove();
  });

  async function enter(protocol: Protocol, { by, us }: { readonly by?: string; readonly us: string }): Promise<Wire> {
    const own = by === undefined ? undefined : people.get(by);
    const port = proxies.get(`${protocol} ${us}`)?.ports[0] ?? 0;
    const { wire } = await connectTls(port, own === undefined ? {} : { own });
    await wire.nextUpTo("\r\n");
    const { hello } = DIALECTS[protocol];
    if (hello === "") return wire;
    wire.send(hello);
    assertMatch(await wire.nextUpTo("\r\n") ?? "", /AUTH PLAIN.* EXTERNAL/);
    return wire;
  }

  for (const protocol of PROTOCOLS) {
    const { external, done, refused, ours } = DIALECTS[protocol];

    for (const [what, response] of [["her name", btoa("anna")], ["no name", "="]] as const) {
      it(`${protocol}: lets her in whom the certificate is for, with ${what}`, REAL, async () => {
        const wire = await enter(protocol, { by: "anna", us: "gateway" });
        wire.send(`${external} ${response}\r\n`);
        assertMatch(await wire.nextUpTo("\r\n") ?? "", done);
        wire.destroy();
        await dovecot?.until(
          new RegExp(`${protocol === "smtp" ? "submission" : protocol}-login: .*Login: user=<anna>`),
        );
      });
    }

    it(`${protocol}: refuses another's name, and takes the right one after that`, REAL, async () => {
      const wire = await enter(protocol, { by: "berta", us: "gateway" });
      await wire.ask(`${external} ${btoa("anna")}\r\n`, refused);
      wire.send(`${external} ${btoa("berta")}\r\n`);
      assertMatch(await wire.nextUpTo("\r\n") ?? "", done);
      wire.destroy();
    });

    it(`${protocol}: refuses who shows no certificate`, REAL, async () => {
      const wire = await enter(protocol, { us: "gateway" });
      await wire.ask(`${external} ${btoa("anna")}\r\n`, refused);
      wire.destroy();
    });

    it(`${protocol}: passes Dovecot's refusal on that does not know us`, REAL, async () => {
      const wire = await enter(protocol, { by: "anna", us: "stranger" });
      await wire.ask(`${external} ${btoa("anna")}\r\n`, ours);
      await wire.ask(`${external} ${btoa("anna")}\r\n`, ours);
      wire.destroy();
    });
  }

  it("tells the log whose fault it was", REAL, () => {
    const log = [...proxies.values()].flatMap((proxy) => proxy.log);
    // Two lines for each that was ours to refuse, one for each that was not.
    const counts = [
      'info client certificate of "CN=berta" is not for this login ',
      "info client showed no valid certificate for EXTERNAL ",
      'info client login failed: "',
      "error ",
    ].map((start) => log.filter((line) => line.startsWith(start)).length);
    assertEquals(counts, [3, 3, 12, 0], log.join("\n"));
  });
});

describe("EXTERNAL with a users file", () => {
  const folder = new CertificateFolder();
  after(() => folder.remove());

  it("finds out by the certificate who says no name, and counts and routes her by hers", OPENSSL, async () => {
    const authority = folder.authority("authority");
    const certificate = folder.make({ name: "localhost", issuer: authority });
    const own = folder.make({ name: "laptop", issuer: authority, extensions: CLIENT_EXTENSIONS });
    const print = await outputOf("openssl", ["x509", "-noout", "-fingerprint", "-sha1", "-in", own.certificatePath]);
    const users = folder.write("users", `anna:{PLAIN}unused::cert=${print.split("=")[1]?.trim()} pass=inner\n`);
    const server = await MoodyServer.start("pop3");
    const proxy = await startProxy(`
      ssl_certificate ${certificate.certificatePath}; ssl_certificate_key ${certificate.keyPath};
      ssl_client_certificate ${authority.certificatePath}; ssl_verify_client optional;
      pop3_auth plain external; auth_users_file ${users};
      map $auth_user $home { anna ${server.address}; default 127.0.0.1:1; }
      limit_conn_zone $auth_user zone=people:1m; limit_conn people 1;
      server { listen 127.0.0.1 ssl; protocol pop3; proxy_pass $home; }`);
    try {
      const enter = async () => {
        const { wire } = await connectTls(proxy.ports[0] ?? 0, { own });
        await wire.nextUpTo("\r\n");
        wire.send("AUTH EXTERNAL =\r\n");
        const said = await wire.nextUpTo("\r\n");
        return { wire, said };
      };
      const first = await enter();
      assertEquals(first.said, "+OK\r\n", proxy.log.join("\n"));
      assertEquals(server.told, [["USER anna", "PASS inner"]]);
      const second = await enter();
      assertMatch(proxy.log.join("\n"), /limiting connections by zone "people", key "anna"/);
      for (const { wire } of [first, second]) wire.destroy();
    } finally {
      await proxy.stop();
      await server.stop();
    }
  });
});
