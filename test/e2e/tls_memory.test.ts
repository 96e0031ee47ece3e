import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { freePorts } from "../support/free_ports.ts";
import { measureMemory } from "../support/memory.ts";
import { Program } from "../support/program.ts";
import type { TestProxy } from "../support/proxy.ts";
import { clientHello } from "../support/tls_relay.ts";
import { MAIL, TlsScene } from "../support/tls_scene.ts";
import { eventually } from "../support/watch.ts";

const SLOW = { timeout: 180_000 };

/** How clients leave as soon as they have our first flight. */
const LEAVE: readonly ((client: Socket) => void)[] = [
  (client) => client.resetAndDestroy(),
  (client) => client.destroy(),
  (client) => client.end("\x15\x03\x01\0\x02\x02\x50", "latin1"),
  (client) => client.end("x".repeat(600)),
];

/** How many clients there are at a time. */
const CROWD = 50;

/** One round of clients, and how many rounds there are when it is as warm as it gets. */
const ROUND = 1000;
const ROUNDS = 3;

/** Octets that may be left of a client when the garbage is collected: what leaks loses 5 KiB of the heap at least. */
const HEAP_EACH = 1024;

/** The same of all memory, in the best of the rounds: the system's allocator is slow to give back. */
const RESIDENT_EACH = 10 * 1024;

describe("memory of handshakes", () => {
  let scene: TlsScene;
  let proxy: TestProxy;
  let hello: string;
  before(async () => {
    scene = await TlsScene.open();
    const [port = 0] = await freePorts(1);
    const server = (name: string) => `server { listen 127.0.0.1:${port} ssl; protocol imap; server_name ${name}; }`;
    proxy = await scene.proxy(`${server(MAIL)} ${server("*.example.org")}`);
    hello = await clientHello({ name: MAIL });
  });
  after(() => scene.close());

  /** Client after client, each with the hello and the way to leave that `next` gives it. */
  async function assertForgets(next: (i: number) => { readonly hello: string; readonly leave: typeof LEAVE[number] }) {
    const round = async () => {
      await come(ROUND, (i) => visit(proxy.ports[0] ?? 0, next(i)));
      await eventually(() => proxy.sockets() === 0, () => `${proxy.sockets()} sockets`);
      // What the test itself has kept.
      assertEquals(proxy.log.splice(0).filter((line) => line.includes(" while SSL handshaking")).length, ROUND);
    };
    await round();
    const memory = [await measureMemory()];
    for (let i = 0; i < ROUNDS; i++) {
      await round();
      memory.push(await measureMemory());
    }
    const grown = (of: "heap" | "resident") =>
      memory.slice(1).map((one, i) => (one[of] - (memory[i]?.[of] ?? 0)) / ROUND);
    const heap = Math.min(...grown("heap"));
    const resident = Math.min(...grown("resident"));
    assert(heap < HEAP_EACH && resident < RESIDENT_EACH, JSON.stringify(memory));
  }

  it("that are broken off is not kept", SLOW, async () => {
    await assertForgets((i) => ({ hello, leave: LEAVE[i % LEAVE.length] ?? abort }));
  });

  it("for names that nobody has is not kept", SLOW, async () => {
    await assertForgets((i) => {
      const random = (Math.imul(i + 1, 0x9e3779b1) >>> 0).toString(36).padStart(7, "0");
      const name = random + (i % 2 === 0 ? ".example.t" : ".example.org");
      return { hello: hello.replace(MAIL, name.padStart(MAIL.length, "x").slice(0, MAIL.length)), leave: abort };
    });
  });
});

describe("clients that break off handshakes", () => {
  it("leave room for others, however fast they come", SLOW, async () => {
    const scene = await TlsScene.open();
    const [port = 0] = await freePorts(1);
    const { certificatePath, keyPath } = scene.certificate;
    const path = scene.folder.write(
      "nginx.conf",
      `daemon off; pid ${scene.folder.path}/pid; error_log stderr notice; events { worker_connections ${4 * CROWD}; }
       mail { auth_http 127.0.0.1:1; ssl_certificate ${certificatePath}; ssl_certificate_key ${keyPath};
       server { listen 127.0.0.1:${port} ssl; protocol imap; } }`,
    );
    const program = new Program(["-c", path]);
    try {
      await program.prints("start worker process");
      const hello = await clientHello({ name: MAIL });
      await come(3 * ROUND, () => visit(port, { hello, leave: (client) => client.destroy() }));
    } finally {
      program.signal("SIGQUIT");
      await program.ending;
      await scene.close();
    }
    assertEquals(program.stderr.split("\n").filter((line) => line.includes("worker_connections")), []);
  });
});

function abort(client: Socket): void {
  client.resetAndDestroy();
}

/** So many clients, {@linkcode CROWD} at a time. */
async function come(count: number, visit: (i: number) => Promise<void>): Promise<void> {
  let begun = 0;
  const oneAfterAnother = async () => {
    while (begun < count) await visit(begun++);
  };
  await Promise.all(Array.from({ length: CROWD }, oneAfterAnother));
}

function visit(
  port: number,
  { hello, leave }: { readonly hello: string; readonly leave: (client: Socket) => void },
): Promise<void> {
  return new Promise((resolve) => {
    const client = connect(port, "127.0.0.1", () => client.write(Buffer.from(hello, "latin1")));
    client.once("data", () => leave(client));
    client.on("error", () => {}).on("close", () => resolve());
  });
}
