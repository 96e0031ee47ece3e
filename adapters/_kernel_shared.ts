/** What the sockets of the kernel's have in common: its calls, the poller, and memory. */

import { getSystemErrorName } from "node:util";
import type { SocketAddress, SystemFailure } from "../src/runtime.ts";
import { CHUNK_SIZE, ChunkPool } from "./_chunk_pool.ts";
import { failureOf } from "./_errno.ts";
import { INT, IPPROTO_TCP, type Kernel, kernelInt, kernelMemory, SOL_SOCKET } from "./_kernel.ts";
import { KernelAddress } from "./_kernel_address.ts";
import { KernelPipe } from "./_kernel_pipe.ts";
import { Lingerers } from "./_lingerers.ts";
import type { Poller } from "./_poller.ts";
import type { Census } from "./_socket.ts";

/** What all sockets of this kind share. */
export class KernelShared {
  readonly kernel: Kernel;
  readonly poller: Poller;
  readonly census: Census = { open: 0 };
  readonly lingerers = new Lingerers();
  readonly pool = new ChunkPool();
  /** Where all of them read into: each tells what it has read before another one reads. */
  readonly readBuffer = new Uint8Array(CHUNK_SIZE);
  readonly address = new KernelAddress();
  readonly pipe: KernelPipe;
  /** Beginnings of {@linkcode readBuffer}: an array, too, is something to be made. */
  readonly #beginnings: Uint8Array[] = [];
  readonly #value = kernelMemory(INT);
  readonly #length = kernelInt(INT);

  constructor(kernel: Kernel, poller: Poller) {
    this.kernel = kernel;
    this.poller = poller;
    this.pipe = new KernelPipe(kernel, this.readBuffer);
  }

  /** What was read last. */
  read(length: number): Uint8Array {
    if (length >= MOST_BEGINNINGS) return this.readBuffer.subarray(0, length);
    return this.#beginnings[length] ??= this.readBuffer.subarray(0, length);
  }

  /** Why the last call failed. */
  failure(): SystemFailure {
    return systemFailure(this.kernel.errno());
  }

  /** What has happened to a socket that is told to be broken; `undefined` for nothing. */
  failureOn(descriptor: number): SystemFailure | undefined {
    if (this.kernel.getsockopt(descriptor, SOL_SOCKET, SO_ERROR, this.#value, this.#length) !== 0) {
      return this.failure();
    }
    const number = new DataView(this.#value.buffer).getInt32(0, true);
    return number === 0 ? undefined : systemFailure(number);
  }

  /** Whether a connection is over in both directions: one whose end we have not sent was reset. */
  isReset(descriptor: number): boolean {
    const { kernel } = this;
    return kernel.getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, this.#value, this.#length) === 0 &&
      this.#value[0] === TCP_CLOSE;
  }

  /** Our end of a connection, as the kernel has it. */
  localAddress(descriptor: number): SocketAddress | undefined {
    const { address, kernel } = this;
    address.clear();
    return kernel.getsockname(descriptor, address.octets, address.length) === 0 ? address.take() : undefined;
  }

  set(descriptor: number, level: number, name: number, value: Uint8Array): boolean {
    return this.kernel.setsockopt(descriptor, level, name, value, INT) === 0;
  }
}

export function systemFailure(number: number): SystemFailure {
  return failureOf(getSystemErrorName(-number));
}

const SO_ERROR = 4;
/** The first octet of what it tells is the state of the connection. */
const TCP_INFO = 11;
const TCP_CLOSE = 7;
/** The lengths of nearly all commands and replies. */
const MOST_BEGINNINGS = 512;
