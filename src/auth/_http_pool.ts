/**
 * Connections to one `auth_http` server that wait for their next request.
 *
 * @module
 */

import type { Cancel, Millis, Runtime } from "../runtime.ts";
import type { Berth, Connection } from "./_http_connection.ts";

/** How many connections rest at most, per server and worker. */
export const MAX_IDLE = 16;

/**
 * How long a connection rests. Under load it is used again within milliseconds; without it a new connect does no harm,
 * whereas a server that serves one connection at a time, as small scripts do, is held up for so long.
 */
export const IDLE_TIMEOUT: Millis = 1000;

/**
 * How long a connection stays untouched at least: a few turns of the event loop. What a server sends beyond its answer
 * comes close behind it, and must not pass for the answer to the next request.
 */
export const SETTLE_TIME: Millis = 0.25;

/** An answer that took longer may have waited for another connection's end, see {@linkcode Pool.took}. */
export const PATIENCE: Millis = 500;

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
   * Told how long an answer took. Where one connection that is kept may hold up all others, answers are slow: such a
   * server gets a connection for each request, as nginx does it.
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
