/**
 * A connection over TLS on Node's own handles: what `node:tls` puts two streams around. A handle of TLS takes one write
 * at a time, and tells that it has left only in a later turn; what is written meanwhile waits here.
 */

import type { DetailedPeerCertificate } from "node:tls";
import { type HandshakeListener, type SecureConnection } from "./_clear_handshake.ts";
import { toFailure } from "./_errno.ts";
import type { Handle, TlsHandle, TlsHandleOwner, WriteRequest } from "./_node_native.ts";
import { NodeConnection, type NodeShared } from "./_node_socket.ts";
import type { Addresses } from "./_socket.ts";
import { faultText, type TlsView } from "./_tls_handshake.ts";

/** What a connection over TLS is made of: one in clear and TLS over its handle. */
export interface TlsParts {
  readonly clear: Addresses;
  readonly handle: Handle;
  readonly tls: TlsHandle;
}

export class TlsConnection extends NodeConnection implements TlsHandleOwner, SecureConnection {
  handshake: HandshakeListener | undefined;
  readonly #clear: Handle;
  readonly #tls: TlsHandle;
  /** What waits for the write under way; `isCopy` as with a {@linkcode WriteRequest}. */
  readonly #waiting: { readonly bytes: Uint8Array; readonly isCopy: boolean }[] = [];
  /** Octets of the write under way. */
  #leaving = 0;
  #isBlocked = false;
  #mustShutDown = false;

  constructor({ clear, handle, tls }: TlsParts, shared: NodeShared) {
    super(tls, clear.remote, shared);
    this.local = clear.local;
    this.#clear = handle;
    this.#tls = tls;
    // The runtime holds an open handle, and thereby all that hangs on it.
    handle.owner = this;
    tls.onhandshakedone = onHandshakeDone;
    tls.onerror = onError;
  }

  get view(): TlsView {
    return new HandleView(this.#tls);
  }

  /** Begins on the server's side with what was read already. */
  begin(read: readonly Uint8Array[]): void {
    for (const bytes of read) if (!this.isDestroyed) this.#tls.receive(bytes);
    this.start();
  }

  onHandshakeDone(): void {
    this.handshake?.secured();
  }

  onTlsError(error: unknown): void {
    if (this.handshake === undefined) this.break(toFailure(error));
    else this.handshake.refused(faultText(error));
  }

  protected override send(bytes: Uint8Array, isLent: boolean): boolean {
    this.queued += bytes.length;
    if (this.#leaving === 0) this.#encrypt(bytes);
    else this.#waiting.push({ bytes: isLent ? this.shared.pool.copy(bytes) : bytes, isCopy: isLent });
    this.#isBlocked ||= this.queued >= ROOM;
    return !this.#isBlocked;
  }

  override onWritten(status: number): void {
    const length = this.#leaving;
    this.#leaving = 0;
    if (status >= 0 && !this.isDestroyed) this.#goOn();
    this.left(status, length);
  }

  #goOn(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      this.#encrypt(next.bytes);
      if (next.isCopy) this.shared.pool.giveBack(next.bytes);
    } else if (this.#mustShutDown) super.shutDown();
  }

  /** The library has read the octets, or copied them, when this returns. */
  #encrypt(bytes: Uint8Array): void {
    const { parts } = this.shared;
    const request: WriteRequest = new parts.WriteWrap();
    request.oncomplete = onWritten;
    request.owner = this;
    this.#leaving = bytes.length;
    const error = this.#tls.writeBuffer(request, bytes);
    if (error !== 0) this.breakLater(error);
  }

  protected override drained(): void {
    if (!this.#isBlocked) return;
    this.#isBlocked = false;
    super.drained();
  }

  /** The farewell of TLS would be lost while a write is under way. */
  protected override shutDown(): void {
    if (this.#leaving === 0) super.shutDown();
    else this.#mustShutDown = true;
  }

  protected override free(done: () => void): void {
    this.#clear.close(() => {
      this.#tls.destroySSL();
      done();
    });
  }
}

/** The answers of a handle as a `TLSSocket` gives them. */
class HandleView implements TlsView {
  readonly #tls: TlsHandle;
  #error: unknown;
  #hasError = false;

  constructor(tls: TlsHandle) {
    this.#tls = tls;
  }

  get alpnProtocol(): string | false {
    return this.#tls.getALPNNegotiatedProtocol();
  }

  get authorized(): boolean {
    // A session that is resumed may have no certificate, and nothing is wrong with that one.
    return this.authorizationError === undefined && this.#tls.hasPeerCertificate();
  }

  get authorizationError(): unknown {
    if (!this.#hasError) this.#error = this.#tls.verifyError() ?? undefined;
    this.#hasError = true;
    return this.#error;
  }

  getProtocol(): string | null {
    return this.#tls.getProtocol();
  }

  getCipher(): { readonly name: string } {
    return this.#tls.getCipher();
  }

  isSessionReused(): boolean {
    return this.#tls.isSessionReused();
  }

  getPeerCertificate(isDetailed: true): DetailedPeerCertificate {
    return this.#tls.getPeerCertificate(isDetailed) ?? NOBODYS;
  }
}

function onHandshakeDone(this: TlsHandle): void {
  this.owner?.onHandshakeDone();
}

function onError(this: TlsHandle, error: unknown): void {
  this.owner?.onTlsError(error);
}

function onWritten(this: WriteRequest, status: number): void {
  this.owner?.onWritten(status, this);
}

/** As `node:tls` describes the certificate of who has none. */
const NOBODYS = {} as DetailedPeerCertificate;
/** From so many octets on the writer is to wait, as with the streams of `node:net`. */
const ROOM = 65_536;
