import type { Protocol } from "../config/types.ts";
import type { Millis, Octets, RelayEnd, SocketAddress } from "../runtime.ts";
import type { CloseReason } from "../session/mod.ts";

/** What is known of a client's connection when it is over: what an access log line is made of. */
export interface SessionRecord {
  /** The number that stands behind `*` in the error log. */
  readonly connection: number;
  readonly protocol: Protocol;
  readonly client: SocketAddress;
  /** The listen address as configured. */
  readonly server: Octets;
  readonly login: Octets | undefined;
  /** The upstream as the log shows it, once one was chosen. */
  readonly upstream: Octets | undefined;
  /** Whether the login went through and bytes were relayed. */
  readonly loggedIn: boolean;
  readonly result: CloseReason | RelayEnd | "internalError";
  /** Octets relayed to each side after the login. */
  readonly bytesToClient: number;
  readonly bytesToUpstream: number;
  /** When it was accepted: wall clock, milliseconds since 1970. */
  readonly started: Millis;
  readonly duration: Millis;
}
