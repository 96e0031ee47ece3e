/** Where connections in clear become connections over TLS on the kernel's sockets, by OpenSSL. */

import type { Cancel, SecureHandler } from "../src/runtime.ts";
import { ClearHandshake, type Secured } from "./_clear_handshake.ts";
import type { KernelSocket } from "./_kernel_socket.ts";
import { KernelTlsSocket, type TlsMeans } from "./_kernel_tls_socket.ts";
import type { Pointer } from "./_openssl.ts";
import { createContext } from "./_openssl_context.ts";
import { TicketDoors } from "./_ticket_keys.ts";
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
  enter(socket: KernelSocket, { hello, received, handler }: Beginning): Cancel {
    const handshake = new ClearHandshake(socket, (clear) => this.#secure(clear, hello, received), handler);
    return () => handshake.cancel();
  }

  #secure(clear: KernelSocket, { serverName }: ClientHello, received: Uint8Array): Secured | undefined {
    const { library } = this.#means;
    const ssl = library.SSL_new(this.#context);
    if (ssl === library.NULL) return undefined;
    const { remote } = clear;
    const raw = clear.surrender(true);
    if (raw === undefined) {
      library.SSL_free(ssl);
      return undefined;
    }
    const connection = new KernelTlsSocket(raw, remote, ssl, this.#means);
    return {
      connection,
      begin: () => connection.begin(received),
      facts: () => {
        const { version, cipher, isResumed } = connection;
        return { version, cipher, isResumed, alpn: undefined, serverName, certificate: undefined };
      },
    };
  }
}

const ABANDONED = new FinalizationRegistry((free: () => void) => free());
