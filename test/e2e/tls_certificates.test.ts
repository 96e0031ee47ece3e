import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type Certificate, CLIENT_EXTENSIONS, EXPIRED, LONG_AGO } from "../support/certificates.ts";
import { accept } from "../support/fake_auth.ts";
import { IMAP_LOGIN, POP3_LOGIN, SMTP_LOGIN } from "../support/fake_upstream.ts";
import type { TestProxy } from "../support/proxy.ts";
import { type Protocol, PROTOCOLS, WORDS } from "../support/scene.ts";
import { START_TLS, TlsScene } from "../support/tls_scene.ts";
import { beginTls, type ClientTls } from "../support/tls_wire.ts";
import { eventually } from "../support/watch.ts";
import type { Wire } from "../support/wire.ts";

const WAYS = ["implicit", "STARTTLS"] as const;
type Way = typeof WAYS[number];
const MODES = ["on", "optional", "optional_no_ca", "off"] as const;
type Mode = typeof MODES[number];

const ERROR = "SSL certificate error";
const MISSING = "No required SSL certificate";
const LOGIN = { imap: IMAP_LOGIN, pop3: POP3_LOGIN, smtp: SMTP_LOGIN } as const;

/** For each certificate and mode the reply that refuses it, or `Auth-SSL-Verify`, which is not there with `off`. */
const VERDICTS: Readonly<Record<string, readonly (string | undefined)[]>> = {
  "a valid certificate": ["SUCCESS", "SUCCESS", "SUCCESS", undefined],
  "no certificate": [MISSING, "NONE", "NONE", undefined],
  "a self-signed certificate": [ERROR, ERROR, "FAILED:self-signed certificate", undefined],
  "an expired certificate": [ERROR, ERROR, ERROR, undefined],
  "a certificate of another authority": [ERROR, ERROR, "FAILED:unable to verify the first certificate", undefined],
  "a revoked certificate": [ERROR, ERROR, ERROR, undefined],
  "a server's certificate": [ERROR, ERROR, ERROR, undefined],
};

const REFUSALS: Readonly<Record<Protocol, (text: string) => string>> = {
  imap: (text) => `* BYE ${text}\r\n`,
  pop3: (text) => `-ERR ${text}\r\n`,
  smtp: (text) => `421 4.7.1 ${text}\r\n`,
};

describe("a client with", () => {
  let scene: TlsScene;
  const proxies = new Map<string, TestProxy>();
  const certificates = new Map<string, Certificate>();
  before(async () => {
    scene = await TlsScene.open();
    const { folder, authority } = scene;
    const other = folder.authority("other");
    const make = (
      title: string,
      wish: { issuer?: Certificate; from?: string; until?: string } = { issuer: authority },
    ) => {
      const made = folder.make({
        name: title.replaceAll(" ", "-"),
        extensions: CLIENT_EXTENSIONS,
        subject: SUBJECT,
        ...wish,
      });
      certificates.set(title, made);
      return made;
    };
    make("a valid certificate");
    make("a self-signed certificate", {});
    make("an expired certificate", { issuer: authority, from: LONG_AGO, until: EXPIRED });
    make("a certificate of another authority", { issuer: other });
    folder.revoke(authority, [make("a revoked certificate")]);
    certificates.set("a server's certificate", scene.certificate);
    for (const mode of MODES) {
      for (const way of WAYS) {
        const directives = `
          ssl_verify_client ${mode}; ssl_client_certificate ${authority.certificatePath};
          ssl_crl ${join(folder.path, "authority.crl")}; starttls ${way === "STARTTLS" ? "on" : "off"};
          imap_auth plain external; pop3_auth plain external; smtp_auth plain external; auth_http_pass_client_cert on;`;
        proxies.set(`${mode} ${way}`, await scene.proxyForAll(directives, way === "STARTTLS" ? "" : "ssl"));
      }
    }
  });
  after(() => scene.close());

  /** A client that speaks TLS, before it has heard anything over it. */
  async function secured(mode: Mode, way: Way, protocol: Protocol, title: string): Promise<Wire> {
    const own = certificates.get(title);
    const tls: ClientTls = own === undefined ? {} : { own };
    const client = await scene.client(proxies.get(`${mode} ${way}`)?.ports[PROTOCOLS.indexOf(protocol)] ?? 0);
    if (way === "STARTTLS") {
      await client.expect(WORDS[protocol].greeting);
      await client.ask(START_TLS[protocol].command, START_TLS[protocol].reply);
    }
    return scene.keep((await beginTls(client, tls)).wire);
  }

  for (const [title, verdicts] of Object.entries(VERDICTS)) {
    for (const [i, mode] of MODES.entries()) {
      const verdict = verdicts[i];
      const isRefused = verdict === ERROR || verdict === MISSING;
      it(`${title} ${isRefused ? "is refused" : "comes in"}: ssl_verify_client ${mode}`, async () => {
        for (const way of WAYS) {
          for (const protocol of PROTOCOLS) {
            const wire = await secured(mode, way, protocol, title);
            const asked = scene.auth.requests.length;
            if (isRefused) {
              await wire.expectEnd(REFUSALS[protocol](verdict ?? ""));
              assertEquals(scene.auth.requests.length, asked);
            } else {
              if (way === "implicit") await wire.expect(WORDS[protocol].greeting);
              scene.upstream.script = LOGIN[protocol];
              await wire.ask(WORDS[protocol].login, heard(protocol) + WORDS[protocol].welcome);
              const [, found] = /\r\nAuth-SSL-Verify: (.*)\r\n/.exec(scene.auth.requests.at(-1) ?? "") ?? [];
              assertEquals(found, verdict);
            }
            wire.destroy();
          }
          const proxy = proxies.get(`${mode} ${way}`);
          await eventually(() => proxy?.sockets() === 0, () => `${proxy?.sockets()} sockets`);
        }
      });
    }
  }

  it("a valid certificate is described to the auth server", async () => {
    const wire = await secured("on", "implicit", "pop3", "a valid certificate");
    await wire.expect(WORDS.pop3.greeting);
    scene.upstream.script = POP3_LOGIN;
    await wire.ask(WORDS.pop3.login, WORDS.pop3.heard + WORDS.pop3.welcome);
    const { certificatePath = "", certificate = "" } = certificates.get("a valid certificate") ?? {};
    const field = (...options: string[]) => {
      const args = ["x509", "-noout", "-in", certificatePath, "-nameopt", "RFC2253", ...options];
      return execFileSync("openssl", args).toString("latin1").trim().replace(/^[^=]*=/, "");
    };
    const pem = certificate.slice(certificate.indexOf("-----BEGIN")).replace(/[\0-\x20%]/g, (octet) => {
      return `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
    });
    const lines = (scene.auth.requests.at(-1) ?? "").split("\r\n").filter((line) => line.startsWith("Auth-SSL"));
    assertEquals(lines.filter((line) => !/^Auth-SSL-(Protocol|Cipher): \S+$/.test(line)), [
      "Auth-SSL: on",
      "Auth-SSL-Verify: SUCCESS",
      `Auth-SSL-Subject: ${field("-subject")}`,
      `Auth-SSL-Issuer: ${field("-issuer")}`,
      `Auth-SSL-Serial: ${field("-serial")}`,
      `Auth-SSL-Fingerprint: ${field("-fingerprint", "-sha1").replaceAll(":", "").toLowerCase()}`,
      `Auth-SSL-Cert: ${pem}`,
    ]);
    assertEquals(lines.length, 9);
  });

  it("a valid certificate needs no password: EXTERNAL", async () => {
    for (const way of WAYS) {
      for (const protocol of PROTOCOLS) {
        const wire = await secured("on", way, protocol, "a valid certificate");
        if (way === "implicit") await wire.expect(WORDS[protocol].greeting);
        scene.upstream.script = LOGIN[protocol];
        const { answer } = scene.auth;
        scene.auth.answer = `${accept(scene.upstream.port)}Auth-Pass: master\r\n`;
        await wire.ask(EXTERNAL[protocol], heard(protocol, "") + WORDS[protocol].welcome);
        scene.auth.answer = answer;
        const request = scene.auth.requests.at(-1) ?? "";
        assert(request.includes("Auth-Method: external\r\nAuth-User: joe\r\nAuth-Pass: \r\n"), request);
        assert(request.includes("\r\nAuth-SSL-Verify: SUCCESS\r\n"), request);
        wire.destroy();
      }
    }
  });
});

/** How a client says that its certificate is enough, for `joe`. */
const EXTERNAL: Readonly<Record<Protocol, string>> = {
  imap: "a AUTHENTICATE EXTERNAL am9l\r\n",
  pop3: "AUTH EXTERNAL am9l\r\n",
  smtp: "EHLO client.example\r\nAUTH EXTERNAL am9l\r\n",
};

/** What a client hears before the verdict. */
function heard(protocol: Protocol, ofLogin = WORDS[protocol].heard): string {
  return protocol === "smtp" ? "250-test\r\n250 AUTH PLAIN EXTERNAL\r\n" : ofLogin;
}

const SUBJECT = "/O=Example, Inc./OU=Post+Office/CN=J\u00f6e";
