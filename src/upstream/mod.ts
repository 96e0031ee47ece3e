/**
 * Where sessions go: one mail server, or a group of them that share the load and stand in for each other. A source of
 * verdicts names a route; the proxy asks it for one server after another until one of them lets the client in.
 *
 * @module
 */

import type { ConnectTarget, Octets } from "../runtime.ts";

export { Routes } from "./routes.ts";
export { SingleRoute } from "./single.ts";

/** The way to a mail server, made for one login. */
export interface Route {
  /** Begins the way. Each login begins anew, and none looks at what another was given. */
  select(): Selection;
}

/** One login's way through the servers of a group. */
export interface Selection {
  /**
   * The server to try now, or `undefined` when there is none left, or none that may be tried any more. The attempt
   * before must have had its outcome.
   */
  next(): Attempt | undefined;
}

/** One mail server. */
export interface Peer {
  readonly target: ConnectTarget;
  /** The server as the log shows it: address and port as the configuration or the auth server wrote them. */
  readonly text: Octets;
}

/** One login at one server, from the connect to the end of the session. */
export interface Attempt {
  readonly peer: Peer;
  /** Tells how the login ended: once, before {@linkcode released}. A session that spoke its login to the end always does. */
  ended(outcome: Outcome): void;
  /** Nothing is left of the connection: it counts no more for `max_conns` and `least_conn`. Called once. */
  released(): void;
}

/**
 * How a login at a server ended. Only `failed` speaks against the server:
 * - `loggedIn`: the client is in;
 * - `refused`: the server did its work and said no;
 * - `unreachable`: no connection, or no TLS with it;
 * - `failed`: it was there and did not do its work: no greeting in time, a temporary refusal, words that make no sense;
 * - `abandoned`: the client left, or we stop.
 */
export type Outcome = "loggedIn" | "refused" | "unreachable" | "failed" | "abandoned";
