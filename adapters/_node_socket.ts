/**
 * A connected socket over one of libuv's handles. It costs one object and no closure, and reading costs no memory: all
 * of them read into one buffer. Beside `node:net` a login costs a third less CPU (`bench/README.md`).
 */

import { type Socket as RawSocket, Socket as Stream } from "node:net";
import { getSystemErrorName } from "node:util";
import { NOWHERE, type SocketAddress, type SocketHandler, type SystemFailure } from "../src/runtime.ts";
import { tcpAddress } from "./_address.ts";
import { CHUNK_SIZE, ChunkPool } from "./_chunk_pool.ts";
import { NEVER } from "./_clock.ts";
import { failureOf } from "./_errno.ts";
import { type Lingerer, Lingerers } from "./_lingerers.ts";
import {
  type Acceptor,
  END_OF_FILE,
  type Handle,
  type HandleOwner,
  type NodeParts,
  type RawAddress,
  type Request,
  type WriteRequest,
} from "./_node_native.ts";
import { joined } from "./_octets.ts";
import {
  type Census,
  type Descriptor,
  descriptorOf,
  LINGER,
  LONGEST_LINGER,
  NO_ADDRESS,
  NOBODY,
  type StreamSource,
} from "./_socket.ts";

/** What all of Node's sockets share. */
export class NodeShared {
  readonly parts: NodeParts;
  readonly census: Census = { open: 0 };
  readonly lingerers = new Lingerers();
  readonly pool = new ChunkPool();
  /** Where all of them read into: each tells what it has read before another one reads. */
  readonly readBuffer = new Uint8Array(CHUNK_SIZE);
  /** A request that was made and not needed, for the next write. */
  spare: WriteRequest | undefined;

  constructor(parts: NodeParts) {
    this.parts = parts;
  }

  /** The handle of a connection that was accepted. */
  accepted(_acceptor: Acceptor, given: Handle | undefined): Handle | undefined {
    return given;
  }

  /** A connection over `handle`, which has no other owner. */
  open(handle: Handle, remote: SocketAddress): NodeConnection {
    return new NodeConnection(handle, remote, this);
  }
}

export class NodeConnection implements StreamSource, HandleOwner, Lingerer {
  remote: SocketAddress;
  readonly lender: ChunkPool;
  handler: SocketHandler = NOBODY;
  hasEnded = false;
  isClosed = false;
  place = NOWHERE;
  due = NEVER;
  queued = 0;
  protected readonly handle: Handle;
  protected readonly shared: NodeShared;
  #local: SocketAddress | undefined;
  /** FIN: nobody asked for it, it waits behind what is queued, or it has left. */
  #fin: "no" | "asked" | "sent" = "no";
  #isClosing = false;
  #isDestroyed = false;
  #isFlowing = false;
  #isReading = false;
  #isFlooding = false;
  /** What was read while nobody wanted it: what one read from the kernel brings. */
  #held: Uint8Array | undefined;
  /** Whether the end came with it, as TLS may read it. */
  #isEndHeld = false;
  #failure: SystemFailure | undefined;

  constructor(handle: Handle, remote: SocketAddress, shared: NodeShared) {
    this.handle = handle;
    this.shared = shared;
    this.remote = remote;
    this.lender = shared.pool;
    shared.census.open++;
    handle.owner = this;
    handle.onread = onRead;
    handle.useUserBuffer(shared.readBuffer);
  }

  /** Whether the handle is being closed, or is somebody else's. */
  protected get isDestroyed(): boolean {
    return this.#isDestroyed;
  }

  /** Asked for when somebody wants to know: most never do, and it is a system call. */
  get local(): SocketAddress {
    return this.#local ??= localAddressOf(this.handle) ?? NO_ADDRESS;
  }

  set local(address: SocketAddress) {
    this.#local = address;
  }

  descriptor(): Descriptor | undefined {
    return descriptorOf(this.handle);
  }

  leave(): void {
    this.surrender()?.handle.close();
  }

  write(bytes: Uint8Array): boolean {
    return this.#mayWrite(bytes) ? this.send(bytes, false) : true;
  }

  writeLent(bytes: Uint8Array): boolean {
    return this.#mayWrite(bytes) ? this.send(bytes, true) : true;
  }

  /**
   * Node reads on until something arrives: in a dialogue, where a side is paused and resumed for each command, that
   * saves system calls, and an end is noticed meanwhile. Whoever sends big chunks is stopped at once.
   */
  pause(): void {
    this.#isFlowing = false;
    if (this.#isFlooding) this.stop();
  }

  resume(): void {
    if (this.#isFlowing || this.isClosed) return;
    this.#isFlowing = true;
    if (this.#held === undefined) this.start();
    else queueMicrotask(() => this.#deliver());
  }

  end(): void {
    if (this.#fin !== "no" || this.#isDestroyed) return;
    this.#fin = "asked";
    this.shutDown();
  }

  close(): void {
    if (this.#isClosing || this.isClosed) return;
    this.#isClosing = true;
    this.#held = undefined;
    this.hasEnded ||= this.#isEndHeld;
    // The kernel sends FIN by itself then.
    if (this.hasEnded && this.queued === 0) return this.#destroy();
    this.end();
    if (this.#isDestroyed) return;
    // What still arrives must be read: closing a socket with unread input sends RST, which can overtake our last line.
    this.start();
    this.shared.lingerers.add(this, this.#fin === "sent" ? LINGER : LONGEST_LINGER);
  }

  abort(): void {
    if (this.isClosed) return;
    this.#isClosing = true;
    this.#destroy();
  }

  /** Gives the connection away as a stream, paused, to be spoken TLS on. This one tells and does nothing any more. */
  release(): RawSocket {
    const given = this.surrender();
    if (given === undefined) return new Stream({ allowHalfOpen: true }).destroy();
    const options: object = { handle: given.handle, pauseOnCreate: true, allowHalfOpen: true };
    const stream = new Stream(options);
    if (given.held.length > 0) stream.unshift(given.held);
    return stream;
  }

  /** The same without a stream, and with what was read and not told; `undefined` when the connection is gone. */
  surrender(): { readonly handle: Handle; readonly held: Uint8Array } | undefined {
    if (!this.isClosed) this.shared.census.open--;
    this.shared.lingerers.remove(this);
    const given = this.#isDestroyed ? undefined : { handle: this.handle, held: this.#held ?? NOTHING };
    this.stop();
    this.#isClosing = true;
    this.#isDestroyed = true;
    this.isClosed = true;
    this.#held = undefined;
    this.handler = NOBODY;
    delete this.handle.owner;
    return given;
  }

  /** The three that follow are called by the handle's events alone. */
  onRead(): void {
    const { parts, readBuffer } = this.shared;
    const count = parts.streamBaseState[parts.kReadBytesOrError] ?? 0;
    if (count > 0) return this.#onBytes(readBuffer.subarray(0, count));
    if (count === 0 || this.#isDestroyed) return;
    this.#isReading = false;
    if (count !== END_OF_FILE) return this.break(systemFailure(count));
    if (this.#held === undefined) this.#end();
    else this.#isEndHeld = true;
  }

  onWritten(status: number, { bytes, isCopy }: WriteRequest): void {
    if (isCopy === true && bytes !== undefined) this.shared.pool.giveBack(bytes);
    this.left(status, bytes?.length ?? 0);
  }

  onShutdown(): void {
    if (this.#isDestroyed) return;
    this.#fin = "sent";
    if (this.hasEnded) this.#destroy();
    else if (this.#isClosing) this.shared.lingerers.add(this, LINGER);
  }

  #onBytes(bytes: Uint8Array): void {
    if (this.#isClosing || this.#isDestroyed) return;
    this.#isFlooding = bytes.length >= FLOOD;
    if (this.#isFlowing && this.#held === undefined) return this.handler.bytes(bytes);
    // One that is told to stop may have to tell the rest of what it has read from the kernel.
    this.#held = this.#held === undefined ? bytes.slice() : joined(this.#held, bytes);
    this.stop();
  }

  #end(): void {
    this.hasEnded = true;
    if (!this.#isClosing) this.handler.ended();
    if (this.#fin === "sent") this.#destroy();
  }

  #mayWrite(bytes: Uint8Array): boolean {
    return this.#fin === "no" && !this.#isDestroyed && bytes.length > 0;
  }

  /** Writes; what `isLent` is good only during the call. */
  protected send(bytes: Uint8Array, isLent: boolean): boolean {
    const { shared } = this;
    const { parts, pool, spare = new parts.WriteWrap() } = shared;
    shared.spare = undefined;
    const own = isLent ? pool.copy(bytes) : bytes;
    const error = this.handle.writeBuffer(spare, own);
    if (error !== 0) {
      this.breakLater(error);
      return true;
    }
    if (parts.streamBaseState[parts.kLastWriteWasAsync] === 0) {
      // The request was not needed: the next write may have it.
      shared.spare = spare;
      if (isLent) pool.giveBack(own);
      return true;
    }
    spare.oncomplete = onWritten;
    spare.bytes = own;
    spare.isCopy = isLent;
    spare.owner = this;
    this.queued += bytes.length;
    return false;
  }

  /** So many octets have left, or cannot. */
  protected left(status: number, length: number): void {
    this.queued -= length;
    if (this.#isDestroyed) return;
    if (status < 0) return this.break(systemFailure(status));
    if (this.queued === 0 && !this.#isClosing) this.drained();
  }

  protected drained(): void {
    this.handler.drained();
  }

  /** Sends FIN, behind all that was written. */
  protected shutDown(): void {
    const request = new this.shared.parts.ShutdownWrap();
    request.oncomplete = onShutdown;
    request.owner = this;
    if (this.handle.shutdown(request) !== 0) this.onShutdown();
  }

  protected free(done: () => void): void {
    this.handle.close(done);
  }

  #deliver(): void {
    const held = this.#held;
    if (held === undefined || !this.#isFlowing || this.#isClosing) return;
    this.#held = undefined;
    this.handler.bytes(held);
    if (this.#isEndHeld) this.#end();
    else if (this.#isFlowing) this.start();
  }

  protected start(): void {
    if (this.#isReading || this.#isDestroyed || this.hasEnded || this.#isEndHeld) return;
    this.#isReading = true;
    const error = this.handle.readStart();
    if (error !== 0) this.breakLater(error);
  }

  protected stop(): void {
    if (!this.#isReading || this.#isDestroyed) return;
    this.#isReading = false;
    this.handle.readStop();
  }

  /** Nobody may be told within a call of theirs. */
  protected breakLater(error: number): void {
    queueMicrotask(() => this.break(systemFailure(error)));
  }

  protected break(failure: SystemFailure): void {
    if (this.#isDestroyed) return;
    // The peer may well be rude once we are done with it.
    if (!this.#isClosing) this.#failure ??= failure;
    this.#destroy();
  }

  #destroy(): void {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.free(() => this.#onClosed());
  }

  #onClosed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#held = undefined;
    this.shared.census.open--;
    this.shared.lingerers.remove(this);
    this.handler.closed(this.#failure);
  }
}

function systemFailure(error: number): SystemFailure {
  return failureOf(getSystemErrorName(error));
}

function onRead(this: Handle): void {
  this.owner?.onRead();
}

function onWritten(this: WriteRequest, status: number): void {
  this.owner?.onWritten(status, this);
}

function onShutdown(this: Request): void {
  this.owner?.onShutdown();
}

/** Our end of a connection, as the kernel has it. */
export function localAddressOf(handle: Handle): SocketAddress | undefined {
  const found: RawAddress = {};
  return handle.getsockname?.(found) === 0 ? tcpAddress(found.address, found.port) : undefined;
}

const NOTHING = new Uint8Array(0);
/** From here on a chunk is not a dialogue's. */
const FLOOD = 16 * 1024;
