/**
 * The sockets that accept, and how one set of them becomes another without a moment at which nobody listens.
 *
 * @module
 */

import { inPlace } from "../config/error.ts";
import type { ListenConfig } from "../config/types.ts";
import type { Listener, Millis, Octets, Runtime, Socket, SystemFailure } from "../runtime.ts";
import { describeFailure, isFailure } from "../runtime.ts";
import { type Binding, bindingKey } from "./addresses.ts";
import type { Inherited } from "./inherited.ts";
import { StartError } from "./start_error.ts";

/** A socket at work. What it stands for may change while it stays open. */
export interface OpenListener {
  readonly listener: Listener;
  binding: Binding;
}

/** What to do about an address that is in use: insist and fail, or, for `-t`, take it for our own. */
export type Purpose = "serve" | "test";

/** What {@linkcode Listeners} work with. */
export interface ListenersOptions {
  readonly runtime: Pick<Runtime, "listen" | "timer">;
  /** How often to try an address that is in use. */
  readonly attempts: number;
  /** The sockets that are there already. Each is listened on once; whoever closes its listener closes it. */
  readonly inherited: Inherited | undefined;
  readonly accept: (binding: Binding, socket: Socket) => void;
}

/** All listeners of a process. */
export class Listeners {
  readonly #options: ListenersOptions;
  /** The sockets that are there already, as long as nobody has listened on them. */
  readonly #inherited: Map<string, number>;
  #open = new Map<string, OpenListener>();
  #isClosed = false;

  constructor(options: ListenersOptions) {
    this.#options = options;
    this.#inherited = new Map(options.inherited);
  }

  get count(): number {
    return this.#open.size;
  }

  get all(): readonly OpenListener[] {
    return [...this.#open.values()];
  }

  /**
   * Makes `bindings` the ones that are listened on: what is open already stays open, what is missing is opened, and
   * only then what is left over is closed. Throws {@linkcode StartError} with everything as it was before.
   */
  async replace(bindings: readonly Binding[], purpose: Purpose): Promise<void> {
    const before = this.#open;
    const after = new Map<string, OpenListener>();
    const opened: OpenListener[] = [];
    try {
      for (const binding of bindings) {
        const key = bindingKey(binding);
        const open = before.get(key) ?? await this.#listen(binding, purpose);
        if (open === undefined) continue;
        if (!before.has(key)) opened.push(open);
        // A stop does not wait for us.
        if (this.#isClosed) throw new StartError(["the process is stopping"]);
        after.set(key, open);
      }
    } catch (error) {
      await closeAll(opened);
      throw error;
    }
    for (const binding of bindings) {
      const open = after.get(bindingKey(binding));
      if (open !== undefined) open.binding = binding;
    }
    this.#open = after;
    await closeAll([...before].filter(([key]) => !after.has(key)).map(([, open]) => open));
  }

  /** Closes all of them, for good. Resolves when their addresses are free again. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const open = this.all;
    this.#open = new Map();
    await closeAll(open);
  }

  async #listen(binding: Binding, purpose: Purpose): Promise<OpenListener | undefined> {
    const { listen, address } = binding.endpoint;
    const { text, ipv6Only, backlog, keepAlive, ssl: isSecure } = listen;
    const { runtime, attempts, accept } = this.#options;
    const lines: Octets[] = [];
    let hint: Octets = "";
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (attempt > 0) await new Promise<void>((resolve) => runtime.timer(BIND_PAUSE, resolve));
      const descriptor = this.#take(bindingKey(binding));
      // It accepts as soon as it is open, which may be before we hear so; then it stands for its first binding.
      let open: OpenListener | undefined = undefined as OpenListener | undefined;
      const listener = await runtime.listen(
        { address, descriptor, ipv6Only, backlog, keepAlive, isSecure },
        (socket) => accept(open?.binding ?? binding, socket),
      );
      if (!isFailure(listener)) return open = { listener, binding };
      if (isAddressInUse(listener) && purpose === "test") return undefined;
      lines.push(`bind() to ${text} failed ${describeFailure(listener)}`);
      hint = hintAt(listen, listener);
      if (!isAddressInUse(listener)) throw new StartError(lines, hint);
    }
    throw new StartError(attempts === 1 ? lines : [...lines, "still could not bind()"], hint);
  }

  /** A descriptor is given once: it is closed with its listener, and its number is a client's then. */
  #take(key: string): number | undefined {
    const descriptor = this.#inherited.get(key);
    this.#inherited.delete(key);
    return descriptor;
  }
}

async function closeAll(open: readonly OpenListener[]): Promise<void> {
  await Promise.all(open.map(({ listener }) => listener.close()));
}

/** nginx's words name an address, which may stand in any of many files. */
function hintAt({ position, address }: ListenConfig, { number }: SystemFailure): Octets {
  const reason = "path" in address ? undefined : REASONS.get(number);
  return `the "listen" directive stands${inPlace(position)}${reason === undefined ? "" : `: ${reason}`}`;
}

/** By the numbers of EACCES, EADDRINUSE and EADDRNOTAVAIL. */
const REASONS: ReadonlyMap<number, Octets> = new Map([
  [13, "whoever starts the program may not open so low a port"],
  [98, 'another program has the address, "ss -ltnp" names it'],
  [99, "this machine has no such address"],
]);

function isAddressInUse(failure: SystemFailure): boolean {
  return failure.number === 98;
}

/**
 * Finds out whether all of `bindings` can be listened on, which is told here in nginx's words, and leaves none of them
 * open. Throws {@linkcode StartError}.
 */
export async function probe(bindings: readonly Binding[], runtime: Pick<Runtime, "listen" | "timer">): Promise<void> {
  const accept = (_: Binding, socket: Socket) => socket.abort();
  const listeners = new Listeners({ runtime, attempts: BIND_ATTEMPTS, inherited: undefined, accept });
  await listeners.replace(bindings, "serve");
  await listeners.close();
}

/** As nginx: five times, half a second apart. */
export const BIND_ATTEMPTS = 5;
const BIND_PAUSE: Millis = 500;
