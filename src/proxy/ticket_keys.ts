/**
 * The keys of session tickets, where the configuration names none. Whoever has a key can read what was said in every
 * session of TLS 1.2 that was resumed with it, so keys do not live long.
 *
 * @module
 */

import type { Millis, Runtime } from "../runtime.ts";

type KeyRuntime = Pick<Runtime, "random" | "now">;

/** The keys of one process, in turn: tickets of the key before are taken for as long as a key is in use. */
export class TicketKeyRing {
  readonly #runtime: KeyRuntime;
  /** Whether others have the keys too, and say when it is time for another one. */
  readonly #isShared: boolean;
  #keys: readonly Uint8Array[];
  #since: Millis;

  /** Without a `key` to share, the ring makes its own, and another each {@linkcode TICKET_KEY_LIFE}. */
  constructor(runtime: KeyRuntime, key?: Uint8Array) {
    this.#runtime = runtime;
    this.#isShared = key !== undefined;
    this.#keys = [key ?? createTicketKey(runtime)];
    this.#since = runtime.now();
  }

  /** See `TicketKeys`. */
  readonly keys = (): readonly Uint8Array[] => {
    const now = this.#runtime.now();
    const lives = this.#isShared ? 0 : Math.floor((now - this.#since) / TICKET_KEY_LIFE);
    for (let i = 0; i < Math.min(lives, 2); i++) this.rotate(createTicketKey(this.#runtime));
    return this.#keys;
  };

  /** Makes tickets with another key from now on. */
  rotate(key: Uint8Array): void {
    this.#keys = [key, ...this.#keys.slice(0, 1)];
    this.#since = this.#runtime.now();
  }
}

/** A key for {@linkcode TicketKeyRing}, as nginx's key file has it. */
export function createTicketKey(runtime: Pick<Runtime, "random">): Uint8Array {
  return runtime.random(new Uint8Array(48));
}

/** How long tickets are made with one key: 12 hours. */
export const TICKET_KEY_LIFE: Millis = 43_200_000;
