import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { serve } from "../../../src/proxy/mod.ts";
import type { Cancel, Octets, SecureHandler, Socket, TlsContext } from "../../../src/runtime.ts";
import { load, memoryFiles } from "../../support/config.ts";
import { FakeRuntime, FakeSocket } from "../../support/fake_runtime.ts";

/** A runtime with a handshake that takes the client's socket, as adapters do, and gives another one back. */
class TlsRuntime extends FakeRuntime {
  #handshake: SecureHandler | undefined;

  override createTlsServer(): TlsContext {
    return { kind: "server", expires: Infinity, caveat: undefined };
  }

  override secureServer(socket?: Socket, _tls?: unknown, handler?: SecureHandler): Cancel {
    if (socket !== undefined) socket.handler = { bytes() {}, drained() {}, ended() {}, closed() {} };
    this.#handshake = handler;
    return () => {};
  }

  /** The client's connection, which speaks TLS from now on. */
  secure(): FakeSocket {
    const socket = new FakeSocket(this.clock);
    const none = { serverName: undefined, alpn: undefined, isResumed: false, certificate: undefined };
    this.#handshake?.secured(socket, { version: "TLSv1.3", cipher: "x", ...none });
    return socket;
  }
}

describe("STARTTLS", () => {
  it("from a client that had not read all by then has it read from over TLS", async () => {
    const runtime = new TlsRuntime();
    const files = memoryFiles({ "/c.pem": "-----BEGIN CERTIFICATE-----", "/k.pem": "-----BEGIN PRIVATE KEY-----" });
    runtime.files.read = (path: Octets) => files.read(path);
    const config = load(
      `error_log /log; events {} mail { auth_http 192.0.2.9; ssl_certificate /c.pem; ssl_certificate_key /k.pem;
       starttls on; server { listen 127.0.0.1:143; } }`,
      { files },
    );
    const server = await serve(config, runtime);
    const client = runtime.listeners[0]?.client();
    if (client === undefined) throw new Error("nobody listens");
    client.isBlocked = true;
    client.says("a NOOP\r\nb STARTTLS\r\n");
    client.drains();
    assertEquals(client.heard(), "* OK IMAP4 ready\r\na OK completed\r\nb OK completed\r\n");
    const secure = runtime.secure();
    secure.says("c NOOP\r\n");
    assertEquals(secure.heard(), "c OK completed\r\n");
    secure.says("d LOGOUT\r\n");
    secure.hangsUp();
    await server.stop("graceful");
  });
});
