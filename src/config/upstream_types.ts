/**
 * What a configuration says about groups of mail servers.
 *
 * @module
 */

import type { Millis, Octets } from "../runtime.ts";
import type { Template } from "../variables/mod.ts";
import type { Place, Position, Protocol, ResolverConfig } from "./types.ts";

/** One `upstream {}`. */
export interface UpstreamConfig {
  /** Where it opens. */
  readonly position: Position;
  readonly name: Octets;
  /** At least one of them is no backup. */
  readonly servers: readonly UpstreamServerConfig[];
  readonly method: BalancingMethod;
  /** Who is asked for the names of servers that are looked up again; there where one of them is. */
  readonly resolver: ResolverConfig | undefined;
  readonly healthCheck: HealthCheckConfig | undefined;
  readonly healthCheckTimeout: Millis;
}

/** One `server` line of an `upstream {}`. */
export interface UpstreamServerConfig {
  readonly place: Place;
  /** The address as written. */
  readonly text: Octets;
  /** A name stands for all addresses it has. Without a port it is the one of the protocol that is spoken. */
  readonly address:
    | { readonly host: string; readonly port: number | undefined; readonly isName: boolean }
    | { readonly path: Octets };
  /** Whether the name is looked up again and again (`resolve`). */
  readonly isResolved: boolean;
  /** The name of SRV records to look up in place of addresses (`service=`); only where {@linkcode isResolved}. */
  readonly service: Octets | undefined;
  readonly weight: number;
  /** `Infinity` for any number. */
  readonly maxConns: number;
  /** 0: failures do not count. */
  readonly maxFails: number;
  readonly failTimeout: Millis;
  readonly slowStart: Millis;
  readonly isBackup: boolean;
  readonly isDown: boolean;
  readonly isDraining: boolean;
}

/** `health_check`. */
export interface HealthCheckConfig {
  readonly place: Place;
  readonly interval: Millis;
  readonly jitter: Millis;
  readonly fails: number;
  readonly passes: number;
  /** What is checked in place of the servers' own port. */
  readonly port: number | undefined;
  /** In `upstream {}`: what is spoken, where that is not clear. */
  readonly protocol: Protocol | undefined;
  readonly isMandatory: boolean;
  readonly isPersistent: boolean;
}

/** How the server of a session is chosen. */
export type BalancingMethod =
  | { readonly type: "round_robin" }
  | { readonly type: "least_conn" }
  | { readonly type: "random"; readonly isOfTwo: boolean }
  | { readonly type: "hash"; readonly key: Template; readonly isConsistent: boolean };

/** `proxy_next_upstream` and its limits. */
export interface NextUpstreamConfig {
  /** How many servers one login may try. */
  readonly tries: number;
  /** How long after the first attempt another one may begin. */
  readonly timeout: Millis;
}
