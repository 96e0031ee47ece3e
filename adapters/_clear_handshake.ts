/**
 * A handshake on the server's side, on a connection of an adapter's own: first on the socket in clear, as long as that has
 * something to send, then on the one over TLS that is made of it.
 */

import { constants } from "node:os";
import type { Octets, SecureHandler, SocketHandler, SystemFailure, TlsFacts } from "../src/runtime.ts";
import type { OwnSocket } from "./_socket.ts";
import { PEER_CLOSED } from "./_tls_handshake.ts";

/** Whom a connection over TLS tells what becomes of its handshake. */
export interface HandshakeListener {
  secured(): void;
  /** The library refuses what the peer sent; `text` is left out when the peer has gone. Octets may still come, and go. */
  refused(text?: Octets): void;
}

/** A connection over TLS. */
export interface SecureConnection extends OwnSocket {
  /** Has the handshake, as long as there is one. */
  handshake: HandshakeListener | undefined;
}

/** A connection over TLS that has not begun. */
export interface Secured {
  readonly connection: SecureConnection;
  begin(): void;
  /** What is known of it when its handshake is done. */
  facts(): TlsFacts;
}

export class ClearHandshake<Clear extends OwnSocket> implements SocketHandler, HandshakeListener {
  readonly #secure: (clear: Clear) => Secured | undefined;
  readonly #handler: SecureHandler;
  readonly #clear: Clear;
  #secured: Secured | undefined;
  #isOver = false;

  /** `secure` puts TLS over the connection; `undefined` when that is gone. */
  constructor(clear: Clear, secure: (clear: Clear) => Secured | undefined, handler: SecureHandler) {
    this.#clear = clear;
    this.#secure = secure;
    this.#handler = handler;
    clear.handler = this;
    clear.pause();
    // A write that ends later would be taken for one of TLS.
    if (clear.queued === 0) this.#begin();
  }

  /** Nobody reads before the handshake is done. */
  bytes(): void {}

  drained(): void {
    if (this.#secured === undefined && !this.#isOver) this.#begin();
  }

  ended(): void {
    this.refused();
  }

  closed(failure: SystemFailure | undefined): void {
    this.refused(failure === undefined || isLeaving(failure) ? undefined : failure.text);
  }

  secured(): void {
    const secured = this.#secured;
    if (this.#isOver || secured === undefined) return;
    const facts = secured.facts();
    this.#isOver = true;
    secured.connection.handshake = undefined;
    this.#handler.secured(secured.connection, facts);
  }

  refused(text: Octets = PEER_CLOSED): void {
    if (this.#isOver) return;
    this.cancel();
    this.#handler.failed(text);
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    (this.#secured?.connection ?? this.#clear).abort();
  }

  #begin(): void {
    const secured = this.#secure(this.#clear);
    if (secured === undefined) return this.refused();
    this.#secured = secured;
    secured.connection.handler = this;
    secured.connection.handshake = this;
    secured.begin();
  }
}

/** Whether the peer has left. */
export function isLeaving({ number }: SystemFailure): boolean {
  const { EPIPE, ECONNRESET } = constants.errno;
  return number === EPIPE || number === ECONNRESET;
}
