import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { CertificateFolder } from "../support/certificates.ts";
import { run } from "../support/clients.ts";
import { accept, FakeAuth } from "../support/fake_auth.ts";
import { freePorts } from "../support/free_ports.ts";
import { type Guide, readGuide } from "../support/guide.ts";
import { Program, runProgram } from "../support/program.ts";

const SLOW = { timeout: 180_000 };
const PORTS = ["993", "143", "995", "110", "465", "587"] as const;

describe("the guide to TLS", () => {
  let folder: CertificateFolder;
  let guide: Guide;
  let auth: FakeAuth;
  before(async () => {
    folder = new CertificateFolder();
    auth = await FakeAuth.start(accept(1));
    const free = await freePorts(PORTS.length);
    const portFor = (port: string) => String(free[PORTS.indexOf(port as typeof PORTS[number])] ?? port);
    guide = readGuide("tls.md", (text) =>
      text.replaceAll("/etc/postern", folder.path)
        .replaceAll("192.0.2.9:80", `127.0.0.1:${auth.port}`)
        .replace(/listen (\d+)/g, (_, port: string) => `listen 127.0.0.1:${portFor(port)}`)
        .replace(/mail\.example\.com:(\d+)/g, (_, port: string) => `127.0.0.1:${portFor(port)}`));
    await shell(guide.commands("authority").join("\n"));
    const subject = ["-subj", "/CN=org.example.org", "-addext", "subjectAltName=DNS:example.org,DNS:*.example.org"];
    const files = ["-keyout", join(folder.path, "org.key"), "-out", join(folder.path, "org.crt")];
    execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", ...subject, ...files], {
      stdio: "ignore",
    });
    const [certificatePath, keyPath] = [join(folder.path, "ca.crt"), join(folder.path, "ca.key")];
    const text = { certificate: readFileSync(certificatePath, "latin1"), key: readFileSync(keyPath, "latin1") };
    folder.revoke({ name: "ca", certificatePath, keyPath, ...text }, []);
    for (const command of guide.commands("tickets")) await shell(command);
  }, SLOW);
  after(async () => {
    await auth.stop();
    folder.remove();
  });

  function write(name: string): string {
    const main = `daemon off; pid ${folder.path}/pid; error_log stderr notice;`;
    return folder.write(`${name}.conf`, `${main}\n${guide.config(name)}`);
  }

  it("has configurations without a fault", SLOW, async () => {
    assert(guide.configs.length >= 5);
    for (const name of guide.configs) {
      const { code, stderr } = await runProgram("-t", "-c", write(name));
      assertEquals(code, 0, `${name}: ${stderr}`);
      assert(!stderr.includes("[error]"), stderr);
    }
  });

  const DIALOGUES = [
    { config: "clients", commands: ["clients", "alpn"] },
    { config: "names", commands: ["names"] },
    { config: "certificates", commands: ["certificates"] },
    { config: "tickets", commands: ["clients"], only: "993" },
  ] as const;

  for (const { config, commands, ...rest } of DIALOGUES) {
    it(`has commands that print what they should: ${config}`, SLOW, async () => {
      const program = new Program(["-c", write(config)]);
      try {
        await program.prints(`[warn] ${program.child.pid}#0: certificate "${folder.path}/mail.crt" expires in 9 days`);
        await program.prints("start worker process");
        for (const name of commands) {
          const all = "only" in rest ? guide.commands(name).slice(0, 1) : guide.commands(name);
          for (const command of all) {
            const printed = await shell(command);
            for (const line of guide.prints(name)) {
              assert(plain(printed).includes(plain(line)), `${command}\n${printed}`);
            }
          }
        }
      } finally {
        program.signal("SIGTERM");
        await program.ending;
      }
    });
  }

  it("has a command that needs no server", SLOW, async () => {
    const [command = ""] = guide.commands("fingerprint");
    const [line = ""] = guide.prints("fingerprint");
    const printed = await shell(command);
    assert(printed.toLowerCase().startsWith(line.toLowerCase()), printed);
    const [, value = ""] = /=(.*)\n/.exec(printed) ?? [];
    const config = guide.config("servers").replace("proxy_ssl on;", `proxy_ssl on; proxy_ssl_fingerprint ${value};`);
    const { code, stderr } = await runProgram("-t", "-g", "daemon off;", "-c", folder.write("pinned.conf", config));
    assertEquals(code, 0, stderr);
  });
});

/** OpenSSL 3.0 writes names with blanks that later ones leave out. */
function plain(text: string): string {
  return text.replace(/ ?= ?/g, "=");
}

/** All that a command prints, whatever its end. */
async function shell(command: string): Promise<string> {
  const { stdout, stderr } = await run("sh", ["-ec", command]);
  return stdout + stderr;
}
