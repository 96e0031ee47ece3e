/** Sessions that may be resumed with servers, for the connections of one TLS client. */

import type { Millis } from "../src/runtime.ts";

/** Keeps the newest session for each server, bounded in number and in time. */
export class SessionStore {
  readonly #sessions = new Map<string, { readonly session: Uint8Array; readonly until: Millis }>();

  get(server: string, now: Millis): Uint8Array | undefined {
    const found = this.#sessions.get(server);
    if (found !== undefined && now < found.until) return found.session;
    this.#sessions.delete(server);
    return undefined;
  }

  put(server: string, session: Uint8Array, until: Millis): void {
    this.#sessions.delete(server);
    this.#sessions.set(server, { session, until });
    if (this.#sessions.size <= MOST_SERVERS) return;
    const [oldest] = this.#sessions.keys();
    if (oldest !== undefined) this.#sessions.delete(oldest);
  }

  remove(server: string): void {
    this.#sessions.delete(server);
  }
}

/** A session is a few kB; who has more mail servers makes new ones. */
const MOST_SERVERS = 1_000;
