/** Whom a mail server's certificate may be from where no authorities are configured: what docs/tls.md has of that. */

import { assertEquals } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { CHECKING } from "../support/fake_upstream.ts";
import { freePort } from "../support/free_ports.ts";
import { Program, TestFolder } from "../support/program.ts";
import { connectTo } from "../support/raw_client.ts";
import { MAIL, TlsScene } from "../support/tls_scene.ts";
import { TlsServer } from "../support/tls_wire.ts";

/** As the guide names it, for this runtime. */
const ASKED = "Deno" in globalThis ? "DENO_TLS_CA_STORE=system" : "NODE_USE_SYSTEM_CA=1";

const LIMIT = { timeout: 180_000 };

describe("an authority that the system trusts", () => {
  const folder = new TestFolder();
  let scene: TlsScene;
  let program: Program | undefined;
  before(async () => {
    scene = await TlsScene.open();
  });
  after(async () => {
    program?.signal("SIGKILL");
    await scene.close();
    folder.remove();
  });

  it("is taken for mail servers where the environment says so", LIMIT, async () => {
    scene.upstream.script = [new TlsServer(scene.certificate).startTls, ...CHECKING.pop3];
    const port = await freePort();
    const config = folder.write(
      "postern.conf",
      `daemon off; error_log stderr notice; events {}
       mail {
         proxy_ssl on; proxy_ssl_name ${MAIL};
         server { listen 127.0.0.1:${port}; protocol pop3; proxy_pass 127.0.0.1:${scene.upstream.port}; }
       }`,
    );
    // There whoever does as OpenSSL does looks for the system's authorities, a worker with its own rights; Bun takes these
    // unasked.
    const file = folder.write("system.pem", scene.authority.certificate);
    const system = ["-u", "SSL_CERT_DIR", "-u", "NODE_EXTRA_CA_CERTS", `SSL_CERT_FILE=${file}`];
    program = new Program(["-p", folder.path, "-c", config], { wrapper: ["env", ...system, ASKED] });
    await program.prints("start worker process ");
    const client = await connectTo({ port, from: "127.0.0.1" });
    await client.expect("+OK POP3 ready\r\n");
    await client.ask("USER anna\r\n", "+OK\r\n");
    await client.ask("PASS secret\r\n", "+OK mailbox open\r\n");
    client.destroy();
    program.signal("SIGTERM");
    assertEquals((await program.ending).code, 0);
    program = undefined;
  });
});
