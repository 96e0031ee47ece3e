/**
 * Listeners for a runtime whose listeners go deaf when descriptors run out while they accept: whoever waits then, or
 * comes later, is never accepted, and nothing says so. Such a listener is opened anew once there are descriptors again.
 */

import type { Cancel, Listener, ListenOptions, Millis, Runtime, SystemFailure } from "../src/runtime.ts";
import { isFailure } from "../src/runtime.ts";
import { startTimer } from "./_timer.ts";

type Listen = Runtime["listen"];
type Open = (address: ListenOptions["address"]) => Promise<Listener | SystemFailure>;
type Census = Pick<Runtime, "descriptors" | "sockets">;

/** Wraps a `listen` whose listeners may go deaf. */
export function reviveListeners(listen: Listen, census: Census): Listen {
  return async (options, accept) => {
    const watch = new Watch(census);
    const open: Open = (address) =>
      listen({ ...options, address }, (socket) => {
        if (watch.sees()) mortal?.mourn();
        accept(socket);
      });
    const first = await open(options.address);
    const mortal = isFailure(first) ? undefined : new MortalListener(first, open, watch);
    return mortal ?? first;
  };
}

/** Looks whether descriptors run out. */
class Watch {
  readonly #census: Census;
  readonly #limit: number;
  /** How many descriptors are open beside those of sockets. */
  readonly #others: number;

  constructor(census: Census) {
    const { limit, open } = census.descriptors();
    this.#census = census;
    this.#limit = limit;
    this.#others = open - census.sockets();
  }

  get free(): number {
    return this.#limit - this.#census.descriptors().open;
  }

  /** Called at each accept, so it counts descriptors, which takes time, only when they may be few. */
  sees(): boolean {
    return this.#others + this.#census.sockets() + UNKNOWN >= this.#limit && this.free <= FEW;
  }
}

/** A listener that may have died; nobody can tell. */
class MortalListener implements Listener {
  readonly address: Listener["address"];
  readonly #open: Open;
  readonly #watch: Watch;
  #current: Listener;
  #timer: Cancel | undefined;
  #isClosed = false;

  constructor(listener: Listener, open: Open, watch: Watch) {
    this.address = listener.address;
    this.#current = listener;
    this.#open = open;
    this.#watch = watch;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.();
    await this.#current.close();
  }

  /** Waits for descriptors. */
  mourn(): void {
    this.#timer ??= startTimer(PAUSE, () => void this.#revive());
  }

  async #revive(): Promise<void> {
    this.#timer = undefined;
    if (this.#isClosed) return;
    if (this.#watch.free <= 2 * FEW) return this.mourn();
    await this.#current.close();
    const opened = await this.#open(this.address.family === "unix" ? { path: this.address.path } : this.address);
    if (isFailure(opened)) this.mourn();
    else if (this.#isClosed) await opened.close();
    else this.#current = opened;
  }
}

/** So few free descriptors that the next accept may find none. */
const FEW = 4;

/** Descriptors of files, name lookups and the like that come and go. */
const UNKNOWN = 64;

const PAUSE: Millis = 100;
