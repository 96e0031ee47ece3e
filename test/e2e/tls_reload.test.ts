import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { accept } from "../support/fake_auth.ts";
import { IMAP_LOGIN } from "../support/fake_upstream.ts";
import { freePorts } from "../support/free_ports.ts";
import { Program } from "../support/program.ts";
import { WORDS } from "../support/scene.ts";
import { START_TLS, TlsScene } from "../support/tls_scene.ts";
import { beginTls, connectTls } from "../support/tls_wire.ts";
import { connectTo } from "../support/raw_client.ts";

const SLOW = { timeout: 180_000 };

describe("a reload with other certificates", () => {
  let scene: TlsScene;
  let program: Program;
  let certificate: string;
  let key: string;
  let implicit = 0;
  let startTls = 0;
  before(async () => {
    scene = await TlsScene.open();
    scene.upstream.script = IMAP_LOGIN;
    scene.auth.answer = accept(scene.upstream.port);
    [implicit = 0, startTls = 0] = await freePorts(2);
    certificate = join(scene.folder.path, "served.pem");
    key = join(scene.folder.path, "served.key");
    install("old");
    const path = scene.folder.write(
      "nginx.conf",
      `daemon off; pid ${scene.folder.path}/pid; error_log stderr notice; events {}
      mail { auth_http 127.0.0.1:${scene.auth.port}; starttls on;
        ssl_certificate ${certificate}; ssl_certificate_key ${key};
        server { listen 127.0.0.1:${implicit} ssl; protocol imap; }
        server { listen 127.0.0.1:${startTls}; protocol imap; } }`,
    );
    program = new Program(["-c", path]);
    await program.prints("start worker process");
  }, SLOW);
  after(async () => {
    program.signal("SIGTERM");
    await program.ending;
    await scene.close();
  });

  /** Puts a certificate with this name where the configuration has one. */
  function install(name: string): void {
    const made = scene.issue(name);
    cpSync(made.certificatePath, certificate);
    cpSync(made.keyPath, key);
  }

  /** Whose certificate a new client is shown. */
  async function shown(): Promise<string[]> {
    const { wire, serverName } = await connectTls(implicit, { ca: scene.authority });
    wire.destroy();
    const clear = await connectTo(startTls);
    await clear.expect(WORDS.imap.greeting);
    await clear.ask(START_TLS.imap.command, START_TLS.imap.reply);
    const secure = await beginTls(clear, { ca: scene.authority });
    secure.wire.destroy();
    return [serverName, secure.serverName];
  }

  /** How often the program has said something. */
  const times = (text: string) => program.stderr.split(text).length - 1;

  it("shows them to new clients and drops no session", SLOW, async () => {
    const session = await connectTls(implicit, { ca: scene.authority });
    await session.wire.expect(WORDS.imap.greeting);
    await session.wire.ask(WORDS.imap.login, WORDS.imap.welcome);
    const newcomer = await connectTls(implicit, { ca: scene.authority });
    await newcomer.wire.expect(WORDS.imap.greeting);
    const clear = await connectTo(startTls);
    await clear.expect(WORDS.imap.greeting);
    assertEquals(await shown(), ["old", "old"]);

    install("new");
    assertEquals(await shown(), ["old", "old"]);
    program.signal("SIGHUP");
    await program.prints("reconfigured");
    assertEquals(await shown(), ["new", "new"]);

    await session.wire.ask("still there?\r\n", "still there?\r\n");
    await newcomer.wire.ask(WORDS.imap.login, WORDS.imap.welcome);
    // It was greeted by the server of before, and keeps its certificate.
    await clear.ask(START_TLS.imap.command, START_TLS.imap.reply);
    const late = await beginTls(clear, { ca: scene.authority });
    assertEquals(late.serverName, "old");
    for (const { wire } of [session, newcomer, late]) wire.destroy();
  });

  it("that cannot be used keeps the old ones and says why", SLOW, async () => {
    install("kept");
    const count = times("] " + `${program.child.pid}#0: reconfigured`);
    program.signal("SIGHUP");
    while (times("reconfigured") <= count) await new Promise((resolve) => program.child.stderr?.once("data", resolve));
    const other = scene.issue("other");
    const bad: readonly [string, string, string][] = [
      [
        certificate,
        other.certificate,
        `[emerg] ${program.child.pid}#0: SSL_CTX_use_PrivateKey("${key}") failed (SSL: `,
      ],
      [certificate, "garbage", `[emerg] ${program.child.pid}#0: cannot load certificate "${certificate}": `],
      [key, "garbage", `[emerg] ${program.child.pid}#0: cannot load certificate key "${key}": `],
    ];
    for (const [path, text, complaint] of bad) {
      install("next");
      writeFileSync(path, text);
      program.signal("SIGHUP");
      await program.prints(complaint);
      assertEquals(await shown(), ["kept", "kept"]);
    }
    install("good");
    const before = times("reconfigured");
    program.signal("SIGHUP");
    while (times("reconfigured") <= before) await new Promise((resolve) => program.child.stderr?.once("data", resolve));
    assertEquals(await shown(), ["good", "good"]);
    assert(!program.stderr.includes("PRIVATE KEY"));
  });
});
