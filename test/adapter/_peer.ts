/** One end of a connection, with promises for what it waits for. */

import { describe } from "node:test";
import { loadRuntime } from "../../adapters/detect.ts";
import type {
  Listener,
  ListenOptions,
  RelayWatch,
  Runtime,
  Socket,
  SocketHandler,
  SystemFailure,
} from "../../src/runtime.ts";
import { isFailure } from "../../src/runtime.ts";

/** Loads a runtime that has one kind of sockets. */
export interface Loader {
  (): Promise<Runtime>;
  readonly sockets: "runtime" | "kernel";
}

/** Tests what holds for the runtime's sockets and the kernel's alike. Timers of ours are the runtime's: nobody sleeps long. */
export function describeBoth(what: string, test: (load: Loader) => void): void {
  for (const sockets of ["runtime", "kernel"] as const) {
    const load = Object.assign(() => loadRuntime({ sockets, ...SOCKETS_AT_ONCE }), { sockets });
    describe(`${what}, with the ${sockets}'s sockets`, () => test(load));
  }
}

/** The kernel's sockets, wherever they can be had. */
export const SOCKETS_AT_ONCE = { longestSleep: 2, isEager: true } as const;

/** Keeps count of all that its socket tells. */
export class Peer implements SocketHandler {
  readonly socket: Socket;
  /** What arrived, copied. Only the count is kept when `isCounting`. */
  readonly chunks: Uint8Array[] = [];
  received = 0;
  hasEnded = false;
  closings = 0;
  drains = 0;
  failure: SystemFailure | undefined;
  readonly #isCounting: boolean;
  readonly #waiting = new Set<() => void>();

  constructor(socket: Socket, isCounting = false) {
    this.socket = socket;
    this.#isCounting = isCounting;
    socket.handler = this;
  }

  get text(): string {
    return this.chunks.map((chunk) => new TextDecoder("latin1").decode(chunk)).join("");
  }

  say(text: string): boolean {
    return this.socket.write(new TextEncoder().encode(text));
  }

  bytes(bytes: Uint8Array): void {
    if (!this.#isCounting) this.chunks.push(bytes.slice());
    this.received += bytes.length;
    this.#look();
  }

  drained(): void {
    this.drains++;
    this.#look();
  }

  ended(): void {
    this.hasEnded = true;
    this.#look();
  }

  closed(failure: SystemFailure | undefined): void {
    this.closings++;
    this.failure = failure;
    this.#look();
  }

  /** Resolves as soon as this holds, looking after each event. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!holds()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  untilReceived(octets: number): Promise<void> {
    return this.until(() => this.received >= octets);
  }

  untilEnded(): Promise<void> {
    return this.until(() => this.hasEnded);
  }

  untilClosed(): Promise<void> {
    return this.until(() => this.closings > 0);
  }

  #look(): void {
    for (const look of [...this.#waiting]) look();
  }
}

/** Listens with the usual options. */
export async function listenAt(
  runtime: Runtime,
  options: Partial<ListenOptions>,
  accept: (socket: Socket) => void,
): Promise<Listener> {
  const listener = await tryListen(runtime, options, accept);
  if (isFailure(listener)) throw new Error(`cannot listen: ${listener.text}`);
  return listener;
}

/** The same, for those who expect a failure. */
export function tryListen(
  runtime: Runtime,
  options: Partial<ListenOptions>,
  accept: (socket: Socket) => void = () => {},
): Promise<Listener | SystemFailure> {
  const address = { host: "127.0.0.1", port: 0 };
  return runtime.listen({ address, ipv6Only: false, backlog: undefined, keepAlive: undefined, ...options }, accept);
}

/** The TCP port of a listener. */
export function portOf(listener: Listener): number {
  if (listener.address.family === "unix") throw new Error("a unix socket has no port");
  return listener.address.port;
}

/** Where to connect to reach a listener. */
export function targetOf({ address }: Listener): { host: string; port: number } | { path: string } {
  return address.family === "unix" ? { path: address.path } : { host: address.host, port: address.port };
}

/** Connects, or says why not. */
export function connectTo(
  runtime: Runtime,
  target: { host: string; port: number } | { path: string },
): Promise<Socket | SystemFailure> {
  return new Promise((resolve) => runtime.connect(target, { connected: resolve, failed: resolve }));
}

/** Sees a client that has said that it leaves. */
export const LEAVING: RelayWatch = {
  client() {},
  upstream() {},
  clientUnseen() {},
  upstreamUnseen() {},
  isBetweenReplies: true,
  isClientLeaving: true,
};

/** Both ends of one connection, paused. */
export interface Connection {
  readonly near: Socket;
  readonly far: Socket;
}

/** Makes connections to itself. */
export class Exchange {
  readonly #runtime: Runtime;
  readonly #listener: Listener;
  readonly #arrivals: Arrivals;

  private constructor(runtime: Runtime, listener: Listener, arrivals: Arrivals) {
    this.#runtime = runtime;
    this.#listener = listener;
    this.#arrivals = arrivals;
  }

  static async open(runtime: Runtime, options: Partial<ListenOptions> = {}): Promise<Exchange> {
    const arrivals = new Arrivals();
    const listener = await listenAt(runtime, options, (socket) => arrivals.add(socket));
    return new Exchange(runtime, listener, arrivals);
  }

  get port(): number {
    return portOf(this.#listener);
  }

  get listener(): Listener {
    return this.#listener;
  }

  /** The next connection that somebody else makes. */
  accept(): Promise<Socket> {
    return this.#arrivals.take(() => true);
  }

  async connect(): Promise<Connection> {
    const near = await connectTo(this.#runtime, targetOf(this.#listener));
    if (isFailure(near)) throw new Error(`cannot connect: ${near.text}`);
    return { near, far: await this.#arrivals.take((far) => areEnds(near, far)) };
  }

  /** Resolves when whatever was sent before has been told. */
  async untilTold(): Promise<void> {
    const { near, far } = await this.connect();
    const [asks, answers] = [new Peer(near), new Peer(far)];
    answers.socket.resume();
    asks.say("ping");
    await answers.untilReceived(4);
    for (const { socket } of [asks, answers]) socket.abort();
  }

  close(): Promise<void> {
    return this.#listener.close();
  }
}

/** Accepted sockets, and those who wait for them. */
class Arrivals {
  readonly #sockets: Socket[] = [];
  readonly #waiting: (() => void)[] = [];

  add(socket: Socket): void {
    this.#sockets.push(socket);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async take(isWanted: (socket: Socket) => boolean): Promise<Socket> {
    for (;;) {
      const index = this.#sockets.findIndex(isWanted);
      const [socket] = index < 0 ? [] : this.#sockets.splice(index, 1);
      if (socket !== undefined) return socket;
      await new Promise<void>((wake) => this.#waiting.push(wake));
    }
  }
}

/** Whether these are both ends of one connection; unix sockets do not tell. */
function areEnds(near: Socket, far: Socket): boolean {
  return near.local.family === "unix" || far.remote.family === "unix" || near.local.port === far.remote.port;
}

/** Octets that differ by place, so that a lost or swapped piece shows. */
export function pattern(length: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed;
  for (let i = 0; i < words.length; i++) {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** Whether the chunks together are exactly these octets. */
export function areSame(chunks: readonly Uint8Array[], wanted: Uint8Array): boolean {
  let at = 0;
  for (const chunk of chunks) {
    if (at + chunk.length > wanted.length) return false;
    for (let i = 0; i < chunk.length; i++) if (chunk[i] !== wanted[at + i]) return false;
    at += chunk.length;
  }
  return at === wanted.length;
}
