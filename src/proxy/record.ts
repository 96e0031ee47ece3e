import type { Protocol } from "../config/types.ts";
import type { Millis, Octets, RelayResult, SocketAddress } from "../runtime.ts";
import type { SessionResult } from "../variables/mod.ts";
import type { SessionFacts } from "./facts.ts";

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
  readonly result: SessionResult;
  /** Octets relayed to each side after the login. */
  readonly bytesToClient: number;
  readonly bytesToUpstream: number;
  /** When it was accepted: wall clock, milliseconds since 1970. */
  readonly started: Millis;
  readonly duration: Millis;
}

/** The record of a connection that is over. `login` is who it was for, `relayed` what came of its relay. */
export function recordOf(
  facts: SessionFacts,
  result: SessionResult,
  { login, relayed }: { readonly login?: Octets | undefined; readonly relayed?: RelayResult | undefined } = {},
): SessionRecord {
  return {
    connection: facts.connection,
    protocol: facts.protocol,
    client: facts.client,
    server: facts.listen,
    login,
    upstream: facts.upstreams.at(-1)?.text,
    loggedIn: relayed !== undefined,
    result,
    bytesToClient: relayed?.bytesToClient ?? 0,
    bytesToUpstream: relayed?.bytesToUpstream ?? 0,
    started: facts.accepted,
    duration: facts.duration,
  };
}
