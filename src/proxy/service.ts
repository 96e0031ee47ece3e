/**
 * What a driver works with: what the connections to one server block share, and what each of them brings.
 *
 * @module
 */

import type { Authenticator } from "../auth/mod.ts";
import { formatHost } from "../config/ip.ts";
import type { Protocol } from "../config/types.ts";
import type { NextUpstreamConfig } from "../config/upstream_types.ts";
import type { AccessLog } from "../log/access_log.ts";
import type { ErrorLog } from "../log/error_log.ts";
import type { Cancel, ConnectTarget, Millis, Octets, Runtime, Socket, SocketAddress, TlsContext } from "../runtime.ts";
import type { Connection, Session } from "../session/mod.ts";
import type { ChooseService } from "./choice.ts";
import type { UpstreamTls as TlsMode } from "../session/by_tls.ts";
import type { SessionFacts } from "./facts.ts";
import type { Limits } from "./limits.ts";
import type { SessionRecord } from "./record.ts";
import type { HeaderFacts } from "./upstream_header.ts";
import type { UserNames } from "./user_names.ts";
import type { Facts } from "../variables/mod.ts";

/** Why sessions are ended by us: the process ends at once, or `worker_shutdown_timeout` is over. */
export type StopReason = "fast" | "timeout";

/** What all connections to one server block share. */
export interface Service {
  readonly runtime: Runtime;
  /** The runtime's, or one that looks names up by the `resolver` of the configuration. */
  readonly connect: Runtime["connect"];
  readonly protocol: Protocol;
  /** What the server block calls itself. */
  readonly serverName: Octets;
  /** How long a PROXY header may take. */
  readonly timeout: Millis;
  /** How long a logged-in session may be silent: `proxy_timeout`. */
  readonly proxyTimeout: Millis;
  /** How long a server may be silent when there is another one; `undefined` where the session looks after that. */
  readonly patience: Millis | undefined;
  /** How far a login goes on when servers fail. */
  readonly nextUpstream: NextUpstreamConfig;
  readonly log: ErrorLog;
  /** `undefined` where there is none. */
  readonly accessLog: AccessLog | undefined;
  readonly authenticator: Authenticator;
  /** What users are called. */
  readonly userNames: UserNames;
  createSession(connection: Connection): Session;
  /** The PROXY header that an upstream is sent first, if it is to be sent one. */
  proxyHeader(facts: HeaderFacts): Uint8Array | undefined;
  /** Whether what a PROXY header says is believed when it comes from there. */
  isTrusted(sender: SocketAddress): boolean;
  /** Whether a client from there is turned away, and what becomes of its wrong passwords. */
  judge(client: SocketAddress): Pick<Connection, "isForbidden" | "failures">;
  /** How many connections may have something in common. */
  readonly limits: Limits;
  /** Finds the client's name; `done` hears it, or what stands for none. */
  resolveClient(
    client: SocketAddress,
    note: (text: Octets, action: string) => void,
    done: (host: Octets) => void,
  ): Cancel;
  /** How TLS is spoken with clients; `undefined` where it is not. */
  readonly tls: TlsContext | undefined;
  /** How TLS is spoken with upstreams, and whether from their first octet. */
  readonly upstreamTls: UpstreamTls | undefined;
  /** The same where a login's verdict has it otherwise. */
  upstreamTlsAs(mode: TlsMode): UpstreamTls | undefined;
  /** Whether the socket that was just accepted may stay; it has told the log when not. */
  hasRoom(): boolean;
}

/** TLS with upstreams: by which context, and whether from the first octet. */
export interface UpstreamTls {
  readonly isImplicit: boolean;
  /** For a server, and for a client of which this is known; a health check has none. */
  contextFor(target: ConnectTarget, facts?: Facts): TlsContext;
}

/** What one connection is told when it is accepted. */
export interface Arrival {
  readonly socket: Socket;
  readonly connection: Connection;
  /** What the client sent behind its PROXY header. */
  readonly held: Uint8Array;
  /** Which server block a client is for that begins TLS. */
  readonly choose: ChooseService;
  /** What a server block that TLS brings the client to has against it, by its own rules and limits. */
  readonly judgedBy: (service: Service) => Pick<Connection, "isForbidden" | "failures" | "limit">;
  /** The number behind `*` in the log. */
  readonly number: number;
  /** What is known of the connection; the driver adds to it. */
  readonly facts: SessionFacts;
  /** The listen address as configured. */
  readonly server: Octets;
  /** Called once, when nothing is left of the connection. */
  readonly ended: (record: SessionRecord) => void;
}

/** The address as the log shows it: `unix:` for a unix socket, which has no address to show. */
export function describeAddress(address: SocketAddress, withPort: boolean): Octets {
  if (address.family === "unix") return "unix:";
  return withPort ? formatHost(address.host, address.port) : address.host;
}
