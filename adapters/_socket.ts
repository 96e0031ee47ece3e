/**
 * A connected socket over `node:net`, which all three runtimes have. Events are handled by functions that all sockets
 * share: a socket costs one object and no closure.
 */

import type { Socket as RawSocket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Millis, Socket, SocketAddress, SocketHandler, SystemFailure } from "../src/runtime.ts";
import type { ChunkPool } from "./_chunk_pool.ts";
import { toFailure } from "./_errno.ts";
import { toPlain } from "./_octets.ts";
import { clearTimer, setTimer, type Timer } from "./_timer.ts";

/** How long a socket that is closed by us waits for its peer to read our last line and end. */
export const LINGER: Millis = 2_000;

/** How long it waits before that until all that is queued, and FIN, have left: a slow link may take a while for it. */
export const LONGEST_LINGER: Millis = 30_000;

/** What both ends are called. */
export interface Addresses {
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
}

/** The local end of a connection that was gone before anybody asked. */
export const NO_ADDRESS: SocketAddress = { family: 4, host: "0.0.0.0", port: 0 };

/** How many sockets a runtime has open or is opening; each socket counts itself in and out. */
export interface Census {
  open: number;
}

/** What all sockets of a runtime share. */
export interface SocketTraits {
  readonly census: Census;
}

/** A descriptor, and whether whoever asked for it has to close it. */
export interface Descriptor {
  readonly number: number;
  readonly isOurs: boolean;
}

/** A handle of a runtime's, as far as it shows a descriptor: Deno has none to show, but makes one more for who asks. */
export interface DescribedHandle {
  readonly fd?: number;
  fdForIpc?(): number;
}

export function descriptorOf(handle: DescribedHandle | null): Descriptor | undefined {
  const number = handle?.fd ?? handle?.fdForIpc?.();
  return number === undefined || number < 0 ? undefined : { number, isOurs: handle?.fd === undefined };
}

/** Where octets may go without being read, when there are many of them. */
export interface Bypass {
  readonly sink: OwnSocket;
  /** So many have gone there; whether it takes more. */
  passed(octets: number, takesMore: boolean): void;
}

/** A socket of an adapter's own. */
export interface OwnSocket extends Socket {
  /** Whether the peer has sent FIN and all before it was told. */
  readonly hasEnded: boolean;
  /** Whether `closed` was told. */
  readonly isClosed: boolean;
  /** Its descriptor, where the runtime shows it. */
  descriptor?(): Descriptor | undefined;
  /** To be set where there is such a property. */
  bypass?: Bypass | undefined;
  /** Closes the descriptor, which has another owner, and tells nothing any more. */
  leave?(): void;
  /** Set where a relay, too, may use what `bytes` brings only during the call: copies are to be made here. */
  readonly lender?: ChunkPool;
  /** Set while `bytes` tells something behind which the peer's end is told at once. */
  readonly tellsLast?: boolean;
  /** The same as `write`, of octets that are good only during the call. */
  writeLent(bytes: Uint8Array, pool: ChunkPool): boolean;
  /** The same, of the last octets before the end, which follows at once: both may leave together. */
  writeLast?(bytes: Uint8Array): boolean;
  /** The same as `close`, of a peer that has nothing more to say: its end is not waited for, if nothing is known to be unread. */
  closeAtOnce?(): void;
}

/** One that can be made a stream of `node:net`. */
export interface StreamSource extends OwnSocket {
  /** Gives the stream away, paused, to be spoken TLS on. This socket tells and does nothing any more. */
  release(): RawSocket;
  /** Where there is a quicker way than over `stream`, TLS over the stream that was given away; it has this one's ends. */
  secured?(stream: TLSSocket): OwnSocket | undefined;
}

export function isStreamSource(socket: Socket): socket is StreamSource {
  return "release" in socket && "hasEnded" in socket;
}

export class NetSocket implements StreamSource {
  remote: SocketAddress;
  local: SocketAddress;
  handler: SocketHandler = NOBODY;
  hasEnded = false;
  isClosed = false;
  readonly #raw: RawSocket;
  readonly #census: Census;
  #isClosing = false;
  #isBlocked = false;
  #failure: SystemFailure | undefined;
  #linger: Timer | undefined;

  constructor(raw: RawSocket, addresses: Addresses, census: Census) {
    this.#raw = raw;
    this.#census = census;
    census.open++;
    this.remote = addresses.remote;
    this.local = addresses.local;
    (raw as OwnedSocket)[OWNER] = this;
    // First pause, or the data handler would start the flow.
    raw.pause();
    raw.on("data", onData).on("drain", onDrain).on("end", onEnd).on("error", onError).on("close", onClose);
  }

  get queued(): number {
    return this.#raw.writableLength;
  }

  write(bytes: Uint8Array): boolean {
    return this.#write(bytes);
  }

  writeLent(bytes: Uint8Array, pool: ChunkPool): boolean {
    const copy = pool.copy(bytes);
    return this.#write(copy, () => pool.giveBack(copy));
  }

  #write(bytes: Uint8Array, done?: () => void): boolean {
    const raw = this.#raw;
    if (this.#isClosing || !raw.writable) return true;
    // A big chunk counts as too much before the kernel is asked; what counts here is what the kernel left.
    if (raw.write(bytes, done) || raw.writableLength === 0) return true;
    this.#isBlocked = true;
    return false;
  }

  pause(): void {
    if (!this.#isClosing) this.#raw.pause();
  }

  resume(): void {
    if (!this.isClosed) this.#raw.resume();
  }

  end(): void {
    if (!this.#isClosing && this.#raw.writable) this.#raw.end();
  }

  close(): void {
    if (this.#isClosing || this.isClosed) return;
    this.#isClosing = true;
    const raw = this.#raw;
    if (raw.writable) raw.end();
    // What still arrives must be read: closing a socket with unread input sends RST, which can overtake our last line.
    raw.resume();
    if (raw.writableFinished) return this.#lingerFor(LINGER);
    raw.once("finish", onFinish);
    this.#lingerFor(LONGEST_LINGER);
  }

  abort(): void {
    if (this.isClosed) return;
    this.#isClosing = true;
    this.#raw.destroy();
  }

  /** Gives the raw socket away, paused, to be spoken TLS on. This one tells and does nothing any more. */
  release(): RawSocket {
    const raw: OwnedSocket = this.#raw;
    if (!this.isClosed) this.#census.open--;
    clearTimer(this.#linger);
    this.#isClosing = true;
    this.isClosed = true;
    this.handler = NOBODY;
    raw.off("data", onData).off("drain", onDrain).off("end", onEnd).off("error", onError).off("close", onClose);
    delete raw[OWNER];
    raw.pause();
    return raw;
  }

  /** Cuts the peer off when it has waited long enough. */
  #lingerFor(delay: Millis): void {
    clearTimer(this.#linger);
    this.#linger = setTimer(delay, () => this.#raw.destroy());
  }

  /** The six that follow are called by the runtime's events alone. */
  onFinish(): void {
    if (!this.isClosed) this.#lingerFor(LINGER);
  }

  onData(bytes: Uint8Array): void {
    if (!this.#isClosing) this.handler.bytes(toPlain(bytes));
  }

  onDrain(): void {
    if (!this.#isBlocked) return;
    this.#isBlocked = false;
    if (!this.#isClosing) this.handler.drained();
  }

  onEnd(): void {
    this.hasEnded = true;
    if (!this.#isClosing) this.handler.ended();
  }

  onError(error: unknown): void {
    // The peer may well be rude once we are done with it.
    if (!this.#isClosing) this.#failure ??= toFailure(error);
    this.#raw.destroy();
  }

  onClose(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#census.open--;
    clearTimer(this.#linger);
    this.handler.closed(this.#failure);
  }
}

/** A `node:net` socket that knows whose it is. */
interface OwnedSocket extends RawSocket {
  [OWNER]?: NetSocket;
}

const OWNER = Symbol("owner");

function onData(this: OwnedSocket, bytes: Uint8Array): void {
  this[OWNER]?.onData(bytes);
}

function onDrain(this: OwnedSocket): void {
  this[OWNER]?.onDrain();
}

function onEnd(this: OwnedSocket): void {
  this[OWNER]?.onEnd();
}

function onError(this: OwnedSocket, error: unknown): void {
  this[OWNER]?.onError(error);
}

function onFinish(this: OwnedSocket): void {
  this[OWNER]?.onFinish();
}

function onClose(this: OwnedSocket): void {
  this[OWNER]?.onClose();
}

/** Whom a socket tells before it has an owner. */
export const NOBODY: SocketHandler = { bytes() {}, drained() {}, ended() {}, closed() {} };
