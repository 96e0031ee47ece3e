/** Where connections in clear become connections over TLS on Node: over its handles, without streams. */

import { Buffer } from "node:buffer";
import { constants } from "node:os";
import { createSecureContext } from "node:tls";
import type { Cancel, Octets, SocketHandler, SystemFailure, TlsFacts } from "../src/runtime.ts";
import type { TlsWrapper } from "./_node_native.ts";
import { NodeConnection, type NodeShared } from "./_node_socket.ts";
import { type HandshakeListener, TlsConnection } from "./_node_tls_socket.ts";
import type { ServerDoor } from "./_tls_door.ts";
import { faultText, PEER_CLOSED } from "./_tls_handshake.ts";
import type { ClientHello } from "./_tls_hello.ts";
import type { Face } from "./_tls_options.ts";
import type { ServerContext, ServerStart } from "./_tls_server.ts";

/** What the doors of a runtime share. */
export interface DoorMeans {
  readonly shared: NodeShared;
  readonly wrap: TlsWrapper;
}

/** The certificate and the ticket keys of a door. */
export interface Opening {
  readonly face: Face;
  readonly ticketKeys: Buffer | undefined;
}

export class NodeDoor implements ServerDoor {
  readonly #context: ServerContext;
  readonly #means: DoorMeans;
  /** Node's own, from within what it shows of it. */
  readonly #secure: object;
  readonly #requestsCertificate: boolean;
  readonly #protocols: Buffer | undefined;

  constructor(context: ServerContext, { face, ticketKeys }: Opening, means: DoorMeans) {
    const { settings } = face;
    const { ALPNProtocols: names } = settings;
    this.#context = context;
    this.#means = means;
    this.#secure = createSecureContext(ticketKeys === undefined ? settings : { ...settings, ticketKeys }).context;
    this.#requestsCertificate = settings.requestCert === true;
    this.#protocols = Array.isArray(names) ? protocolList(names) : undefined;
  }

  enter({ socket, handler }: ServerStart, hello: ClientHello, received: Uint8Array): Cancel {
    if (!(socket instanceof NodeConnection)) throw new TypeError("A socket was given that has no handle");
    const handshake = new NodeHandshake(this, handler, { clear: socket, hello, received });
    return () => handshake.cancel();
  }

  /** Puts TLS over a connection, with what was read of it and told to nobody; `undefined` when it is gone. */
  secure(clear: NodeConnection): { readonly connection: TlsConnection; readonly held: Uint8Array } | undefined {
    const given = clear.surrender();
    if (given === undefined) return undefined;
    const { handle, held } = given;
    const tls = this.#means.wrap(handle, this.#secure);
    if (this.#requestsCertificate) tls.setVerifyMode(true, false);
    if (this.#protocols !== undefined) tls.setALPNProtocols(this.#protocols);
    return { connection: new TlsConnection({ clear, handle, tls }, this.#means.shared), held };
  }

  factsOf(connection: TlsConnection, hello: ClientHello): TlsFacts {
    return this.#context.factsOf(connection.view, hello);
  }
}

/** RFC 7301, 3.1. */
function protocolList(names: readonly string[]): Buffer {
  return Buffer.concat(names.flatMap((name) => [Buffer.from([name.length]), Buffer.from(name, "latin1")]));
}

/** What a handshake begins with. */
interface Beginning {
  readonly clear: NodeConnection;
  readonly hello: ClientHello;
  readonly received: Uint8Array;
}

/** A handshake on the server's side: first on the socket in clear, as long as that has something to send. */
class NodeHandshake implements SocketHandler, HandshakeListener {
  readonly #door: NodeDoor;
  readonly #handler: ServerStart["handler"];
  readonly #hello: ClientHello;
  readonly #received: Uint8Array;
  #socket: NodeConnection;
  #secured: TlsConnection | undefined;
  #isOver = false;

  constructor(door: NodeDoor, handler: ServerStart["handler"], { clear, hello, received }: Beginning) {
    this.#door = door;
    this.#handler = handler;
    this.#hello = hello;
    this.#received = received;
    this.#socket = clear;
    clear.handler = this;
    clear.pause();
    // A write that ends later would be taken for one of TLS.
    if (clear.queued === 0) this.#begin(clear);
  }

  /** Nobody reads before the handshake is done. */
  bytes(): void {}

  drained(): void {
    if (this.#secured === undefined && !this.#isOver) this.#begin(this.#socket);
  }

  ended(): void {
    this.#fail(PEER_CLOSED);
  }

  closed(failure: SystemFailure | undefined): void {
    this.#fail(failure === undefined || failure.number === RESET ? PEER_CLOSED : failure.text);
  }

  refused(error: unknown): void {
    this.#fail(faultText(error));
  }

  secured(): void {
    const connection = this.#secured;
    if (this.#isOver || connection === undefined) return;
    const facts = this.#door.factsOf(connection, this.#hello);
    this.#isOver = true;
    connection.handshake = undefined;
    this.#handler.secured(connection, facts);
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.abort();
  }

  #begin(clear: NodeConnection): void {
    const secured = this.#door.secure(clear);
    if (secured === undefined) return this.#fail(PEER_CLOSED);
    const { connection, held } = secured;
    this.#socket = this.#secured = connection;
    connection.handler = this;
    connection.handshake = this;
    connection.begin([this.#received, held]);
  }

  #fail(text: Octets): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.abort();
    this.#handler.failed(text);
  }
}

const RESET: number = constants.errno.ECONNRESET;
