/** A connected socket over one of Bun's own, in clear or over TLS. It costs one object, no closure and no timer. */

import { NOWHERE, type SocketAddress, type SocketHandler, type SystemFailure } from "../src/runtime.ts";
import { tcpAddress } from "./_address.ts";
import type { BunOwner, BunSocket } from "./_bun_native.ts";
import { NEVER } from "./_clock.ts";
import { toFailure } from "./_errno.ts";
import type { Lingerer, Lingerers } from "./_lingerers.ts";
import { joined } from "./_octets.ts";
import {
  type Census,
  type Descriptor,
  descriptorOf,
  LINGER,
  LONGEST_LINGER,
  NO_ADDRESS,
  NOBODY,
  type OwnSocket,
} from "./_socket.ts";

/** What all sockets of Bun share. */
export interface BunShared {
  readonly census: Census;
  readonly lingerers: Lingerers;
}

/** Both ends of a connection, as far as they are known. */
export interface RemoteAndLocal {
  readonly remote: SocketAddress;
  readonly local?: SocketAddress | undefined;
}

export class BunConnection implements OwnSocket, BunOwner, Lingerer {
  readonly remote: SocketAddress;
  #local: SocketAddress | undefined;
  handler: SocketHandler = NOBODY;
  hasEnded = false;
  isClosed = false;
  place = NOWHERE;
  due = NEVER;
  /** How many octets of {@linkcode #waiting} there are. */
  queued = 0;
  readonly #raw: BunSocket;
  readonly #shared: BunShared;
  /** What the kernel has not taken yet. */
  #waiting: Uint8Array[] | undefined;
  /** Whether FIN was sent, or will be behind what waits. */
  #isEnding = false;
  #isClosing = false;
  #isFlowing = false;
  /** Whether Bun was told to read no more. */
  #isStopped = false;
  #isFlooding = false;
  /** What was read while nobody wanted it: at most one chunk, or two when the peer's end came with the second. */
  #held: Uint8Array | undefined;
  #isEndHeld = false;
  #failure: SystemFailure | undefined;

  /** Where `local` is left out it is asked for when somebody wants to know: that takes two system calls. */
  constructor(raw: BunSocket, { remote, local }: RemoteAndLocal, shared: BunShared) {
    this.#raw = raw;
    this.#shared = shared;
    this.remote = remote;
    this.#local = local;
    shared.census.open++;
    raw.data = this;
  }

  get local(): SocketAddress {
    return this.#local ??= tcpAddress(this.#raw.localAddress, this.#raw.localPort) ?? NO_ADDRESS;
  }

  /** Whether an end is told in words, as TLS does it, and not by FIN alone. */
  protected get saysGoodbye(): boolean {
    return false;
  }

  descriptor(): Descriptor | undefined {
    return descriptorOf(this.#raw);
  }

  leave(): void {
    this.release().close();
  }

  /** What has arrived and nobody has asked for. */
  takeHeld(): Uint8Array {
    const held = this.#held ?? EMPTY;
    this.#held = undefined;
    return held;
  }

  write(bytes: Uint8Array): boolean {
    return this.#write(bytes, false);
  }

  writeLent(bytes: Uint8Array): boolean {
    return this.#write(bytes, true);
  }

  /**
   * Bun reads on until something arrives: in a dialogue, where a side is paused and resumed for each command, that
   * saves two system calls each time, and an end is noticed meanwhile. Whoever sends big chunks
   * is stopped at once.
   */
  pause(): void {
    this.#isFlowing = false;
    if (this.#isFlooding) this.#stop();
  }

  resume(): void {
    if (this.#isFlowing || this.isClosed) return;
    this.#isFlowing = true;
    if (this.#held === undefined) this.#start();
    else queueMicrotask(() => this.#deliver());
  }

  end(): void {
    if (this.#isEnding || this.isClosed) return;
    this.#isEnding = true;
    if (this.#waiting === undefined) this.#raw.shutdown();
  }

  close(): void {
    if (this.#isClosing || this.isClosed) return;
    if (this.hasEnded && this.#waiting === undefined && !this.saysGoodbye) return this.abort();
    this.end();
    this.#isClosing = true;
    this.#held = undefined;
    // What still arrives must be read: closing a socket with unread input sends RST, which can overtake our last line.
    this.#start();
    this.#linger();
  }

  abort(): void {
    if (this.isClosed) return;
    this.#isClosing = true;
    this.#isEnding = true;
    // A goodbye would wait behind what the kernel does not take, for as long as the peer likes.
    if (this.saysGoodbye && this.#waiting !== undefined) this.#raw.terminate();
    else this.#raw.close();
  }

  /** Gives the raw socket away, to be spoken TLS on. This one tells and does nothing any more. */
  release(): BunSocket {
    if (!this.isClosed) this.#shared.census.open--;
    this.#shared.lingerers.remove(this);
    this.#isEnding = true;
    this.#isClosing = true;
    this.isClosed = true;
    this.handler = NOBODY;
    this.#raw.data = undefined;
    this.#start();
    return this.#raw;
  }

  /** The five that follow are called by Bun's events alone. */
  onData(bytes: Uint8Array): void {
    if (this.#isClosing) return;
    this.#isFlooding = bytes.length >= FLOOD;
    if (this.#isFlowing && this.#held === undefined) return this.handler.bytes(bytes);
    this.#held = this.#held === undefined ? bytes : joined(this.#held, bytes);
    this.#stop();
  }

  onDrain(): void {
    if (this.#waiting === undefined || !this.#flush(this.#waiting)) return;
    this.#waiting = undefined;
    if (this.#isEnding) this.#raw.shutdown();
    if (!this.#isClosing) this.handler.drained();
    else if (!this.isClosed) this.#linger();
  }

  onEnd(): void {
    if (this.#held !== undefined) {
      this.#isEndHeld = true;
      return;
    }
    this.hasEnded = true;
    if (!this.#isClosing) this.handler.ended();
  }

  onError(error: unknown): void {
    this.#failure ??= toFailure(error);
  }

  onClose(error: unknown): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#shared.census.open--;
    this.#shared.lingerers.remove(this);
    if (error instanceof Error) this.onError(error);
    // Bun may tell it inside of a call of ours.
    queueMicrotask(() => this.#tellClosed());
  }

  #tellClosed(): void {
    // The peer may well be rude once we are done with it.
    if (this.#isClosing) return this.handler.closed(undefined);
    // Behind a FIN of ours Bun tells no end of the peer's, but that the socket is gone.
    if (this.#failure === undefined && !this.hasEnded) this.onEnd();
    this.handler.closed(this.#failure);
  }

  #write(bytes: Uint8Array, isLent: boolean): boolean {
    if (this.#isEnding || this.isClosed || bytes.length === 0) return true;
    if (this.#waiting !== undefined) {
      this.#waiting.push(isLent ? bytes.slice() : bytes);
      this.queued += bytes.length;
      return false;
    }
    const taken = this.#raw.write(bytes);
    // A socket that is broken takes nothing, and tells so by itself.
    if (taken === bytes.length || taken < 0) return true;
    this.#waiting = [isLent ? bytes.slice(taken) : bytes.subarray(taken)];
    this.queued = bytes.length - taken;
    return false;
  }

  /** Writes what waits; whether all of it is out. */
  #flush(waiting: Uint8Array[]): boolean {
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      const taken = this.#raw.write(first);
      if (taken < 0) break;
      this.queued -= taken;
      if (taken < first.length) {
        waiting[0] = first.subarray(taken);
        return false;
      }
      waiting.shift();
    }
    this.queued = 0;
    return true;
  }

  /** Tells what was held, and then the end that came behind it. */
  #deliver(): void {
    const held = this.#held;
    if (held === undefined || !this.#isFlowing || this.#isClosing) return;
    this.#held = undefined;
    this.handler.bytes(held);
    if (this.#isFlowing) this.#start();
    if (this.#isEndHeld && !this.isClosed) this.onEnd();
  }

  #stop(): void {
    if (this.#isStopped || this.isClosed) return;
    this.#isStopped = true;
    this.#raw.pause();
  }

  #start(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#raw.resume();
  }

  /** Cuts the peer off when it has waited long enough. */
  #linger(): void {
    if (!this.isClosed) this.#shared.lingerers.add(this, this.#waiting === undefined ? LINGER : LONGEST_LINGER);
  }
}

const EMPTY = new Uint8Array(0);
/** From here on a chunk is not a dialogue's; the biggest that Bun reads are 512 KiB. */
const FLOOD = 16 * 1024;
