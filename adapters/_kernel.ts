/**
 * The kernel's own calls for sockets, by way of the C library and each runtime's foreign function interface. Every call
 * is over when it returns: the kernel keeps no address of ours. Beside the runtimes' own sockets a login costs a fifth
 * to a third less CPU (`bench/README.md`).
 */

import { Buffer } from "node:buffer";
import process from "node:process";

/** The calls, named as the C library names them. All return -1 when they fail; {@linkcode errno} says why. */
export interface Kernel {
  accept4(descriptor: number, address: Uint8Array, length: Uint8Array, flags: number): number;
  bind(descriptor: number, address: Uint8Array, length: number): number;
  close(descriptor: number): number;
  connect(descriptor: number, address: Uint8Array, length: number): number;
  epoll_create1(flags: number): number;
  epoll_ctl(epoll: number, operation: number, descriptor: number, event: Uint8Array): number;
  epoll_wait(epoll: number, events: Uint8Array, most: number, timeout: number): number;
  fcntl(descriptor: number, command: number, argument: number): number;
  getsockname(descriptor: number, address: Uint8Array, length: Uint8Array): number;
  getsockopt(descriptor: number, level: number, name: number, value: Uint8Array, length: Uint8Array): number;
  ioctl(descriptor: number, request: number, value: Uint8Array): number;
  pipe2(descriptors: Uint8Array, flags: number): number;
  setsockopt(descriptor: number, level: number, name: number, value: Uint8Array, length: number): number;
  shutdown(descriptor: number, how: number): number;
  socket(family: number, type: number, protocol: number): number;
  recv(descriptor: number, bytes: Uint8Array, flags: number): number;
  send(descriptor: number, bytes: Uint8Array, flags: number): number;
  /** Sends one datagram to an address of so many octets. */
  sendto(descriptor: number, bytes: Uint8Array, address: Uint8Array, length: number): number;
  /** Moves octets between a socket and a pipe; returns how many. */
  splice(from: number, to: number, length: number): number;
  /** `read` of a pipe. */
  readPipe(descriptor: number, bytes: Uint8Array): number;
  /** Fills `bytes` as far as a socket has something; returns how far. */
  read(descriptor: number, bytes: Uint8Array): number;
  /** Returns how many octets a socket has taken. The runtimes ignore SIGPIPE. */
  write(descriptor: number, bytes: Uint8Array): number;
  /** Why the last call failed: to be asked at once. */
  errno(): number;
  /** Makes it 0, which no call does by itself. */
  clearErrno(): void;
  /**
   * `epoll_wait` on another thread, so that the runtime goes on meanwhile: for Deno, which looks after its own sockets
   * only in each 61st turn of a loop that has a task in every turn. Others have no need of it.
   */
  readonly waitAside?:
    | ((epoll: number, events: Uint8Array, most: number, timeout: number) => Promise<number>)
    | undefined;
}

/** Calls as a runtime makes them. */
type Functions = Readonly<Record<string, (...args: never[]) => number>>;
type Kind = "int" | "size" | "buffer" | "pointer";

/** What a runtime's interface has to offer. */
interface Foreign {
  readonly functions: Functions;
  /** Where `errno` of this thread is. */
  readonly errno: Int32Array;
  /**
   * Makes of a number what the runtime takes for a `size_t`. Deno takes a number, too, but V8 throws away the code that
   * hands one over as soon as it has compiled it.
   */
  toSize(size: number): number | bigint;
  /** Whether a fourth argument costs more than what recv(2) is cheaper than read(2): Node puts them into an array. */
  readonly likesThree: boolean;
}

/** What each call takes. All return an `int`, but for the one that tells where `errno` is. */
const CALLS: Readonly<
  Record<Exclude<keyof Kernel, "errno" | "clearErrno" | "readPipe" | "waitAside">, readonly Kind[]>
> = {
  accept4: ["int", "buffer", "buffer", "int"],
  bind: ["int", "buffer", "int"],
  close: ["int"],
  connect: ["int", "buffer", "int"],
  epoll_create1: ["int"],
  epoll_ctl: ["int", "int", "int", "buffer"],
  epoll_wait: ["int", "buffer", "int", "int"],
  fcntl: ["int", "int", "int"],
  getsockname: ["int", "buffer", "buffer"],
  getsockopt: ["int", "int", "int", "buffer", "buffer"],
  ioctl: ["int", "int", "buffer"],
  pipe2: ["buffer", "int"],
  setsockopt: ["int", "int", "int", "buffer", "int"],
  shutdown: ["int", "int"],
  socket: ["int", "int", "int"],
  read: ["int", "buffer", "size"],
  recv: ["int", "buffer", "size", "int"],
  send: ["int", "buffer", "size", "int"],
  sendto: ["int", "buffer", "size", "int", "buffer", "int"],
  splice: ["int", "size", "int", "size", "size", "int"],
  write: ["int", "buffer", "size"],
};
const ERRNO = "__errno_location";
/** glibc: the layout of what is passed is its business, too. */
const LIBRARY = "libc.so.6";

/**
 * The calls, the same ones each time; `undefined` where they cannot be made: on other systems, without permission, in other C
 * libraries.
 */
export function openKernel(): Kernel | undefined {
  return (opened ??= { kernel: tryToOpen() }).kernel;
}

/** What came of it the first time. */
let opened: { readonly kernel: Kernel | undefined } | undefined;

function tryToOpen(): Kernel | undefined {
  if (process.platform !== "linux" || eventLayout() === undefined) return undefined;
  try {
    const kernel = "Deno" in globalThis ? openOnDeno() : "Bun" in globalThis ? openOnBun() : openOnNode();
    return kernel !== undefined && works(kernel) ? kernel : undefined;
  } catch {
    return undefined;
  }
}

/** Where the parts of a `struct epoll_event` are, in words of 32 bits. */
export interface EventLayout {
  /** Words of one event; the first has what happened. */
  readonly words: number;
  /** The first of the two words that are ours. */
  readonly data: number;
}

export function eventLayout(): EventLayout | undefined {
  return { x64: { words: 3, data: 1 }, arm64: { words: 4, data: 2 } }[process.arch as string];
}

/** Whether calls arrive as they were meant: a descriptor that is ready is told with the words that it was added with. */
function works(kernel: Kernel): boolean {
  const { words, data } = eventLayout() ?? { words: 0, data: 0 };
  const event = new Int32Array(16);
  const octets = new Uint8Array(event.buffer);
  const epoll = kernel.epoll_create1(EPOLL_CLOEXEC);
  const socket = kernel.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  event.set([EPOLLOUT], 0);
  event.set([socket, MARK], data);
  const isAdded = kernel.epoll_ctl(epoll, EPOLL_CTL_ADD, socket, octets) === 0;
  event.fill(0);
  // A socket that was never connected is ready for everything.
  const isTold = kernel.epoll_wait(epoll, octets, 1, 0) === 1 && event[data] === socket && event[data + 1] === MARK;
  const isUnconnected = kernel.write(socket, octets.subarray(0, 1)) === -1 && kernel.errno() !== 0;
  const isRefused = kernel.close(-1) === -1 && kernel.errno() === EBADF;
  for (const descriptor of [socket, epoll]) kernel.close(descriptor);
  return words > 0 && isAdded && isTold && isUnconnected && isRefused;
}

function openOnDeno(): Kernel | undefined {
  const { Deno } = globalThis as unknown as { readonly Deno: DenoForeign };
  if (!hasDenoForeign()) return undefined;
  const kinds = { int: "i32", size: "usize", buffer: "buffer", pointer: "pointer" };
  const { symbols } = Deno.dlopen(LIBRARY, {
    ...signatures(kinds, (parameters, result) => ({ parameters, result })),
    waitAside: { name: "epoll_wait", parameters: ["i32", "buffer", "i32", "i32"], result: "i32", nonblocking: true },
  });
  const errno = Deno.UnsafePointerView.getArrayBuffer((symbols[ERRNO] as () => unknown)(), INT);
  return assemble({ functions: symbols as Functions, errno: new Int32Array(errno), toSize: BigInt, likesThree: false });
}

/** Whether Deno lets us: whoever did not allow it is not asked. */
export function hasDenoForeign(): boolean {
  const { Deno } = globalThis as unknown as { readonly Deno: DenoForeign };
  return Deno.permissions.querySync({ name: "ffi" }).state === "granted";
}

/** The part of Deno's interface that is used here. */
export interface DenoForeign {
  readonly permissions: { querySync(permission: { readonly name: "ffi" }): { readonly state: string } };
  dlopen(path: string, symbols: object): { readonly symbols: Readonly<Record<string, unknown>> };
  readonly UnsafePointer: { of(memory: Uint8Array): unknown };
  readonly UnsafePointerView: { getArrayBuffer(pointer: unknown, length: number): ArrayBuffer };
}

function openOnBun(): Kernel {
  const { dlopen, toArrayBuffer } = builtinModule("bun:ffi") as BunForeign;
  const kinds = { int: "int", size: "usize", buffer: "ptr", pointer: "ptr" };
  const { symbols } = dlopen(LIBRARY, signatures(kinds, (args, returns) => ({ args, returns })));
  const errno = toArrayBuffer((symbols[ERRNO] as () => unknown)(), 0, INT);
  return assemble({ functions: symbols as Functions, errno: new Int32Array(errno), toSize: Number, likesThree: false });
}

interface BunForeign {
  dlopen(path: string, symbols: object): { readonly symbols: Readonly<Record<string, unknown>> };
  toArrayBuffer(pointer: unknown, offset: number, length: number): ArrayBuffer;
}

function openOnNode(): Kernel {
  const { dlopen, toArrayBuffer } = nodeForeign();
  const kinds = { int: "int32", size: "uint64", buffer: "buffer", pointer: "pointer" };
  const { functions } = dlopen(LIBRARY, signatures(kinds, (args, result) => ({ arguments: args, return: result })));
  const errno = toArrayBuffer((functions[ERRNO] as () => unknown)(), INT, false);
  return assemble({
    functions: functions as Functions,
    errno: new Int32Array(errno),
    toSize: BigInt,
    likesThree: true,
  });
}

/** The part of Node's interface that is used here. */
export interface NodeForeign {
  /** Without a path it is the program itself. */
  dlopen(path: string | null, functions: object): { readonly functions: Readonly<Record<string, unknown>> };
  toArrayBuffer(pointer: unknown, length: number, copies: boolean): ArrayBuffer;
  getRawPointer(memory: Uint8Array): unknown;
}

/** From Node 26 on. */
export function nodeForeign(): NodeForeign {
  return quietly(() => builtinModule("node:ffi") as NodeForeign);
}

/** A module that only one runtime has, and not in each version. */
function builtinModule(name: string): object {
  const found = process.getBuiltinModule?.(name);
  if (found === undefined) throw new TypeError(`There is no ${name}`);
  return found;
}

/** Node says of each module that may still change that it may, on the stream where our log goes. */
function quietly<T>(load: () => T): T {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}

function signatures(
  kinds: Readonly<Record<Kind, string>>,
  signature: (takes: readonly string[], returns: string) => object,
): object {
  const calls = Object.entries(CALLS).map(([name, takes]) => {
    return [name, signature(takes.map((kind) => kinds[kind]), kinds.int)] as const;
  });
  return { ...Object.fromEntries(calls), [ERRNO]: signature([], kinds.pointer) };
}

function assemble({ functions, errno, toSize, likesThree }: Foreign): Kernel {
  const calls = functions as unknown as Omit<Kernel, keyof SizedCalls> & SizedCalls;
  const { read, recv, send, sendto, splice, write } = calls;
  const nowhere = toSize(0);
  const room = sizesBy(toSize);
  const size = sizesBy(toSize);
  const received: Kernel["recv"] = (descriptor, bytes, flags) => recv(descriptor, bytes, room(bytes), flags);
  const sent: Kernel["send"] = (descriptor, bytes, flags) => send(descriptor, bytes, size(bytes), flags);
  return {
    ...calls,
    recv: received,
    send: sent,
    sendto: (descriptor, bytes, address, length) => sendto(descriptor, bytes, size(bytes), 0, address, length),
    splice: (from, to, length) => splice(from, nowhere, to, nowhere, toSize(length), SPLICE_F_NONBLOCK),
    readPipe: (descriptor, bytes) => read(descriptor, bytes, room(bytes)),
    // Those past the layer of files are nginx's, too: 1 to 2 % of a command and of a login.
    read: likesThree
      ? (descriptor, bytes) => read(descriptor, bytes, room(bytes))
      : (descriptor, bytes) => received(descriptor, bytes, 0),
    write: likesThree
      ? (descriptor, bytes) => write(descriptor, bytes, size(bytes))
      : (descriptor, bytes) => sent(descriptor, bytes, 0),
    errno: () => errno[0] ?? 0,
    clearErrno: () => {
      errno[0] = 0;
    },
  };
}

/**
 * Knows the sizes of short arrays, and of the last long one: nearly all reads are into the same. Making one costs as much as
 * the rest of a call.
 */
function sizesBy(toSize: Foreign["toSize"]): (bytes: Uint8Array) => number | bigint {
  const sizes = Array.from({ length: 1_024 }, (_, length) => toSize(length));
  let last = { length: 0, size: toSize(0) };
  return ({ length }) => {
    const known = sizes[length];
    if (known !== undefined) return known;
    if (length !== last.length) last = { length, size: toSize(length) };
    return last.size;
  };
}

type SizedCall = (descriptor: number, bytes: Uint8Array, size: number | bigint) => number;
type SpliceCall = (
  from: number,
  fromOffset: number | bigint,
  to: number,
  toOffset: number | bigint,
  length: number | bigint,
  flags: number,
) => number;
type AddressedCall = (
  descriptor: number,
  bytes: Uint8Array,
  size: number | bigint,
  flags: number,
  address: Uint8Array,
  length: number,
) => number;
type FlaggedCall = (descriptor: number, bytes: Uint8Array, size: number | bigint, flags: number) => number;

interface SizedCalls {
  readonly read: SizedCall;
  readonly write: SizedCall;
  readonly recv: FlaggedCall;
  readonly send: FlaggedCall;
  readonly sendto: AddressedCall;
  readonly splice: SpliceCall;
}

/** Memory that is handed to the kernel has to be where it is as long as it lives: V8 keeps small arrays in its heap. */
export function kernelMemory(octets: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(Math.max(octets, 256)), 0, octets);
}

/** An `int` for the kernel, as `setsockopt` wants it. */
export function kernelInt(value: number): Uint8Array {
  const octets = kernelMemory(INT);
  Buffer.from(octets.buffer).writeInt32LE(value);
  return octets;
}

/** Whether a call failed for the moment only. */
export function isPassing(number: number): boolean {
  return number === EAGAIN || number === EINTR;
}

/** Octets of an `int`. */
export const INT = 4;
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const EPOLL_CLOEXEC = 0o2000000;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;
export const EPOLLIN = 0x1;
export const EPOLLOUT = 0x4;
export const EPOLLERR = 0x8;
export const EPOLLHUP = 0x10;
export const EPOLLRDHUP = 0x2000;
export const EPOLLEXCLUSIVE = 1 << 28;
export const EPOLLET = 1 << 31;
export const F_DUPFD_CLOEXEC = 1030;
export const F_SETPIPE_SZ = 1031;
export const FIONREAD = 0x541b;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
const SPLICE_F_NONBLOCK = 2;
export const MSG_PEEK = 2;
export const MSG_MORE = 0x8000;
export const SHUT_WR = 1;
export const SOL_SOCKET = 1;
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const TCP_CORK = 3;
const EINTR = 4;
export const EBADF = 9;
export const EAGAIN = 11;
const MARK = 0x2545f491;
