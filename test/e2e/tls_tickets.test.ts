import { createDecipheriv, createHmac } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { loadRuntime } from "../../adapters/detect.ts";
import type { Runtime } from "../../src/runtime.ts";
import { needs } from "../support/clients.ts";
import { freePorts } from "../support/free_ports.ts";
import { type Nginx, startNginx } from "../support/nginx.ts";
import { ticketIn, visit } from "../support/s_client.ts";
import { TlsScene } from "../support/tls_scene.ts";

const REAL = needs("nginx");

/** How a key file is divided: the name, which tickets begin with, is its first 16 octets. */
interface Division {
  readonly hmac: readonly [number, number];
  readonly aes: readonly [number, number];
}

/** What nginx reads from a file of each length, and what we do: there are AES-128 and HMAC keys of 16 octets only. */
const DIVISIONS: Readonly<Record<48 | 80, { readonly nginx: Division; readonly ours: Division }>> = {
  48: { nginx: { hmac: [32, 48], aes: [16, 32] }, ours: { hmac: [32, 48], aes: [16, 32] } },
  80: { nginx: { hmac: [16, 48], aes: [48, 80] }, ours: { hmac: [16, 32], aes: [48, 64] } },
};

/** What is in a ticket (RFC 5077, 4); `undefined` when it was not made with this key. */
function open(ticket: Uint8Array, key: Uint8Array, { hmac, aes }: Division): Uint8Array | undefined {
  const seal = createHmac("sha256", key.subarray(...hmac)).update(ticket.subarray(0, -32)).digest("hex");
  if (seal !== Buffer.from(ticket.subarray(-32)).toString("hex")) return undefined;
  const name = `aes-${(aes[1] - aes[0]) * 8}-cbc`;
  const decipher = createDecipheriv(name, key.subarray(...aes), ticket.subarray(16, 32));
  return Buffer.concat([decipher.update(ticket.subarray(32, -32)), decipher.final()]);
}

describe("tickets with the key file of an nginx", () => {
  let scene: TlsScene;
  let runtime: Runtime;
  before(async () => {
    runtime = await loadRuntime();
    scene = await TlsScene.open();
  });
  after(() => scene.close());

  for (const length of [48, 80] as const) {
    it(`of ${length} octets`, REAL, async () => {
      const key = Uint8Array.from({ length }, (_, i) => 0x21 + i);
      const path = scene.folder.write(`key-${length}`, String.fromCharCode(...key));
      const { certificatePath, keyPath } = scene.certificate;
      const [port = 0, nginxPort = 0] = await freePorts(2);
      const server = (port: number) => `
        ssl_certificate ${certificatePath}; ssl_certificate_key ${keyPath}; ssl_session_ticket_key ${path};
        auth_http 127.0.0.1:${scene.auth.port}; server { listen 127.0.0.1:${port} ssl; protocol imap; }`;
      const proxy = await scene.proxy(server(port));
      const isWarned = runtime.capabilities["tls.longTicketKeys"].state === "emulated" && length === 80;
      assertEquals(
        proxy.log.filter((line) => /^warn the length of "ssl_session_ticket_key"/.test(line)).length,
        isWarned ? 1 : 0,
      );
      const nginx: Nginx = await startNginx(server(nginxPort));
      try {
        const [ours, theirs] = [join(scene.folder.path, `ours-${length}`), join(scene.folder.path, `theirs-${length}`)];
        const wish = { protocol: "imap", version: "1_2" } as const;
        await visit({ ...wish, port, to: ours });
        await visit({ ...wish, port: nginxPort, to: theirs });
        const division = DIVISIONS[length];
        assert(open(await ticketIn(theirs), key, division.nginx) !== undefined);
        const takesKeys = runtime.capabilities["tls.ticketKeys"].state === "yes";
        assertEquals(open(await ticketIn(ours), key, division.ours) !== undefined, takesKeys);
        // Each of them resumes its own; neither the other's, whose session context is not text.
        assertEquals((await visit({ ...wish, port, from: ours })).isReused, true);
        assertEquals((await visit({ ...wish, port: nginxPort, from: theirs })).isReused, true);
        assertEquals((await visit({ ...wish, port, from: theirs })).isReused, false);
        assertEquals((await visit({ ...wish, port: nginxPort, from: ours })).isReused, false);
        // Another server with the file, were it another process, resumes ours.
        const [second = 0] = await freePorts(1);
        await scene.proxy(server(second));
        const isShared = takesKeys || runtime.capabilities["tls.separateSessions"].state === "no";
        assertEquals((await visit({ ...wish, port: second, from: ours })).isReused, isShared);
      } finally {
        await nginx.stop();
      }
    });
  }
});
