/** Sessions that may be resumed with servers, for the connections of one TLS client. */

import type { Millis } from "../src/runtime.ts";

/** A session, and until when it may be resumed. */
export interface KeptSession {
  readonly session: Uint8Array;
  readonly until: Millis;
}

/** Keeps the newest session for each server, bounded in number and in time. */
export class SessionStore {
  /** Without a session: none is kept until then. */
  readonly #sessions = new Map<string, Partial<KeptSession> & { readonly until: Millis }>();

  get(server: string, now: Millis): Uint8Array | undefined {
    return this.#current(server, now)?.session;
  }

  put(server: string, kept: KeptSession, now: Millis): void {
    const current = this.#current(server, now);
    if (current === undefined || current.session !== undefined) this.#set(server, kept);
  }

  /** Forgets the session of a server, and keeps none of it until then, or for as long as it was refused before. */
  refuse(server: string, until: Millis): void {
    const found = this.#sessions.get(server);
    const before = found?.session === undefined ? found?.until ?? 0 : 0;
    this.#set(server, { until: Math.max(until, before) });
  }

  #current(server: string, now: Millis) {
    const found = this.#sessions.get(server);
    if (found !== undefined && now < found.until) return found;
    this.#sessions.delete(server);
    return undefined;
  }

  #set(server: string, kept: Partial<KeptSession> & { readonly until: Millis }): void {
    this.#sessions.delete(server);
    this.#sessions.set(server, kept);
    if (this.#sessions.size <= MOST_SERVERS) return;
    const [oldest] = this.#sessions.keys();
    if (oldest !== undefined) this.#sessions.delete(oldest);
  }
}

/** A session is a few kB; who has more mail servers makes new ones. */
const MOST_SERVERS = 1_000;
