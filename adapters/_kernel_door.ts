/** Where connections in clear become connections over TLS on the kernel's sockets, by OpenSSL. */

import type { Cancel, Octets, SecureHandler, SocketHandler, SystemFailure, TlsFacts } from "../src/runtime.ts";
import { KernelSocket } from "./_kernel_socket.ts";
import { isLeaving, KernelTlsSocket, type TlsMeans } from "./_kernel_tls_socket.ts";
import type { Pointer } from "./_openssl.ts";
import { createContext } from "./_openssl_context.ts";
import { TicketDoors } from "./_ticket_keys.ts";
import { PEER_CLOSED } from "./_tls_handshake.ts";
import type { ClientHello } from "./_tls_hello.ts";
import type { ServerContext } from "./_tls_server.ts";

/** The doors of all contexts. */
export class KernelDoors {
  readonly #means: TlsMeans;
  readonly #doors = new WeakMap<ServerContext, TicketDoors<KernelDoor | undefined>>();

  constructor(means: TlsMeans) {
    this.#means = means;
  }

  /**
   * The door for a client; `undefined` for those that are the runtime's: the choice of an application protocol would
   * need a function of ours to be called, and the judgement of a client's certificate is made of the runtime's parts.
   */
  for(context: ServerContext, { alpn, ticketKey }: ClientHello): KernelDoor | undefined {
    const { options } = context;
    const isPlain = !options.requestsCertificate && options.dhparam === undefined && options.sessionTickets;
    return isPlain && alpn.length === 0 ? this.#doorsOf(context).for(ticketKey) : undefined;
  }

  #doorsOf(context: ServerContext): TicketDoors<KernelDoor | undefined> {
    const known = this.#doors.get(context);
    if (known !== undefined) return known;
    const { options, pairs } = context;
    const doors = new TicketDoors(options.ticketKeys, (ticketKey) => {
      const made = createContext(this.#means.library, { options, pairs, ticketKey });
      return made === undefined ? undefined : new KernelDoor(made, this.#means);
    });
    this.#doors.set(context, doors);
    return doors;
  }
}

/** What a client begins with. */
export interface Beginning {
  readonly hello: ClientHello;
  /** What was read of the handshake. */
  readonly received: Uint8Array;
  readonly handler: SecureHandler;
}

/** Of one ticket key. */
export class KernelDoor {
  readonly #context: Pointer;
  readonly #means: TlsMeans;

  constructor(context: Pointer, means: TlsMeans) {
    this.#context = context;
    this.#means = means;
    // The connections have their share of it.
    ABANDONED.register(this, () => means.library.SSL_CTX_free(context));
  }

  /** Takes the socket over and begins. */
  enter(socket: KernelSocket, beginning: Beginning): Cancel {
    const handshake = new KernelHandshake(this, socket, beginning);
    return () => handshake.cancel();
  }

  /** Puts TLS over a connection; `undefined` when it is gone. */
  secure(clear: KernelSocket): KernelTlsSocket | undefined {
    const { library } = this.#means;
    const ssl = library.SSL_new(this.#context);
    if (ssl === library.NULL) return undefined;
    const { remote } = clear;
    const raw = clear.surrender(true);
    if (raw !== undefined) return new KernelTlsSocket(raw, remote, ssl, this.#means);
    library.SSL_free(ssl);
    return undefined;
  }
}

const ABANDONED = new FinalizationRegistry((free: () => void) => free());

/** A handshake on the server's side: first on the socket in clear, as long as that has something to send. */
class KernelHandshake implements SocketHandler {
  readonly #door: KernelDoor;
  readonly #beginning: Beginning;
  #socket: KernelSocket;
  #secured: KernelTlsSocket | undefined;
  #isOver = false;

  constructor(door: KernelDoor, clear: KernelSocket, beginning: Beginning) {
    this.#door = door;
    this.#beginning = beginning;
    this.#socket = clear;
    clear.handler = this;
    clear.pause();
    if (clear.queued === 0) this.#begin(clear);
  }

  /** Nobody reads before the handshake is done. */
  bytes(): void {}

  drained(): void {
    if (this.#secured === undefined && !this.#isOver) this.#begin(this.#socket);
  }

  ended(): void {
    this.refused();
  }

  closed(failure: SystemFailure | undefined): void {
    this.refused(failure === undefined || isLeaving(failure) ? undefined : failure.text);
  }

  refused(text: Octets = PEER_CLOSED): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.abort();
    this.#beginning.handler.failed(text);
  }

  secured(): void {
    const connection = this.#secured;
    if (this.#isOver || connection === undefined) return;
    this.#isOver = true;
    connection.handshake = undefined;
    this.#beginning.handler.secured(connection, factsOf(connection, this.#beginning.hello));
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.abort();
  }

  #begin(clear: KernelSocket): void {
    const connection = this.#door.secure(clear);
    if (connection === undefined) return this.refused();
    this.#socket = this.#secured = connection;
    connection.handler = this;
    connection.handshake = this;
    connection.begin(this.#beginning.received);
  }
}

function factsOf({ version, cipher, isResumed }: KernelTlsSocket, { serverName }: ClientHello): TlsFacts {
  return { version, cipher, isResumed, alpn: undefined, serverName, certificate: undefined };
}
