/** A connection between its life in clear and its life over TLS, on either side. */

import type { Socket as RawSocket } from "node:net";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import type { Octets, SecureHandler, TlsFacts, TlsVersion } from "../src/runtime.ts";
import { libraryText } from "./_library_text.ts";
import { type Census, NetSocket, type StreamSource } from "./_socket.ts";

/** What a handshake begins with. */
export interface HandshakeStart {
  readonly socket: StreamSource;
  readonly census: Census;
  readonly handler: SecureHandler;
}

/**
 * Takes the raw socket of a {@linkcode NetSocket}. The raw socket keeps a listener for errors for ever: one that nobody
 * hears would end the process, and each runtime has its own idea of when a socket under TLS may still have one.
 */
export class Handshake {
  readonly raw: RawSocket;
  readonly #start: HandshakeStart;
  #isOver = false;
  #tls: TLSSocket | undefined;

  constructor(start: HandshakeStart) {
    this.#start = start;
    this.raw = start.socket.release();
    // The TLS socket is made like this one. Half open, it would say nothing of a peer that ends in the middle of the
    // handshake: nobody reads from it yet.
    this.raw.allowHalfOpen = false;
    start.census.open++;
    this.raw.on("error", (error) => this.fail(faultText(error)));
    this.raw.on("close", () => this.fail(PEER_CLOSED));
    if (this.raw.destroyed) queueMicrotask(() => this.fail(PEER_CLOSED));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Calls `begin` as soon as all that was written in clear has left: TLS writes past the queue of the raw socket. */
  whenFlushed(begin: () => void): void {
    if (this.raw.writableLength === 0) return begin();
    this.raw.write("", () => {
      if (!this.#isOver) begin();
    });
  }

  /** The TLS socket is there, whatever becomes of it. */
  watch(tls: TLSSocket): void {
    this.#tls = tls;
    tls.on("error", (error) => this.fail(faultText(error)));
    tls.on("close", () => {
      this.fail(PEER_CLOSED);
      this.raw.destroy();
    });
    if (this.#isOver) tls.destroy();
  }

  succeed(tls: TLSSocket, facts: TlsFacts): void {
    const { handler, socket, census } = this.#start;
    if (!this.#finish()) return;
    tls.allowHalfOpen = true;
    handler.secured(socket.secured?.(tls) ?? new NetSocket(tls, socket, census), facts);
  }

  fail(text: Octets): void {
    const { handler } = this.#start;
    if (!this.#finish()) return;
    this.abandoned(true);
    this.#destroy();
    handler.failed(text);
  }

  cancel(): void {
    if (!this.#finish()) return;
    this.abandoned(false);
    this.#destroy();
  }

  /** It has failed, or was cancelled. */
  protected abandoned(_hasFailed: boolean): void {}

  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#start.census.open--;
    return true;
  }

  #destroy(): void {
    this.#tls?.destroy();
    this.raw.destroy();
  }
}

/** What is asked of a connection over TLS; a `TLSSocket` has it. */
export interface TlsView {
  readonly authorized: boolean;
  readonly authorizationError: unknown;
  readonly alpnProtocol: string | false | null;
  getProtocol(): string | null;
  getCipher(): { readonly name: string };
  isSessionReused(): boolean;
  getPeerCertificate(isDetailed: true): DetailedPeerCertificate;
}

/** What both sides know of a handshake that is done. */
export function commonFacts(tls: TlsView): Pick<TlsFacts, "version" | "cipher" | "alpn" | "isResumed"> {
  const version = tls.getProtocol();
  return {
    version: isVersion(version) ? version : "TLSv1.2",
    cipher: tls.getCipher().name,
    alpn: typeof tls.alpnProtocol === "string" ? tls.alpnProtocol : undefined,
    isResumed: tls.isSessionReused(),
  };
}

function isVersion(name: string | null): name is TlsVersion {
  return name === "TLSv1" || name === "TLSv1.1" || name === "TLSv1.2" || name === "TLSv1.3";
}

/** nginx's words for it. */
export const PEER_CLOSED = "peer closed connection in SSL handshake";

/** Why a handshake failed: a reset, and what the runtimes make of an end that came too early, is the peer's leaving. */
export function faultText(error: unknown): Octets {
  const isReset = error instanceof Error && "code" in error && error.code === "ECONNRESET";
  return isReset ? PEER_CLOSED : libraryText(error);
}
