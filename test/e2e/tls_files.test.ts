import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Certificate, serverExtensions } from "../support/certificates.ts";
import { run } from "../support/clients.ts";
import { freePorts } from "../support/free_ports.ts";
import { runProgram } from "../support/program.ts";
import { PROTOCOLS } from "../support/scene.ts";
import { MAIL, TlsScene } from "../support/tls_scene.ts";

const SLOW = { timeout: 180_000 };
const EXTENSIONS = serverExtensions(`DNS:${MAIL}`);

describe("certificates and keys, wherever they stand", () => {
  let scene: TlsScene;
  let ecdsa: Certificate;
  let rsa: Certificate;
  before(async () => {
    scene = await TlsScene.open();
    const { folder, authority: issuer } = scene;
    ecdsa = folder.make({ name: "ecdsa", issuer, extensions: EXTENSIONS });
    rsa = folder.make({ name: "rsa", keyType: "rsa", issuer, extensions: EXTENSIONS });
  });
  after(() => scene.close());

  /** Serves with these directives; gives what openssl finds on each port, which trusts the authority alone. */
  async function shown(directives: string, ...options: string[]): Promise<string[]> {
    const proxy = await scene.proxyForAll(directives, "ssl");
    const found: string[] = [];
    for (const port of proxy.ports) {
      const args = ["s_client", "-connect", `127.0.0.1:${port}`, "-servername", MAIL, "-verify_hostname", MAIL];
      const { stdout } = await run("openssl", [...args, "-CAfile", scene.authority.certificatePath, ...options]);
      assertMatch(stdout, /Verify return code: 0 \(ok\)/);
      const [, name = ""] = /^subject=CN ?= ?(.*)$/m.exec(stdout) ?? [];
      found.push(name);
    }
    return found;
  }

  const everywhere = (name: string) => PROTOCOLS.map(() => name);

  it("are taken with keys that are encrypted, in either form, by any of the passphrases", SLOW, async () => {
    const passwords = scene.folder.write("passwords", "wrong\nsesame\r\n\n");
    for (const isOld of [false, true]) {
      const key = scene.folder.write(`locked-${isOld}.key`, scene.folder.encrypt(ecdsa, "sesame", isOld));
      const directives = `ssl_certificate ${ecdsa.certificatePath}; ssl_certificate_key ${key};`;
      const inServer = `ssl_password_file ${passwords};`;
      const proxy = await scene.proxy(`server { listen 127.0.0.1 ssl; protocol imap; ${directives} ${inServer} }`);
      const { stdout } = await run("openssl", ["s_client", "-connect", `127.0.0.1:${proxy.ports[0]}`]);
      assertMatch(stdout, /^subject=CN ?= ?ecdsa$/m);
    }
  });

  it("are taken from the configuration itself, chain and all", SLOW, async () => {
    const middle = scene.folder.authority("middle", scene.authority);
    const leaf = scene.folder.make({ name: "chained", issuer: middle, extensions: EXTENSIONS });
    const pem = (text: string) => text.slice(text.indexOf("-----BEGIN"));
    const server = (certificate: string, key: string) => `
      server { listen 127.0.0.1 ssl; protocol imap; ssl_certificate ${certificate}; ssl_certificate_key ${key}; }`;
    const chain = pem(leaf.certificate) + pem(middle.certificate);
    const file = scene.folder.write("chain.pem", chain);
    for (const [certificate, key] of [[`"data:${chain}"`, `"data:${leaf.key}"`], [file, leaf.keyPath]]) {
      const proxy = await scene.proxy(server(certificate ?? "", key ?? ""));
      const args = [
        "s_client",
        "-connect",
        `127.0.0.1:${proxy.ports[0]}`,
        "-servername",
        MAIL,
        "-verify_hostname",
        MAIL,
      ];
      const { stdout } = await run("openssl", [...args, "-CAfile", scene.authority.certificatePath]);
      assertMatch(stdout, /^subject=CN ?= ?chained$/m);
      assertMatch(stdout, /Verify return code: 0 \(ok\)/);
    }
  });

  it("are shown by what clients understand, where there are an RSA and an ECDSA one", SLOW, async () => {
    const pair = (...both: readonly Certificate[]) =>
      both.map(({ certificatePath, keyPath }) => `ssl_certificate ${certificatePath}; ssl_certificate_key ${keyPath};`);
    for (const both of [[ecdsa, rsa], [rsa, ecdsa]]) {
      const ports = await freePorts(PROTOCOLS.length);
      const servers = PROTOCOLS.map((protocol, i) =>
        `server { listen 127.0.0.1:${ports[i]} ssl; protocol ${protocol}; ${pair(...both).join(" ")} }`
      );
      const proxy = await scene.proxy(servers.join("\n"));
      for (const port of proxy.ports) {
        for (const [kind, options] of KINDS) {
          const { stdout } = await run("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, ...options]);
          assertMatch(stdout, new RegExp(`^subject=CN ?= ?${kind}$`, "m"), options.join(" "));
        }
      }
    }
  });

  it("are trusted as they are asked for by name", SLOW, async () => {
    assertEquals(await shown(""), everywhere(MAIL));
    assertEquals(await shown("", "-tls1_2"), everywhere(MAIL));
  });

  it("stop the program when they cannot be used, and the secret of a key is never told", SLOW, async () => {
    const { certificatePath, key } = ecdsa;
    const locked = scene.folder.write("locked.key", scene.folder.encrypt(ecdsa, "sesame"));
    const wrong = scene.folder.write("wrong", "not it\n");
    const cases: readonly [string, RegExp][] = [
      [
        `ssl_certificate_key ${locked};`,
        /cannot load certificate key "\S+locked\.key": PEM_read_bio_PrivateKey\(\) failed/,
      ],
      [`ssl_certificate_key ${locked}; ssl_password_file ${wrong};`, /bad decrypt/],
      [`ssl_certificate_key ${rsa.keyPath};`, /key values mismatch/],
      [`ssl_certificate_key /nowhere.key;`, /BIO_new_file\(\) failed .*No such file or directory/],
      [`ssl_certificate_key "data:${key.slice(0, 60)}";`, /cannot load certificate key "data:"/],
      [`ssl_certificate_key engine:x:y;`, /"engine:" is not supported/],
    ];
    for (const [directive, complaint] of cases) {
      const path = join(scene.folder.path, "bad.conf");
      writeFileSync(
        path,
        `pid ${scene.folder.path}/pid; events {} mail { auth_http 127.0.0.1:1;
         server { listen 127.0.0.1:1 ssl; protocol imap; ssl_certificate ${certificatePath}; ${directive} } }`,
      );
      const { code, stderr } = await runProgram("-t", "-c", path);
      assertEquals(code, 1, stderr);
      assertMatch(stderr, complaint);
      assert(!stderr.includes(key.split("\n")[1] ?? key), stderr);
    }
  });
});

/** Which certificate clients get that can only do so much. */
const KINDS: readonly [string, readonly string[]][] = [
  ["ecdsa", ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]],
  ["rsa", ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"]],
  ["ecdsa", ["-tls1_3", "-sigalgs", "ECDSA+SHA256"]],
  ["rsa", ["-tls1_3", "-sigalgs", "RSA-PSS+SHA256"]],
];
