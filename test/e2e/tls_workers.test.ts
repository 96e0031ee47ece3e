import { chmodSync, cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { loadRuntime } from "../../adapters/detect.ts";
import { openOpenSsl } from "../../adapters/_openssl.ts";
import type { Runtime } from "../../src/runtime.ts";
import { needs } from "../support/clients.ts";
import { freePorts } from "../support/free_ports.ts";
import { Program } from "../support/program.ts";
import { visit } from "../support/s_client.ts";
import { TlsScene } from "../support/tls_scene.ts";
import { connectTls } from "../support/tls_wire.ts";
import { eventually } from "../support/watch.ts";

const ROOT = needs("root");

describe("worker processes that may not read keys any more", () => {
  let scene: TlsScene;
  let runtime: Runtime;
  let program: Program;
  let secret: string;
  let port = 0;
  before(async () => {
    if (ROOT.skip !== false) return;
    runtime = await loadRuntime();
    scene = await TlsScene.open();
    chmodSync(scene.folder.path, 0o755);
    secret = join(scene.folder.path, "secret");
    mkdirSync(secret, { mode: 0o700 });
    install("old");
    [port = 0] = await freePorts(1);
    const path = scene.folder.write(
      "nginx.conf",
      `daemon off; worker_processes 2; user nobody ${GROUP}; pid ${scene.folder.path}/pid; error_log stderr notice; events {}
       mail { auth_http 127.0.0.1:${scene.auth.port}; ssl_certificate ${secret}/c.pem; ssl_certificate_key ${secret}/k.pem;
         server { listen 127.0.0.1:${port} ssl; protocol imap; } }`,
    );
    program = new Program(["-c", path]);
    await program.prints("start worker process ");
  }, ROOT);
  after(async () => {
    if (ROOT.skip !== false) return;
    program.signal("SIGTERM");
    await program.ending;
    await scene.close();
  }, ROOT);

  function install(name: string): void {
    const { certificatePath, keyPath } = scene.issue(name);
    cpSync(certificatePath, join(secret, "c.pem"));
    cpSync(keyPath, join(secret, "k.pem"));
    for (const file of ["c.pem", "k.pem"]) chmodSync(join(secret, file), 0o600);
  }

  async function shown(): Promise<string> {
    const { wire, serverName } = await connectTls(port, { ca: scene.authority });
    wire.destroy();
    return serverName;
  }

  it("resume each other's sessions where the runtime can share keys, and after a reload too", ROOT, async () => {
    // With OpenSSL Deno can.
    const takesKeys = runtime.capabilities["tls.ticketKeys"].state === "yes" || openOpenSsl() !== undefined;
    const come = async (version: "1_2" | "1_3") => {
      const to = join(scene.folder.path, `session-${version}`);
      const wish = { port, protocol: "imap", version } as const;
      await visit({ ...wish, to });
      // Which of the two a visitor meets is the kernel's choice.
      const visits: boolean[] = [];
      for (let i = 0; i < 6; i++) visits.push((await visit({ ...wish, from: to })).isReused);
      return { again: () => visit({ ...wish, from: to }), visits };
    };
    const both = [await come("1_2"), await come("1_3")];
    if (takesKeys) { for (const { visits } of both) assertEquals(visits, [true, true, true, true, true, true]); }
    const count = program.stderr.split("reconfigured").length;
    program.signal("SIGHUP");
    await eventually(() => program.stderr.split("reconfigured").length > count, () => program.stderr, 30_000);
    for (const { again } of both) assertEquals((await again()).isReused, takesKeys);
  });

  it("have renewed certificates after a reload, and keep those that they have when others are bad", ROOT, async () => {
    assertEquals(await shown(), "old");
    for (const [name, word] of [["new", "reconfigured"], ["bad", "[emerg]"]] as const) {
      const count = program.stderr.split(word).length;
      install(name);
      if (name === "bad") cpSync(join(secret, "k.pem"), join(secret, "c.pem"));
      program.signal("SIGHUP");
      await eventually(() => program.stderr.split(word).length > count, () => program.stderr, 30_000);
      assertEquals(await shown(), "new");
    }
    assert(program.stderr.includes(`cannot load certificate "${secret}/c.pem"`));
    assert(!program.stderr.includes("PRIVATE KEY"));
  });
});

/** Debian's, which other systems call `nobody`. */
const GROUP = readFileSync("/etc/group", "latin1").includes("nogroup:") ? "nogroup" : "nobody";
