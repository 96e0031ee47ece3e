/**
 * A connected socket over the kernel's own calls. It costs one object, no closure and no timer, and reading costs no
 * memory: all of them read into one buffer.
 */

import { NOWHERE, type SocketAddress, type SocketHandler, type SystemFailure } from "../src/runtime.ts";
import type { ChunkPool } from "./_chunk_pool.ts";
import { NEVER } from "./_clock.ts";
import { EPOLLERR, EPOLLET, EPOLLHUP, EPOLLRDHUP, isPassing, MSG_MORE, MSG_PEEK, SHUT_WR } from "./_kernel.ts";
import { type KernelShared, systemFailure } from "./_kernel_shared.ts";
import type { Lingerer } from "./_lingerers.ts";
import { type Pollable, READABLE, WRITABLE } from "./_poller.ts";
import { type Bypass, LINGER, LONGEST_LINGER, NO_ADDRESS, NOBODY, type OwnSocket } from "./_socket.ts";

/** Octets that wait for the kernel. */
interface Waiting {
  readonly bytes: Uint8Array;
  /** Whether their memory goes back to the pool. */
  readonly isCopy: boolean;
}

/** A socket that was given away: its descriptor, and what it still had to send. */
export interface Surrendered {
  readonly descriptor: number;
  readonly waiting: readonly Uint8Array[];
  /** Whether the poller still has it, for whoever takes it. */
  readonly isPolled: boolean;
}

export class KernelSocket implements OwnSocket, Pollable, Lingerer {
  remote: SocketAddress;
  readonly lender: ChunkPool;
  handler: SocketHandler = NOBODY;
  hasEnded = false;
  isClosed = false;
  place = NOWHERE;
  due = NEVER;
  ticket = 0;
  /** How many octets of {@linkcode #waiting} the kernel has not taken. */
  queued = 0;
  tellsLast = false;
  bypass: Bypass | undefined = undefined;
  /** The descriptor. */
  protected readonly number: number;
  protected readonly shared: KernelShared;
  /** Whether the kernel has told of something to read that was not read yet. */
  protected isReadable = false;
  /** Whether a failure is behind what is to be read. */
  protected isBroken = false;
  /** Whether there is more to read as soon as something was written. */
  protected readsBehindWrite = false;
  /** Whether the descriptor is closed, or somebody else's. */
  protected isGone = false;
  #local: SocketAddress | undefined;
  #isPolled: boolean;
  /** Whether the poller was asked by this socket to tell when the kernel takes more. */
  #awaitsRoom = false;
  /** What the kernel has not taken yet. */
  #waiting: Waiting[] | undefined;
  /** How many octets of the first of them it has taken. */
  #taken = 0;
  /** FIN: nobody asked for it, it waits behind what is queued, or it has left. */
  #fin: "no" | "asked" | "sent" = "no";
  #isFlowing = false;
  /** Whether the peer's end is behind what is to be read. */
  #isLast = false;
  #isReading = false;
  /** Whether the last read brought all that it had room for, so that there is probably more. */
  #isBulk = false;
  #isClosing = false;
  #failure: SystemFailure | undefined;

  /** `isPolled` says whether the descriptor was given to the poller already, for somebody else. */
  constructor(descriptor: number, remote: SocketAddress, shared: KernelShared, isPolled = false) {
    this.number = descriptor;
    this.shared = shared;
    this.#isPolled = isPolled;
    this.remote = remote;
    this.lender = shared.pool;
    shared.census.open++;
    if (isPolled) shared.poller.hand(descriptor, this);
  }

  /** Asked for when somebody wants to know: most never do, and it is a system call. */
  get local(): SocketAddress {
    if (this.#local === undefined && !this.isGone) this.#local = this.shared.localAddress(this.number);
    return this.#local ?? NO_ADDRESS;
  }

  set local(address: SocketAddress) {
    this.#local = address;
  }

  write(bytes: Uint8Array): boolean {
    return this.#write(bytes, false, false);
  }

  writeLent(bytes: Uint8Array): boolean {
    return this.#write(bytes, true, false);
  }

  /** FIN by itself would be one packet more, and wake the peer once more. */
  writeLast(bytes: Uint8Array): boolean {
    return this.#write(bytes, true, true);
  }

  /** Nothing is told to the kernel: what it tells meanwhile is kept in mind. */
  pause(): void {
    this.#isFlowing = false;
  }

  resume(): void {
    if (this.#isFlowing || this.isGone) return;
    this.#isFlowing = true;
    this.#readLater();
  }

  end(): void {
    if (this.#fin !== "no" || this.isGone) return;
    this.#fin = "asked";
    if (this.#waiting === undefined) this.#shutDown();
  }

  close(): void {
    if (this.#isClosing || this.isGone) return;
    this.#isClosing = true;
    this.end();
    if (this.isGone) return;
    // What still arrives must be read: closing a socket with unread input sends RST, which can overtake our last line.
    this.#readLater();
    this.#linger();
  }

  /** To hear of the peer's FIN would cost an event, a read, and the call that sends ours ahead of it. */
  closeAtOnce(): void {
    // With something unread the kernel would send RST, which can overtake our last line. Otherwise it is as if FIN had come.
    if (!this.isReadable && !this.#isClosing && this.#fin === "no") this.hasEnded = true;
    this.close();
  }

  abort(): void {
    this.#isClosing = true;
    this.#destroy();
  }

  /**
   * Gives the descriptor away, which the poller keeps, if it has it, for whoever is to be of this kind again;
   * `undefined` when it is gone. This socket tells and does nothing any more.
   */
  surrender(staysPolled = false): Surrendered | undefined {
    const isGone = this.isGone;
    this.isClosed = true;
    this.handler = NOBODY;
    if (isGone) return undefined;
    const isPolled = this.#isPolled && staysPolled;
    if (this.#isPolled && !isPolled) this.shared.poller.remove(this.number);
    this.#leave();
    const waiting = this.#waiting?.map(({ bytes }, i) => bytes.slice(i === 0 ? this.#taken : 0)) ?? [];
    return { descriptor: this.number, waiting, isPolled };
  }

  /** Called by the poller alone. */
  ready(events: number): void {
    if ((events & WRITABLE) !== 0 && this.#waiting !== undefined) this.#flush(this.#waiting);
    if ((events & READABLE) === 0 || this.isGone) return;
    if (this.hasEnded) {
      // Nothing is read any more: that the peer is gone would not be noticed.
      if ((events & EPOLLERR) !== 0) this.break(this.shared.failureOn(this.number));
      return;
    }
    this.isReadable = true;
    if ((events & EPOLLRDHUP) !== 0) this.#isLast = true;
    if ((events & (EPOLLERR | EPOLLHUP)) !== 0) this.isBroken = true;
    if (this.#isFlowing || this.#isClosing) this.#read();
    else if (this.#isLast || this.isBroken) this.#lookAhead();
  }

  /** Tells a peer's leaving while nobody reads, if all before it was read. */
  #lookAhead(): void {
    if (this.peek(this.shared.read(1)) === 0) this.#end();
  }

  /** How much there is for `buffer`, which is read again later; 0 at the peer's end, -1 for nothing. */
  protected peek(buffer: Uint8Array): number {
    return this.#result(this.shared.kernel.recv(this.number, buffer, MSG_PEEK));
  }

  /** The same, read. Nothing is said to be readable any more when that was all. */
  protected receive(buffer: Uint8Array): number {
    const length = this.#result(this.shared.kernel.read(this.number, buffer));
    // Less than there is room for is all that there was: more will be told, or nothing comes.
    if (length < 0 || length > 0 && length < buffer.length && !this.isBroken) this.isReadable = false;
    return length;
  }

  /** How many of the octets are on their way, or wait for the end; 0 for the moment, or when this is broken. */
  protected transmit(bytes: Uint8Array, isLast: boolean): number {
    const { kernel } = this.shared;
    const taken = isLast ? kernel.send(this.number, bytes, MSG_MORE) : kernel.write(this.number, bytes);
    return Math.max(this.#result(taken), 0);
  }

  /** Says farewell to the peer; whether that is on its way. */
  protected takeLeave(): boolean {
    return true;
  }

  /** Lets go of what there is besides the descriptor. */
  protected free(): void {}

  #result(length: number): number {
    if (length < 0) {
      const number = this.shared.kernel.errno();
      if (!isPassing(number)) this.break(systemFailure(number));
    }
    return length;
  }

  #write(bytes: Uint8Array, isLent: boolean, isLast: boolean): boolean {
    if (this.#fin !== "no" || this.isGone || bytes.length === 0) return true;
    if (this.#waiting !== undefined) {
      this.#wait(this.#waiting, bytes, isLent);
      return false;
    }
    const taken = this.transmit(bytes, isLast);
    if (taken === bytes.length || this.isGone) return true;
    this.#waiting = [];
    this.#wait(this.#waiting, bytes.subarray(taken), isLent);
    this.awaitRoom();
    return false;
  }

  #wait(waiting: Waiting[], bytes: Uint8Array, isLent: boolean): void {
    waiting.push({ bytes: isLent ? this.lender.copy(bytes) : bytes, isCopy: isLent });
    this.queued += bytes.length;
  }

  /** Sends what waits, and FIN behind it. */
  #flush(waiting: Waiting[]): void {
    for (let [first] = waiting; first !== undefined; [first] = waiting) {
      const { bytes, isCopy } = first;
      const taken = this.transmit(this.#taken === 0 ? bytes : bytes.subarray(this.#taken), false);
      if (this.isGone) return;
      this.queued -= taken;
      this.#taken += taken;
      if (this.#taken < bytes.length) return;
      this.#taken = 0;
      waiting.shift();
      if (isCopy) this.lender.giveBack(bytes);
    }
    this.#waiting = undefined;
    if (this.#fin === "asked") this.#shutDown();
    if (this.isGone) return;
    if (this.#isClosing) this.#linger();
    else this.handler.drained();
  }

  #shutDown(): void {
    if (!this.takeLeave()) {
      this.#waiting ??= [];
      return this.awaitRoom();
    }
    this.#fin = "sent";
    // Both have ended: the kernel sends FIN when the descriptor is closed.
    if (this.hasEnded) return this.#destroy();
    // One that is broken tells so when it is read.
    this.shared.kernel.shutdown(this.number, SHUT_WR);
  }

  /** Tells what there is to read, as far as somebody wants it. */
  #read(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      for (let left = MOST_READS; this.isReadable && (this.#isFlowing || this.#isClosing); left--) {
        if (this.isGone || this.hasEnded) return;
        if (left === 0) return this.shared.poller.again(this);
        this.#readOnce();
      }
    } finally {
      this.#isReading = false;
    }
  }

  #readOnce(): void {
    const { shared } = this;
    if (this.#isBulk && this.#passOn()) return;
    const length = this.receive(shared.readBuffer);
    this.#isBulk = length === shared.readBuffer.length;
    if (length === 0) this.#end();
    if (length <= 0) return;
    this.tellsLast = this.#isLast && !this.isReadable && !this.readsBehindWrite;
    if (!this.#isClosing) this.handler.bytes(shared.read(length));
    if (this.tellsLast && !this.isGone) this.#end();
  }

  /** Has what came in bulk pass without being read; whether it did. */
  #passOn(): boolean {
    const { bypass, shared: { pipe } } = this;
    if (bypass === undefined || this.#isClosing || !this.isClear) return false;
    const { sink } = bypass;
    if (!(sink instanceof KernelSocket) || !sink.#takesOctets()) return false;
    const move = pipe.move(this.number, sink.number);
    if (move === undefined) return false;
    if (move === "lost") this.break(systemFailure(EIO));
    else {
      if (move.failure !== 0) sink.break(systemFailure(move.failure));
      bypass.passed(move.octets, move.left.length === 0 || sink.writeLent(move.left));
    }
    return true;
  }

  /** Whether the kernel may be given more without us. */
  #takesOctets(): boolean {
    return this.isClear && this.#waiting === undefined && this.#fin === "no" && !this.isGone;
  }

  /** Whether the peer gets what is written as it is. */
  protected get isClear(): boolean {
    return true;
  }

  #end(): void {
    this.isReadable = false;
    this.hasEnded = true;
    if (!this.#isClosing) this.handler.ended();
    if (this.#fin === "sent") this.#destroy();
  }

  #readLater(): void {
    if (!this.#isPolled) this.poll();
    else if (this.isReadable && !this.#isReading) queueMicrotask(() => this.#read());
  }

  /** What is accepted is polled only when that is wanted: a socket that TLS is spoken on at once is the runtime's. */
  protected poll(): void {
    if (this.#isPolled) return;
    this.#isPolled = this.shared.poller.add(this.number, READABLE | EPOLLET, this);
    if (!this.#isPolled) this.break(this.shared.failure());
  }

  /** Most never wait for room; and that there is some to begin with would be an event of its own, for nothing. */
  protected awaitRoom(): void {
    this.poll();
    if (this.#awaitsRoom || this.isGone) return;
    this.#awaitsRoom = this.shared.poller.change(this.number, READABLE | WRITABLE | EPOLLET, this);
    if (!this.#awaitsRoom) this.break(this.shared.failure());
  }

  #linger(): void {
    this.shared.lingerers.add(this, this.#fin === "sent" ? LINGER : LONGEST_LINGER);
  }

  protected break(failure: SystemFailure | undefined): void {
    // The peer may well be rude once we are done with it.
    if (!this.#isClosing) this.#failure ??= failure;
    this.#destroy();
  }

  #destroy(): void {
    if (this.isGone) return;
    if (this.#isPolled) this.shared.poller.forget(this.number);
    this.#leave();
    this.free();
    this.shared.kernel.close(this.number);
    for (const { bytes, isCopy } of this.#waiting ?? []) if (isCopy) this.lender.giveBack(bytes);
    this.#waiting = undefined;
    this.queued = 0;
    // Nobody may be told within a call of theirs.
    queueMicrotask(() => this.#tellClosed());
  }

  #tellClosed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.handler.closed(this.#failure);
  }

  #leave(): void {
    this.isGone = true;
    this.shared.census.open--;
    this.shared.lingerers.remove(this);
  }
}

/** So many chunks a socket reads at a time before others have their turn. */
const MOST_READS = 4;
const EIO = 5;
