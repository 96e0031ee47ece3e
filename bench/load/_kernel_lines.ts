/**
 * Connections on the kernel's sockets, looked after in a loop that nobody else has a turn in: a load costs less than
 * what it measures if it does little beside the kernel's calls.
 */

import process from "node:process";
import {
  AF_INET,
  EPOLL_CTL_ADD,
  EPOLL_CTL_MOD,
  EPOLLIN,
  EPOLLOUT,
  eventLayout,
  INT,
  IPPROTO_TCP,
  isPassing,
  type Kernel,
  kernelInt,
  kernelMemory,
  openKernel,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  TCP_NODELAY,
} from "../../adapters/_kernel.ts";
import { KernelAddress } from "../../adapters/_kernel_address.ts";
import { DEAF, type Hearer, type Line } from "./_line.ts";

const HOST = "127.0.0.1";
/** Events of one turn. */
const MOST_EVENTS = 256;
/** Milliseconds in which something has to happen. */
const PATIENCE = 30_000;
/** Octets of one read. */
const ROOM = 256 * 1024;
/** Octets of one read that nobody looks at: the kernel copies none of them. */
const SKIPPED_ROOM = 4 * 1024 * 1024;
const BACKLOG = 4096;
/** TCP's: octets are thrown away instead of being copied (tcp(7)). */
const MSG_TRUNC = 0x20;
const NEEDS = "The load needs the kernel's sockets: Linux with glibc, on x64 or arm64";

/** Whoever has a descriptor. */
interface Member {
  told(events: number): void;
}

/** The connections of one thread. */
export class KernelLines {
  readonly #kernel: Kernel;
  readonly #library: Library;
  readonly #epoll: number;
  readonly #address = new KernelAddress();
  readonly #events = kernelMemory(MOST_EVENTS * WORDS * 4);
  readonly #words = new Int32Array(this.#events.buffer);
  readonly #event = kernelMemory(WORDS * 4);
  readonly #eventWords = new Int32Array(this.#event.buffer);
  /** By descriptor. */
  readonly #members: (Member | undefined)[] = [];

  constructor() {
    const kernel = openKernel();
    if (kernel === undefined) throw new Error(NEEDS);
    this.#kernel = kernel;
    this.#library = openLibrary();
    this.#epoll = this.#done(kernel.epoll_create1(0));
  }

  /** The thread that this is asked on, as the kernel's accounts name it. */
  get thread(): number {
    return this.#library.gettid();
  }

  /** Listens on a port of the system's choice, and returns it. */
  listen(accepted: (line: Line) => void): number {
    const kernel = this.#kernel;
    const socket = this.#socket();
    const length = this.#address.put(HOST, 0);
    this.#done(kernel.bind(socket, this.#address.octets, length));
    this.#done(this.#library.listen(socket, BACKLOG));
    this.#address.clear();
    this.#done(kernel.getsockname(socket, this.#address.octets, this.#address.length));
    const bound = this.#address.take();
    if (bound === undefined || bound.family === "unix") throw new Error("The load listens somewhere else");
    this.#add(socket, {
      told: () => {
        for (;;) {
          this.#address.clear();
          const accepts = kernel.accept4(socket, this.#address.octets, this.#address.length, SOCK_NONBLOCK);
          if (this.#done(accepts) < 0) return;
          accepted(this.#line(accepts));
        }
      },
    });
    return bound.port;
  }

  /** Connects to a port, and says so before the connection is there: whoever is called speaks first. */
  connect(port: number, hearer: Hearer): Line {
    const socket = this.#socket();
    this.#kernel.connect(socket, this.#address.octets, this.#address.put(HOST, port));
    const line = this.#line(socket);
    line.hearer = hearer;
    return line;
  }

  /** Waits until something happens, and tells of it. Throws if nothing does. */
  turn(): void {
    if (this.#wait(PATIENCE) === 0) throw new Error(`Nothing has happened for ${PATIENCE / 1000} s`);
  }

  /** Tells of what has happened. */
  look(): void {
    this.#wait(0);
  }

  /** Waits for as long as it takes, again and again. */
  turnForever(): never {
    for (;;) this.#wait(-1);
  }

  /** Returns how many events there were. */
  #wait(timeout: number): number {
    const count = this.#done(this.#kernel.epoll_wait(this.#epoll, this.#events, MOST_EVENTS, timeout));
    for (let at = 0; at < count * WORDS; at += WORDS) {
      // Who has left since the kernel said so has nobody behind its descriptor, or somebody who is told in vain.
      this.#members[this.#words[at + DATA] ?? 0]?.told(this.#words[at] ?? 0);
    }
    return count;
  }

  /** What a call has returned, if it has not failed for more than the moment. */
  #done(result: number): number {
    if (result < 0 && !isPassing(this.#kernel.errno())) {
      throw new Error(`The load has failed: errno ${this.#kernel.errno()}`);
    }
    return result;
  }

  #socket(): number {
    return this.#done(this.#kernel.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  }

  #line(socket: number): KernelLine {
    this.#kernel.setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, ON, INT);
    const line = new KernelLine(socket, this.#kernel, this);
    this.#add(socket, line);
    return line;
  }

  #add(descriptor: number, member: Member): void {
    this.#members[descriptor] = member;
    this.watch(descriptor, EPOLL_CTL_ADD, EPOLLIN);
  }

  /** Has the kernel tell of these events. */
  watch(descriptor: number, operation: number, events: number): void {
    this.#eventWords[0] = events;
    this.#eventWords[DATA] = descriptor;
    this.#done(this.#kernel.epoll_ctl(this.#epoll, operation, descriptor, this.#event));
  }

  /** Forgets somebody; the kernel does so by itself. */
  forget(descriptor: number): void {
    this.#members[descriptor] = undefined;
  }
}

class KernelLine implements Line, Member {
  hearer: Hearer = DEAF;
  readonly #socket: number;
  readonly #kernel: Kernel;
  readonly #lines: KernelLines;
  #isOpen = true;
  #isFull = false;
  #toSkip = 0;

  constructor(socket: number, kernel: Kernel, lines: KernelLines) {
    this.#socket = socket;
    this.#kernel = kernel;
    this.#lines = lines;
  }

  write(octets: Uint8Array): number {
    const written = this.#kernel.write(this.#socket, octets);
    if (written < octets.length && !this.#isFull) {
      this.#isFull = true;
      this.#lines.watch(this.#socket, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    }
    return Math.max(0, written);
  }

  skip(octets: number): void {
    this.#toSkip = octets;
  }

  end(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#lines.forget(this.#socket);
    this.#kernel.close(this.#socket);
  }

  told(events: number): void {
    if ((events & EPOLLOUT) !== 0) this.#drain();
    if (!this.#isOpen || (events & ~EPOLLOUT) === 0) return;
    if (this.#toSkip > 0) return this.#skip();
    const count = this.#kernel.read(this.#socket, room);
    if (count > 0) this.hearer.heard(room.subarray(0, count));
    else this.#stop(count);
  }

  #skip(): void {
    const octets = this.#toSkip >= SKIPPED_ROOM ? nowhere : nowhere.subarray(0, this.#toSkip);
    const count = this.#kernel.recv(this.#socket, octets, MSG_TRUNC);
    if (count <= 0) return this.#stop(count);
    this.#toSkip -= count;
    this.hearer.skipped(count);
  }

  #drain(): void {
    this.#isFull = false;
    this.#lines.watch(this.#socket, EPOLL_CTL_MOD, EPOLLIN);
    this.hearer.drained();
  }

  /** Nothing was read. */
  #stop(count: number): void {
    if (count < 0 && isPassing(this.#kernel.errno())) return;
    this.end();
    this.hearer.gone();
  }
}

interface BunForeign {
  dlopen(path: string, symbols: object): { readonly symbols: Library };
}

interface Library {
  listen(descriptor: number, backlog: number): number;
  gettid(): number;
}

/** Calls of the C library that no adapter needs. */
function openLibrary(): Library {
  const { dlopen } = process.getBuiltinModule("bun:ffi") as unknown as BunForeign;
  return dlopen("libc.so.6", {
    listen: { args: ["int", "int"], returns: "int" },
    gettid: { args: [], returns: "int" },
  }).symbols;
}

const { words: WORDS, data: DATA } = eventLayout() ?? { words: 3, data: 1 };
const room = kernelMemory(ROOM);
const ON = kernelInt(1);
const nowhere = kernelMemory(SKIPPED_ROOM);
