/** The configurations that the documents show whole, in a folder that has nothing else. */

import { assertEquals } from "@std/assert";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Certificate, CertificateFolder } from "../support/certificates.ts";
import type { RecordData } from "../../src/dns/message.ts";
import { FakeDns } from "../support/fake_dns.ts";
import { freePorts } from "../support/free_ports.ts";
import { Program, TestFolder } from "../support/program.ts";
import { connectTo } from "../support/raw_client.ts";
import { fileOf, fitted, recipe, recipes } from "../support/recipes.ts";
import { eventually } from "../support/watch.ts";

const LIMIT = { timeout: 180_000 };
const README = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

/** By what a test is called. */
const CONFIGURATIONS: readonly (readonly [name: string, text: string])[] = [
  ...[...README.matchAll(/^```nginx\n(.*?)^```$/gms)].map(([, text = ""], i) => [`README.md, ${i + 1}`, text] as const),
  ...recipes(),
];

describe("a configuration of the documents starts in an empty folder", () => {
  const folder = new TestFolder();
  const certificates = new CertificateFolder();
  let certificate: Certificate;
  let dns: FakeDns;
  before(async () => {
    certificate = certificates.make({ name: "mail.example.com" });
    dns = await FakeDns.start(({ type, name }) => {
      const data: RecordData = type === "SRV"
        ? { type, priority: 10, weight: 1, port: 143, target: "imap1.example.com" }
        : { type: "A", address: "192.0.2.11" };
      return { records: type === data.type ? [{ name, ttl: 300, data }] : [] };
    });
  });
  after(async () => {
    await dns.close();
    certificates.remove();
    folder.remove();
  });

  /** What a reader has put in place: addresses are as they stand, since nobody logs in. */
  function filledIn(text: string, ports: readonly number[]): string {
    const { certificatePath, keyPath } = certificate;
    const files = ["/etc/postern/moved.map", "/etc/postern/users"].map((path) => {
      return [path, folder.write(path.replaceAll("/", "_"), fileOf(path))] as const;
    });
    const addresses = [...text.matchAll(/\d+\.\d+\.\d+\.\d+[:/]?\d*/g)].map(([address]) => [address, address] as const);
    return fitted(text, {
      ports,
      addresses: { ...Object.fromEntries(addresses), "192.0.2.53": `127.0.0.1:${dns.address.port}` },
      paths: {
        ...Object.fromEntries(files),
        "/etc/ssl/mail.example.com.crt": certificatePath,
        "/etc/ssl/mail.example.com.key": keyPath,
        "/etc/ssl/ca.pem": certificatePath,
      },
    });
  }

  /** A folder with nothing but this. */
  async function install(name: string, text: string): Promise<{ readonly cwd: string; readonly port: number }> {
    const ports = await freePorts(3);
    const cwd = join(folder.path, name.replaceAll(/\W/g, ""));
    mkdirSync(cwd);
    writeFileSync(join(cwd, "nginx.conf"), filledIn(text, ports));
    return { cwd, port: ports[0] ?? 0 };
  }

  it("of which there are some", () => assertEquals(CONFIGURATIONS.length, 11));

  for (const [name, text] of CONFIGURATIONS) {
    it(`by what a start opens and writes: ${name}`, LIMIT, async () => {
      const { cwd } = await install(name, text);
      const { code, stderr } = await new Program(["-t", "-c", "nginx.conf"], { cwd }).ending;
      assertEquals(code, 0, stderr);
      assertEquals(existsSync(join(cwd, "postern.pid")), true);
    });
  }

  it("in the background, and obeys signals there", LIMIT, async () => {
    const { cwd, port } = await install("background", recipe("moving"));
    const pid = join(cwd, "postern.pid");
    const program = new Program(["-c", "nginx.conf"], { cwd });
    await eventually(() => existsSync(pid) || program.child.exitCode !== null, () => program.stderr, 30_000);
    const signal = async (word: string) => (await new Program(["-s", word, "-c", "nginx.conf"], { cwd }).ending).code;
    try {
      (await connectTo(port)).destroy();
      assertEquals(await signal("reload"), 0);
    } finally {
      assertEquals(await signal("stop"), 0);
    }
    // It has our standard error, and so ends with the program in the background.
    assertEquals((await program.ending).code, 0, program.stderr);
    assertEquals(existsSync(pid), false);
  });
});
