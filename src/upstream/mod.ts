/**
 * Where sessions go: one mail server, or a group of them that share the load and stand in for each other. A source of
 * verdicts names a route; the proxy asks it for one server after another until one of them lets the client in.
 *
 * @module
 */

import type { ConnectTarget, Octets } from "../runtime.ts";
import type { Facts } from "../variables/mod.ts";

export { Group } from "./group.ts";
export type { GroupOptions, ServerSpec } from "./group.ts";
export type { Balancing } from "./balancer.ts";
export type { Standing, Tally } from "./standing.ts";
export { Routes } from "./routes.ts";
export { SingleRoute } from "./single.ts";

/** The way to a mail server, made for one login. */
export interface Route {
  /** Begins the way of a login whose connection has these facts. None looks at what another was given. */
  select(facts: Facts): Selection;
}

/** One login's way through the servers of a group. */
export interface Selection {
  /** What the log calls the way as long as there is no server: the group. */
  readonly name: Octets;
  /**
   * The server to try now, or `undefined` when there is none left, or none that may be tried any more. The attempt
   * before must have had its outcome.
   */
  next(): Attempt | undefined;
  /** Whether there is another server to try that nothing speaks against. */
  hasOther(): boolean;
}

/** One mail server. */
export interface Peer {
  readonly target: ConnectTarget;
  /** The server as the log shows it: address and port as the configuration or the auth server wrote them. */
  readonly text: Octets;
  /** The name that it was looked up by: its certificate is for that; `undefined` for the host of the target. */
  readonly lookedUp?: string | undefined;
}

/** One login at one server, from the connect to the end of the session. */
export interface Attempt {
  readonly peer: Peer;
  /**
   * Tells how the login ended, and for one that speaks against the server what the log said of it: once, before
   * {@linkcode released}. A session that spoke its login to the end always does.
   */
  ended(outcome: Outcome, reason?: Octets): void;
  /** Nothing is left of the connection: it counts no more for `max_conns` and `least_conn`. Called once. */
  released(): void;
}

/**
 * How a login at a server ended. Two of these speak against the server:
 * - `loggedIn`: the client is in;
 * - `refused`: the server did its work and said no;
 * - `unreachable`: no connection, no TLS, no greeting: whoever the client is, it has no part in that;
 * - `failed`: it knew something of the client and did not do its work: a temporary refusal, words that make no sense,
 *   silence. That may be for this client alone;
 * - `abandoned`: the client left, or we stop, or could not even try.
 */
export type Outcome = "loggedIn" | "refused" | "unreachable" | "failed" | "abandoned";
