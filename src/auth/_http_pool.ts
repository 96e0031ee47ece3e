/**
 * Connections to one `auth_http` server that wait for their next request.
 *
 * @module
 */

import type { Cancel, Millis, Runtime } from "../runtime.ts";
import type { Berth, Connection } from "./_http_connection.ts";

/** How many connections rest at most, per server and worker. */
export const MAX_IDLE = 32;

/**
 * How long a connection rests: less than the 5 s after which Apache and Node close theirs, so that we seldom meet a
 * server's close in flight. Under load a connection rests for milliseconds, without it one more connect does no harm.
 */
export const IDLE_TIMEOUT: Millis = 4000;

/**
 * How long a connection stays untouched at least. What a server sends beyond its answer arrives at once; a connection
 * that has been quiet for a moment has nothing more to say that could pass for the answer to the next request.
 */
export const SETTLE_TIME: Millis = 1;

/** An answer that took longer may have waited for another connection's end, see {@linkcode Pool.took}. */
export const PATIENCE: Millis = 1000;

/** How long no connection is kept then. */
export const RESPITE: Millis = 600_000;

/** The idle connections, the one that rested longest first. */
export class Pool implements Berth {
  readonly #runtime: Pick<Runtime, "now" | "timer">;
  readonly #idle: Connection[] = [];
  #isClosed = false;
  #respiteEnd: Millis = -Infinity;
  #sweeper: Cancel | undefined;

  constructor(runtime: Pick<Runtime, "now" | "timer">) {
    this.#runtime = runtime;
  }

  /** A connection that may serve now, if there is one. */
  take(): Connection | undefined {
    const oldest = this.#idle[0];
    if (oldest === undefined || this.#runtime.now() - oldest.parkedAt < SETTLE_TIME) return undefined;
    return this.#idle.shift();
  }

  park(connection: Connection): void {
    const now = this.#runtime.now();
    if (this.#isClosed || this.#idle.length >= MAX_IDLE || now < this.#respiteEnd) return connection.close();
    connection.parkedAt = now;
    this.#idle.push(connection);
    this.#sweeper ??= this.#runtime.timer(IDLE_TIMEOUT, () => this.#sweep());
  }

  forget(connection: Connection): void {
    const index = this.#idle.indexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  /**
   * Told how long an answer took. A server may serve one connection at a time, as small scripts do: then a connection
   * that we keep holds up all others. Where answers are slow it gets a connection for each request, as nginx does it.
   */
  took(duration: Millis): void {
    if (duration <= PATIENCE) return;
    this.#respiteEnd = this.#runtime.now() + RESPITE;
    this.#closeIdle();
  }

  /** Closes what rests now, and what would rest later. */
  close(): void {
    this.#isClosed = true;
    this.#closeIdle();
  }

  #closeIdle(): void {
    this.#sweeper?.();
    this.#sweeper = undefined;
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  #sweep(): void {
    const now = this.#runtime.now();
    this.#sweeper = undefined;
    let oldest = this.#idle[0];
    while (oldest !== undefined && now - oldest.parkedAt >= IDLE_TIMEOUT) {
      this.#idle.shift();
      oldest.close();
      oldest = this.#idle[0];
    }
    if (oldest === undefined) return;
    this.#sweeper = this.#runtime.timer(oldest.parkedAt + IDLE_TIMEOUT - now, () => this.#sweep());
  }
}
