/** Where connections in clear become connections over TLS on Node: over its handles, without streams. */

import { Buffer } from "node:buffer";
import { createSecureContext } from "node:tls";
import type { Cancel } from "../src/runtime.ts";
import { ClearHandshake, type Secured } from "./_clear_handshake.ts";
import type { TlsWrapper } from "./_node_native.ts";
import { NodeConnection, type NodeShared } from "./_node_socket.ts";
import { TlsConnection } from "./_node_tls_socket.ts";
import type { ServerDoor } from "./_tls_door.ts";
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
    const handshake = new ClearHandshake(socket, (clear) => this.#secureOn(clear, hello, received), handler);
    return () => handshake.cancel();
  }

  #secureOn(clear: NodeConnection, hello: ClientHello, received: Uint8Array): Secured | undefined {
    const given = clear.surrender();
    if (given === undefined) return undefined;
    const { handle, held } = given;
    const tls = this.#means.wrap(handle, this.#secure);
    if (this.#requestsCertificate) tls.setVerifyMode(true, false);
    if (this.#protocols !== undefined) tls.setALPNProtocols(this.#protocols);
    const connection = new TlsConnection({ clear, handle, tls }, this.#means.shared);
    return {
      connection,
      // What was read, and what was told to nobody.
      begin: () => connection.begin([received, held]),
      facts: () => this.#context.factsOf(connection.view, hello),
    };
  }
}

/** RFC 7301, 3.1. */
function protocolList(names: readonly string[]): Buffer {
  return Buffer.concat(names.flatMap((name) => [Buffer.from([name.length]), Buffer.from(name, "latin1")]));
}
