import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { Config } from "../../../src/config/types.ts";
import type { Board } from "../../../src/proxy/board.ts";
import { serve, type Server } from "../../../src/proxy/mod.ts";
import type { Cancel, Files, Octets, SecureHandler, Socket, TlsContext } from "../../../src/runtime.ts";
import { Boards } from "../../support/boards.ts";
import { load, memoryFiles } from "../../support/config.ts";
import { FakeRuntime, type FakeSocket } from "../../support/fake_runtime.ts";
import { settle } from "./_support.ts";

/** A runtime whose handshakes are done when the test says so, and change nothing. */
class TlsRuntime extends FakeRuntime {
  readonly #handshakes = new Map<Socket, SecureHandler>();

  override createTlsServer(): TlsContext {
    return { kind: "server", expires: Infinity, caveat: undefined };
  }

  override secureServer(socket?: Socket, _tls?: unknown, handler?: SecureHandler): Cancel {
    if (socket === undefined || handler === undefined) throw new Error("nobody begins TLS");
    this.#handshakes.set(socket, handler);
    return () => void this.#handshakes.delete(socket);
  }

  /** Speaks TLS with a client. */
  secure(client: FakeSocket): void {
    const none = { serverName: undefined, alpn: undefined, isResumed: false, certificate: undefined };
    this.#handshakes.get(client)?.secured(client, { version: "TLSv1.3", cipher: "x", ...none });
  }
}

/** A proxy with a port for each way that a session begins in; the clients have connected and said nothing. */
class Scene {
  readonly runtime = new TlsRuntime();
  server: Server | undefined;
  #isStopped = false;

  static async start(mail = "", board?: Board): Promise<Scene> {
    const scene = new Scene();
    const files = memoryFiles({ "/c.pem": "-----BEGIN CERTIFICATE-----", "/k.pem": "-----BEGIN PRIVATE KEY-----" });
    scene.runtime.files.read = (path: Octets) => files.read(path);
    scene.server = await serve(configuration(mail, files), scene.runtime, { ...board && { board } });
    return scene;
  }

  /** A client at the listener of that kind. */
  client(kind: keyof typeof LISTENERS): FakeSocket {
    const place = Object.keys(LISTENERS).indexOf(kind);
    const client = this.runtime.listeners[place]?.client();
    if (client === undefined) throw new Error("nobody listens");
    return client;
  }

  async reload(mail = ""): Promise<void> {
    await this.server?.reload(configuration(mail, this.runtime.files));
  }

  /** Begins a graceful stop. */
  async stop(): Promise<void> {
    void this.server?.stop("graceful").then(() => this.#isStopped = true);
    await settle();
  }

  /** Whether that is over. */
  async hasStopped(): Promise<boolean> {
    await settle();
    return this.#isStopped;
  }
}

function configuration(mail: string, files: Pick<Files, "read" | "list">): Config {
  const listens = Object.values(LISTENERS).map((listen) => `listen ${listen};`).join(" ");
  return load(
    `error_log /log info; worker_shutdown_timeout 10s; events {}
     mail {
       auth_http 192.0.2.9; ssl_certificate /c.pem; ssl_certificate_key /k.pem; ${mail}
       server { protocol imap; ${listens} }
     }`,
    { files },
  );
}

const LISTENERS = {
  preface: "127.0.0.1:143 proxy_protocol",
  handshake: "127.0.0.1:993 ssl",
  both: "127.0.0.1:994 ssl proxy_protocol",
} as const;
const HEADER = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 143\r\n";
const GREETING = "* OK IMAP4 ready\r\n";
const BYE = "* BYE shutting down\r\n";

describe("a client that has no session yet", () => {
  for (const cause of ["stop", "reload"] as const) {
    it(`when a ${cause} begins has worker_shutdown_timeout for the session that it comes to`, async () => {
      const scene = await Scene.start();
      const preface = scene.client("preface");
      const handshake = scene.client("handshake");
      const both = scene.client("both");
      await scene[cause]();
      scene.runtime.clock.advance(5_000);
      for (const client of [preface, both]) client.says(HEADER);
      for (const client of [handshake, both]) scene.runtime.secure(client);
      const clients = [preface, handshake, both];
      assertEquals(clients.map((client) => client.heard()), [GREETING, GREETING, GREETING]);
      scene.runtime.clock.advance(4_999);
      assertEquals(clients.map((client) => client.heard()), ["", "", ""]);
      scene.runtime.clock.advance(1);
      assertEquals(clients.map((client) => client.heard()), [BYE, BYE, BYE]);
      scene.runtime.clock.advance(2_000);
      if (cause === "reload") await scene.stop();
      assertEquals(await scene.hasStopped(), true);
    });
  }

  it("and turns out to be one too many ends a graceful stop", async () => {
    const boards = new Boards();
    const mail = "limit_conn_zone all zone=all:1m; limit_conn all 1;";
    const scene = await Scene.start(mail, boards.board(1));
    const other = await Scene.start(mail, boards.board(2));
    const client = scene.client("both");
    await scene.stop();
    other.client("handshake");
    other.runtime.clock.advance(1_000);
    client.says(HEADER);
    assertEquals(client.ending, "abort");
    assertEquals(await scene.hasStopped(), true);
  });
});
