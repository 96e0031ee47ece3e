/** Where connections in clear become connections over TLS on the server's side: a TLS server of the runtime's. */

import type { Buffer } from "node:buffer";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { Cancel } from "../src/runtime.ts";
import { isStreamSource } from "./_socket.ts";
import { faultText, Handshake } from "./_tls_handshake.ts";
import type { ClientHello } from "./_tls_hello.ts";
import type { Face } from "./_tls_options.ts";
import { NO_SHARED_CIPHER, type ServerContext, type ServerStart } from "./_tls_server.ts";

/** Of one certificate and one ticket key. */
export interface ServerDoor {
  /** Takes the socket over and begins. `received` is what was read of the handshake. */
  enter(start: ServerStart, hello: ClientHello, received: Uint8Array): Cancel;
}

export type OpenDoor = (context: ServerContext, face: Face, ticketKeys: Buffer | undefined) => ServerDoor;

/** Over `node:tls`. The server never listens; each of its connections is handed to it. */
export class NetDoor implements ServerDoor {
  readonly #context: ServerContext;
  readonly #face: Face;
  readonly #server: Server;
  /** Handshakes under way, by their raw sockets. */
  readonly #handshakes = new WeakMap<object, ServerHandshake>();

  constructor(context: ServerContext, face: Face, ticketKeys: Buffer | undefined) {
    this.#context = context;
    this.#face = face;
    this.#server = createServer(ticketKeys === undefined ? face.settings : { ...face.settings, ticketKeys });
    this.#server.on("secureConnection", (tls: TLSSocket) => this.#secured(tls));
    this.#server.on("tlsClientError", (error: unknown, tls: TLSSocket) => {
      this.#handshakeOf(tls)?.fail(faultText(error));
      tls.destroy();
    });
  }

  enter(start: ServerStart, hello: ClientHello, received: Uint8Array): Cancel {
    const { socket, census, handler, turns } = start;
    if (!isStreamSource(socket)) throw new TypeError("A socket was given that cannot be a stream");
    const handshake = new ServerHandshake({ socket, census, handler }, hello);
    const { raw } = handshake;
    raw.unshift(received);
    handshake.whenFlushed(() =>
      turns.run(() => {
        if (handshake.isOver) return;
        this.#handshakes.set(raw, handshake);
        this.#server.emit("connection", raw);
      })
    );
    return () => handshake.cancel();
  }

  #secured(tls: TLSSocket): void {
    const handshake = this.#handshakeOf(tls);
    if (handshake === undefined) {
      tls.destroy();
      return;
    }
    const facts = this.#context.factsOf(tls, handshake.hello);
    handshake.watch(tls);
    const { ciphers } = this.#face;
    if (ciphers?.leftOut.includes(facts.cipher) === true) handshake.fail(`error:${NO_SHARED_CIPHER.text}`);
    else handshake.succeed(tls, facts);
  }

  /** Which connection in clear a TLS socket was made of: no runtime tells otherwise, all three keep it here. */
  #handshakeOf(tls: TLSSocket): ServerHandshake | undefined {
    const raw = "_parent" in tls ? tls._parent : undefined;
    return typeof raw === "object" && raw !== null ? this.#handshakes.get(raw) : undefined;
  }
}

/** A handshake on the server's side, once the client's first message is known. */
class ServerHandshake extends Handshake {
  readonly hello: ClientHello;

  constructor(start: ConstructorParameters<typeof Handshake>[0], hello: ClientHello) {
    super(start);
    this.hello = hello;
  }
}
