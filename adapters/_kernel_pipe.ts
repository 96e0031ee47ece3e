/**
 * The way past memory: what one socket has in bulk goes to another one within the kernel (splice(2)), by way of a pipe that
 * is empty before and after. Without the two copies a MiB in clear costs two thirds of what it does with them
 * (`bench/README.md`).
 */

import { F_SETPIPE_SZ, FIONREAD, INT, type Kernel, kernelMemory, O_CLOEXEC, O_NONBLOCK } from "./_kernel.ts";

/** One for all sockets: within a call it is filled and emptied. */
export class KernelPipe {
  /** What the sink of the last move did not take: good as long as the room that it is in. */
  rest: Uint8Array = NOTHING;
  readonly #kernel: Kernel;
  readonly #room: Uint8Array;
  readonly #numbers = new Int32Array(kernelMemory(2 * INT).buffer);
  readonly #memory = new Uint8Array(this.#numbers.buffer);
  #ends: PipeEnds | undefined;

  /** No more is moved at a time than there is room for. */
  constructor(kernel: Kernel, room: Uint8Array) {
    this.#kernel = kernel;
    this.#room = room;
  }

  /**
   * Moves octets from one socket to another; returns how many have left the first: none where they are not worth it, or
   * it cannot be done; -1 when some of them are lost, which no kernel should do.
   */
  move(source: number, sink: number): number {
    this.rest = NOTHING;
    const most = Math.min(this.#unread(source) - SEEN, this.#room.length);
    if (most < LEAST) return 0;
    const ends = this.#ends ??= this.#open();
    if (ends === undefined) return 0;
    const { splice } = this.#kernel;
    const moved = splice(source, ends.into, most);
    if (moved <= 0) return 0;
    const left = moved - gather(moved, (taken) => splice(ends.out, sink, moved - taken));
    if (left === 0) return moved;
    const read = gather(left, (from) => this.#kernel.readPipe(ends.out, this.#room.subarray(from, left)));
    this.rest = this.#room.subarray(0, read);
    if (read === left) return moved;
    // What is in it belongs to this session alone.
    this.#close(ends);
    return -1;
  }

  /** How much a socket has for whoever reads it. */
  #unread(socket: number): number {
    return this.#kernel.ioctl(socket, FIONREAD, this.#memory) === 0 ? this.#numbers[0] ?? 0 : 0;
  }

  #open(): PipeEnds | undefined {
    if (this.#kernel.pipe2(this.#memory, O_CLOEXEC | O_NONBLOCK) !== 0) return undefined;
    const [out = -1, into = -1] = this.#numbers;
    // With less it takes less at a time.
    this.#kernel.fcntl(into, F_SETPIPE_SZ, PIPE_SIZE);
    return { out, into };
  }

  #close({ out, into }: PipeEnds): void {
    this.#kernel.close(out);
    this.#kernel.close(into);
    this.#ends = undefined;
  }
}

interface PipeEnds {
  readonly out: number;
  readonly into: number;
}

/** Calls until it has all; returns how much it has when a call brings nothing. */
function gather(all: number, call: (sofar: number) => number): number {
  for (let sofar = 0;;) {
    const more = sofar < all ? call(sofar) : 0;
    if (more <= 0) return sofar;
    sofar += more;
  }
}

const NOTHING = new Uint8Array(0);
/** Octets of a piece of memory of the kernel's may be few, and a pipe has a place for each such piece. */
const PIPE_SIZE = 1_048_576;
/** Less is read as quickly. */
const LEAST = 65_536;
/** What is read behind the rest, so that whoever watches sees how it ends. */
const SEEN = 1_024;
