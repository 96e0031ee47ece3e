/**
 * The way past memory: what one socket has in bulk goes to another one within the kernel (splice(2)), by way of a pipe that
 * is empty before and after. Without the two copies a MiB in clear costs two thirds of what it does with them
 * (`bench/README.md`).
 */

import { F_SETPIPE_SZ, FIONREAD, INT, isPassing, type Kernel, kernelMemory, O_CLOEXEC, O_NONBLOCK } from "./_kernel.ts";

/** What became of octets that have left their source. */
export interface Move {
  readonly octets: number;
  /** Those of them that the sink has not taken, good as long as the room that they are in. */
  readonly left: Uint8Array;
  /** Why the sink takes nothing any more, as an `errno`; 0 for no such reason. The sink does not tell it again. */
  readonly failure: number;
}

/** One for all sockets: within a call it is filled and emptied. */
export class KernelPipe {
  readonly #kernel: Kernel;
  readonly #room: Uint8Array;
  readonly #numbers = new Int32Array(kernelMemory(2 * INT).buffer);
  readonly #memory = new Uint8Array(this.#numbers.buffer);
  #ends: PipeEnds | undefined;
  /** Whether there is no use in trying: it may be forbidden, or the pipe may be no bigger than others are. */
  #isUseless = false;

  /** No more is moved at a time than there is room for. */
  constructor(kernel: Kernel, room: Uint8Array) {
    this.#kernel = kernel;
    this.#room = room;
  }

  /**
   * Moves octets from one socket to another; `undefined` where they are too few, or it cannot be done. `lost` says that the
   * kernel has kept some of them, which none should do.
   */
  move(source: number, sink: number): Move | "lost" | undefined {
    if (this.#isUseless) return undefined;
    const most = Math.min(this.#unread(source) - SEEN, this.#room.length);
    const ends = most < LEAST ? undefined : this.#ends ??= this.#open();
    if (ends === undefined) return undefined;
    const octets = this.#splice(source, ends.into, most);
    return octets > 0 ? this.#empty(ends, sink, octets) : undefined;
  }

  #empty(ends: PipeEnds, sink: number, octets: number): Move | "lost" {
    const taken = this.#splice(ends.out, sink, octets);
    const number = taken < 0 && !this.#isUseless ? this.#kernel.errno() : 0;
    const left = octets - Math.max(taken, 0);
    let read = 0;
    for (let more = 1; read < left && more > 0; read += more) {
      more = Math.max(this.#kernel.readPipe(ends.out, this.#room.subarray(read, left)), 0);
    }
    if (read === left) return { octets, left: this.#room.subarray(0, left), failure: isPassing(number) ? 0 : number };
    // What is in it belongs to this session alone.
    this.#close(ends);
    this.#ends = undefined;
    return "lost";
  }

  #splice(from: number, to: number, most: number): number {
    const moved = this.#kernel.splice(from, to, most);
    if (moved < 0 && UNABLE.includes(this.#kernel.errno())) this.#isUseless = true;
    return moved;
  }

  /** How much a socket has for whoever reads it. */
  #unread(socket: number): number {
    return this.#kernel.ioctl(socket, FIONREAD, this.#memory) === 0 ? this.#numbers[0] ?? 0 : 0;
  }

  #open(): PipeEnds | undefined {
    if (this.#kernel.pipe2(this.#memory, O_CLOEXEC | O_NONBLOCK) !== 0) return undefined;
    const [out = -1, into = -1] = this.#numbers;
    if (this.#kernel.fcntl(into, F_SETPIPE_SZ, PIPE_SIZE) >= PIPE_SIZE) return { out, into };
    // With less it takes so little at a time that reading is quicker. Users other than root may have some dozens of this size.
    this.#close({ out, into });
    this.#isUseless = true;
    return undefined;
  }

  #close({ out, into }: PipeEnds): void {
    this.#kernel.close(out);
    this.#kernel.close(into);
  }
}

interface PipeEnds {
  readonly out: number;
  readonly into: number;
}

/** Octets of a piece of memory of the kernel's may be few, and a pipe has a place for each such piece. */
const PIPE_SIZE = 1_048_576;
/** Less is read as quickly. */
const LEAST = 65_536;
/** The last octets are read, so that whoever watches sees how bulk ends. */
const SEEN = 1_024;
/** What a kernel says that does not move octets at all: EPERM, EINVAL, ENOSYS. */
const UNABLE: readonly number[] = [1, 22, 38];
