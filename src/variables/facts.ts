/**
 * What variables are made of.
 *
 * @module
 */

import type { Protocol } from "../config/types.ts";
import type { Millis, Octets, Process, RelayEnd, Runtime, SocketAddress, TlsFacts } from "../runtime.ts";
import type { CloseReason, ProxiedAddresses, Side } from "../session/mod.ts";

/** What is known of a client's connection at the moment it is asked: more with every step, and all of it at the end. */
export interface Facts {
  readonly host: Host;
  /** The number behind `*` in the error log. */
  readonly connection: number;
  readonly protocol: Protocol;
  /** Where the client really comes from, as far as a trusted PROXY header tells. */
  readonly client: SocketAddress;
  /** The other end of the socket: the client, or the proxy that it came through. */
  readonly peer: SocketAddress;
  /** Our end of the socket. */
  readonly server: SocketAddress;
  /** The listen address as configured. */
  readonly listen: Octets;
  /** What the server block calls itself. */
  readonly serverName: Octets;
  /** What a PROXY header said, trusted or not. */
  readonly proxied: ProxiedAddresses | undefined;
  /** `undefined` as long as the client speaks in clear. */
  readonly tls: TlsFacts | undefined;
  /** Whether the client began in clear and then asked for TLS. */
  readonly usesStartTls: boolean;
  /** Who the client last said it is. */
  readonly claim: ClaimFacts | undefined;
  /** How often the client has tried to log in. */
  readonly attempts: number;
  /** The upstreams that were tried, in order: the last is the one in use. */
  readonly upstreams: readonly UpstreamFacts[];
  /** How far the connection has come. */
  readonly phase: SessionPhase;
  /** What has just happened that is worth a line in a log. */
  readonly event: SessionEvent | undefined;
  /** How it ended, or how the login failed that is just being logged; `undefined` while neither is so. */
  readonly result: SessionResult | undefined;
  /** What `limit_conn` said of it last; `undefined` where it was asked nothing. */
  readonly limit: LimitStatus | undefined;
  /** Which side's connection broke after the login, if one did. */
  readonly brokenSide: Side | undefined;
  /** When the connection was accepted, on the wall clock. */
  readonly accepted: Millis;
  /** How long it has lasted, or did last. */
  readonly duration: Millis;
  /** How long TLS handshakes with the client took in all; `undefined` when there was none. */
  readonly handshakeTime: Millis | undefined;
  /** How long the last login waited for its verdict; `undefined` before one was asked for. */
  readonly authTime: Millis | undefined;
  /** Octets sent to the client and received from it, inside of TLS, the login included. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** In nginx's words. */
export type LimitStatus = "PASSED" | "REJECTED" | "REJECTED_DRY_RUN";

/** The process and its clocks. */
export type Host = Pick<Runtime, "date" | "utcOffset"> & { readonly process: Pick<Process, "pid" | "hostname"> };

/** Who a client says it is. None of it is a secret. */
export interface ClaimFacts {
  /** How it proves that: `plain`, `cram-md5` and so on, `none` for mail without a login. */
  readonly method: Octets;
  readonly login: Octets;
  /** What the client said for the login, where that has become another one. */
  readonly said?: Octets;
  /** The client's verified name, or what stands for it; SMTP alone has one. */
  readonly clientHost: Octets | undefined;
  /** What an SMTP client without a login said: its EHLO name, its whole MAIL and RCPT lines. */
  readonly envelope: { readonly helo: Octets; readonly from: Octets; readonly to: Octets } | undefined;
}

/** One upstream that was tried. */
export interface UpstreamFacts {
  /** The address as the log shows it. */
  readonly text: Octets;
  /** How long it took to connect, TLS from the first octet included; `undefined` while that has not been done. */
  readonly connectTime: Millis | undefined;
  /** How long the login took from there; `undefined` while that has not been done. */
  readonly loginTime: Millis | undefined;
  /** How long the connection lasted, the time to make it included; up to now while it does. */
  readonly sessionTime: Millis;
  /** Octets sent to it and received from it, inside of TLS. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** The steps of a connection, in their order. */
export type SessionPhase =
  | "accepted"
  | "proxy_protocol"
  | "handshake"
  | "login"
  | "auth"
  | "connect"
  | "upstream"
  | "relay";

/** What is logged: a refused login at once, and a connection when it is over. */
export type SessionEvent = "login_failed" | "end";

/** How a connection ended: why its session was closed, or which side ended it after the login. */
export type SessionResult =
  | CloseReason
  | RelayEnd
  | "internalError"
  | "badProxyHeader";
