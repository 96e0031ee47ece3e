/**
 * The sockets that accept, and how one set of them becomes another without a moment at which nobody listens.
 *
 * @module
 */

import type { Listener, Octets, Runtime, Socket, SystemFailure } from "../runtime.ts";
import { describeFailure, isFailure } from "../runtime.ts";
import { type Binding, bindingKey } from "./addresses.ts";
import { StartError } from "./start_error.ts";

/** A socket at work. What it stands for may change while it stays open. */
export interface OpenListener {
  readonly listener: Listener;
  binding: Binding;
}

/** What to do about an address that is in use: insist and fail, or, for `-t`, take it for our own. */
export type Purpose = "serve" | "test";

/** All listeners of a process. */
export class Listeners {
  readonly #runtime: Pick<Runtime, "listen" | "timer">;
  readonly #accept: (binding: Binding, socket: Socket) => void;
  #open = new Map<string, OpenListener>();
  #isClosed = false;

  constructor(runtime: Pick<Runtime, "listen" | "timer">, accept: (binding: Binding, socket: Socket) => void) {
    this.#runtime = runtime;
    this.#accept = accept;
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
    const { listen: { text, ipv6Only, backlog, keepAlive }, address } = binding.endpoint;
    const lines: Octets[] = [];
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (attempt > 0) await new Promise<void>((resolve) => this.#runtime.timer(PAUSE, resolve));
      // It accepts as soon as it is open, which may be before we hear so; then it stands for its first binding.
      let open: OpenListener | undefined = undefined as OpenListener | undefined;
      const listener = await this.#runtime.listen(
        { address, ipv6Only, backlog, keepAlive },
        (socket) => this.#accept(open?.binding ?? binding, socket),
      );
      if (!isFailure(listener)) return open = { listener, binding };
      if (isAddressInUse(listener) && purpose === "test") return undefined;
      lines.push(`bind() to ${text} failed ${describeFailure(listener)}`);
      if (!isAddressInUse(listener)) throw new StartError(lines);
    }
    throw new StartError([...lines, "still could not bind()"]);
  }
}

async function closeAll(open: readonly OpenListener[]): Promise<void> {
  await Promise.all(open.map(({ listener }) => listener.close()));
}

function isAddressInUse(failure: SystemFailure): boolean {
  return failure.number === 98;
}

/** As nginx: five times, half a second apart. */
const ATTEMPTS = 5;
const PAUSE = 500;
