/**
 * Listeners for a runtime whose listeners go deaf when an accept finds no descriptor: who waits then, or comes later, is
 * never accepted, and nothing says so. They are told to listen once more, again and again, which does nothing to one that
 * hears, and who waits is served once there are descriptors again. A unix socket cannot be told so, and is opened anew.
 */

import type { Server } from "node:net";
import type { Cancel, Listener, Millis, Runtime, SystemFailure } from "../src/runtime.ts";
import { isFailure } from "../src/runtime.ts";
import { setTimer } from "./_timer.ts";

type Listen = Runtime["listen"];

/** Keeps a server of TCP awake as long as it listens, but for the time that nobody can be accepted. */
export function keepAwake(server: Server, onShortage: Runtime["onShortage"]): void {
  let isShort = false;
  const cancel = onShortage((failure) => isShort = failure !== undefined);
  const wait = () =>
    setTimer(PERIOD, () => {
      if (!server.listening) return cancel();
      // The backlog stays what it is.
      if (!isShort) handleOf(server).listen(BACKLOG);
      wait();
    });
  wait();
}

interface Acceptor {
  listen(backlog: number): number;
}

/** Where `node:net` keeps what it listens with. */
function handleOf(server: Server): Acceptor {
  return (server as unknown as { readonly _handle: Acceptor })._handle;
}

/** As nginx, which waits half a second before it accepts again. */
const PERIOD: Millis = 500;
const BACKLOG = 511;

/** Wraps a `listen` whose unix sockets may go deaf. */
export function reopenUnixSockets(listen: Listen, { onShortage }: Pick<Runtime, "onShortage">): Listen {
  return async (options, accept) => {
    const first = await listen(options, accept);
    if (isFailure(first) || first.address.family !== "unix" || options.descriptor !== undefined) return first;
    return new Sleeper(first, () => listen(options, accept), onShortage);
  };
}

/** A listener that may have gone deaf; nobody can tell. */
class Sleeper implements Listener {
  readonly address: Listener["address"];
  readonly #open: () => Promise<Listener | SystemFailure>;
  readonly #cancel: Cancel;
  #current: Listener;
  #isReopening = false;
  #isClosed = false;

  constructor(listener: Listener, open: () => Promise<Listener | SystemFailure>, onShortage: Runtime["onShortage"]) {
    this.address = listener.address;
    this.#current = listener;
    this.#open = open;
    this.#cancel = onShortage((failure) => {
      if (failure === undefined) void this.#reopen();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel();
    await this.#current.close();
  }

  async #reopen(): Promise<void> {
    if (this.#isReopening) return;
    this.#isReopening = true;
    await this.#current.close();
    await this.#openAgain();
  }

  /** Until it succeeds: those who waited may have taken the descriptors that there were. */
  async #openAgain(): Promise<void> {
    if (this.#isClosed) return;
    const opened = await this.#open();
    if (isFailure(opened)) return void setTimer(PERIOD, () => void this.#openAgain());
    this.#isReopening = false;
    if (this.#isClosed) await opened.close();
    else this.#current = opened;
  }
}
