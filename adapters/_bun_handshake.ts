/** A connection over one of Bun's own sockets, between its life in clear and its life over TLS. */

import type { DetailedPeerCertificate } from "node:tls";
import type { Octets, SecureHandler, SocketHandler, TlsFacts } from "../src/runtime.ts";
import { BUN_HANDLERS, type BunHandlers, type BunOwner } from "./_bun_native.ts";
import type { BunSecureSocket, BunSocket, BunUpgrade } from "./_bun_native.ts";
import { BunConnection, type BunShared } from "./_bun_socket.ts";
import { codeOf } from "./_errno.ts";
import type { Addresses } from "./_socket.ts";
import { faultText, PEER_CLOSED, type TlsView } from "./_tls_handshake.ts";
import { verifyErrorOf } from "./_verify_errors.ts";

/** What a handshake begins with. */
export interface BunStart {
  readonly socket: BunConnection;
  readonly handler: SecureHandler;
  readonly shared: BunShared;
}

/** Keeps what a server gives for another connection. */
export interface SessionKeeper {
  keep(session: Uint8Array): void;
}

/** First it owns the connection in clear, as its handler; then Bun's socket over TLS. */
export abstract class BunHandshake implements SocketHandler, BunOwner {
  readonly #start: BunStart;
  #secure: BunSecureSocket | undefined;
  #isOver = false;
  #isUpgrading = false;
  /** Why the library has refused what it was given to begin with. */
  #refusal: Octets | undefined;

  constructor(start: BunStart) {
    this.#start = start;
    const { socket } = start;
    socket.pause();
    socket.handler = this;
  }

  /** Goes on as soon as all that was written in clear has left. */
  begin(): void {
    const { socket } = this.#start;
    if (this.#isOver) return;
    if (socket.hasEnded || socket.isClosed) return this.fail(PEER_CLOSED);
    if (socket.queued === 0) this.proceed(socket.takeHeld());
  }

  /** All has left; `held` is what has arrived meanwhile. */
  protected abstract proceed(held: Uint8Array): void;

  /** What became of a handshake that the library is done with: a string says why the peer is not taken. */
  protected abstract judge(tls: TlsView): TlsFacts | Octets;

  /** The session to resume, if there is one. */
  session(): Uint8Array | undefined {
    return undefined;
  }

  /** Who keeps sessions that may be resumed later; TLS 1.3 gives them at any time. */
  get keeper(): SessionKeeper | undefined {
    return undefined;
  }

  /** It has failed, or was cancelled. */
  protected abandoned(_hasFailed: boolean): void {}

  /** Lets the library begin. It may refuse what it is given before there is a socket that could be closed. */
  protected upgrade(how: Omit<BunUpgrade, "data" | "socket">): void {
    if (this.#isOver) return;
    this.#isUpgrading = true;
    const [clear, secure] = this.#start.socket.release().upgradeTLS({ ...how, data: this, socket: HANDLERS });
    this.#isUpgrading = false;
    this.#start.shared.census.open++;
    // It goes on telling what arrives, encrypted.
    clear.data = undefined;
    this.#secure = secure;
    if (this.#refusal !== undefined) this.fail(this.#refusal);
  }

  bytes(): void {}

  drained(): void {
    this.begin();
  }

  ended(): void {
    this.fail(PEER_CLOSED);
  }

  closed(): void {
    this.fail(PEER_CLOSED);
  }

  onOpen(secure: BunSecureSocket): void {
    const session = this.session();
    if (session !== undefined) secure.setSession(session);
  }

  onHandshake(secure: BunSecureSocket, isDone: boolean, error: unknown): void {
    if (this.#isOver) return;
    if (!isDone && !isVerdict(error)) return this.fail(faultText(withReason(error)));
    const facts = this.judge(new BunView(secure, error));
    if (typeof facts === "string") return this.fail(facts);
    this.#isOver = true;
    const { socket, handler, shared } = this.#start;
    shared.census.open--;
    handler.secured(new SecureConnection(secure, { addresses: socket, shared, keeper: this.keeper }), facts);
  }

  onData(): void {}
  onDrain(): void {}

  onEnd(): void {
    this.fail(PEER_CLOSED);
  }

  onError(error: unknown): void {
    this.fail(faultText(withReason(error)));
  }

  onClose(error: unknown): void {
    this.fail(error instanceof Error ? faultText(withReason(error)) : PEER_CLOSED);
  }

  fail(text: Octets): void {
    if (this.#isOver) return;
    if (this.#isUpgrading) {
      this.#refusal ??= text;
      return;
    }
    this.#leave(true);
    this.#start.handler.failed(text);
  }

  cancel(): void {
    if (!this.#isOver) this.#leave(false);
  }

  #leave(hasFailed: boolean): void {
    this.#isOver = true;
    this.abandoned(hasFailed);
    if (this.#secure === undefined) return this.#start.socket.abort();
    this.#start.shared.census.open--;
    this.#secure.data = undefined;
    this.#secure.close();
  }
}

interface SecureOrigin {
  readonly addresses: Addresses;
  readonly shared: BunShared;
  readonly keeper: SessionKeeper | undefined;
}

/** A connection that remembers where its sessions go, and nothing else of its handshake. */
class SecureConnection extends BunConnection {
  readonly #keeper: SessionKeeper | undefined;

  constructor(raw: BunSocket, { addresses, shared, keeper }: SecureOrigin) {
    super(raw, addresses, shared);
    this.#keeper = keeper;
  }

  protected override get saysGoodbye(): boolean {
    return true;
  }

  keep(session: Uint8Array): void {
    this.#keeper?.keep(session);
  }
}

/** The words of `node:tls` for it. */
class BunView implements TlsView {
  readonly #raw: BunSecureSocket;
  readonly authorizationError: unknown;

  constructor(raw: BunSecureSocket, error: unknown) {
    this.#raw = raw;
    // Bun compares the name that was announced, where another one may be what counts: that is looked at elsewhere.
    this.authorizationError = error === null || codeOf(error) === WRONG_NAME ? undefined : error;
  }

  get authorized(): boolean {
    return this.authorizationError === undefined;
  }

  get alpnProtocol(): string | false | null {
    return this.#raw.alpnProtocol;
  }

  getProtocol(): string | null {
    return this.#raw.getTLSVersion();
  }

  getCipher(): { readonly name: string } {
    return this.#raw.getCipher();
  }

  isSessionReused(): boolean {
    return this.#raw.isSessionReused();
  }

  getPeerCertificate(): DetailedPeerCertificate {
    return this.#raw.getPeerCertificate(false) ?? {} as DetailedPeerCertificate;
  }
}

/** Whether the handshake came to its end, and it is the peer's certificate that the library does not like. */
function isVerdict(error: unknown): boolean {
  const code = codeOf(error);
  return code === WRONG_NAME || verifyErrorOf(code) !== undefined;
}

/** The library's own text is beside the message. */
function withReason(error: unknown): unknown {
  const reason = error instanceof Error && "reason" in error ? error.reason : undefined;
  const isReset = error instanceof Error && "code" in error && error.code === "ECONNRESET";
  return typeof reason === "string" && reason !== "" && !isReset ? new Error(reason) : error;
}

const WRONG_NAME = "ERR_TLS_CERT_ALTNAME_INVALID";

const HANDLERS: BunHandlers = {
  ...BUN_HANDLERS,
  open: (socket) => (socket.data as BunHandshake).onOpen(socket as BunSecureSocket),
  handshake: (socket, isDone, error) => {
    const { data } = socket;
    if (data instanceof BunHandshake) data.onHandshake(socket, isDone, error);
  },
  session: ({ data }, session) => {
    if (data instanceof BunHandshake) data.keeper?.keep(session);
    else if (data instanceof SecureConnection) data.keep(session);
  },
};
