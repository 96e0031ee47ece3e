/**
 * The contract of all protocols. A session is one whole conversation: the client's login and the login to the
 * upstream. It is told what happened and answers with what to do; it sees no socket, no clock and no promise.
 *
 * @module
 */

import type { Credentials, Verdict } from "../auth/mod.ts";
import type { Millis, Octets, RelayWatch, SocketAddress, TlsFacts } from "../runtime.ts";
import type { Route } from "../upstream/mod.ts";
import type { Facts } from "../variables/mod.ts";
import type { UpstreamTls } from "./by_tls.ts";

export type { Millis, Octets };
import type { Secret } from "./secret.ts";
export { Secret } from "./secret.ts";

/** The two peers of a session. */
export type Side = "client" | "upstream";

/** Why a session ended before it was spliced, for counters and the log. */
export type CloseReason =
  | "quit"
  | "clientGone"
  | "timeout"
  | "tooManyErrors"
  | "tooLongCommand"
  | "protocolError"
  | "forbidden"
  | "limited"
  | "handshakeFailed"
  | "certificateRefused"
  | "refused"
  | "authUnavailable"
  | "upstreamUnavailable"
  | "upstreamRefused"
  | "noRoom"
  | "shutdown";

/** What happened outside. Only the driver makes these. */
export type Input =
  | { readonly type: "opened" }
  | { readonly type: "bytes"; readonly side: Side; readonly bytes: Uint8Array }
  | { readonly type: "ended"; readonly side: Side }
  /** TLS has begun with that side. Only then is it known who the peer is. */
  | { readonly type: "secured"; readonly side: Side; readonly facts: TlsFacts }
  /** The handshake failed; that side's connection is gone. `text` is the TLS library's. */
  | { readonly type: "notSecured"; readonly side: Side; readonly text: Octets }
  /** The client's name, or what stands for it when it has none that can be trusted. */
  | { readonly type: "resolved"; readonly host: Octets }
  | { readonly type: "verdict"; readonly verdict: Verdict }
  | { readonly type: "connected" }
  /** The upstream cannot be reached, or its connection broke; the log knows why. `isOurs` is for what we were short of. */
  | { readonly type: "connectFailed"; readonly isOurs?: boolean }
  /** There is no other upstream to go on with. */
  | { readonly type: "noUpstream" }
  | { readonly type: "timedOut" }
  | { readonly type: "shutdown" };

/** How important what a session notes may be. */
export type NoteLevel = "info" | "notice" | "warn" | "error";

/** What the session asks for. The driver carries these out in order. */
export type Effect =
  | { readonly type: "write"; readonly side: Side; readonly bytes: Uint8Array }
  /** `action` is what the session was at when it said so; it may have gone on since. */
  | {
    readonly type: "log";
    readonly level: NoteLevel;
    readonly text: Octets;
    readonly action: string;
    /** What the line tells: a wrong login, which the access log is to have too, or one that was refused for another reason. */
    readonly event?: "loginFailed" | "loginRefused";
  }
  /** TLS is to begin with that side. What it sent in clear and nobody has read is thrown away. */
  | { readonly type: "secure"; readonly side: Side }
  | { readonly type: "resolve" }
  | { readonly type: "authenticate"; readonly credentials: Credentials }
  /** Go to the first upstream of the route. `tls` is how TLS is spoken there; `undefined` for as it is configured. */
  | { readonly type: "connect"; readonly route: Route; readonly tls?: UpstreamTls | undefined }
  /** The upstream is done with: it said no to this client, or has failed when there was no going to another one. */
  | { readonly type: "leaveUpstream"; readonly hasFailed: boolean }
  /** Who the client is has become clear only now, from an exchange between it and the upstream. */
  | { readonly type: "identified"; readonly login: Octets; readonly attempt: number }
  /** Whom a login waits for from now on that goes to and fro between the client and the upstream. */
  | { readonly type: "turn"; readonly side: Side }
  /** This upstream has failed, and the client saw nothing of it: go to the next one, if there is one. */
  | { readonly type: "nextUpstream" }
  | Splice
  | { readonly type: "close"; readonly reason: CloseReason };

/** The login is done: from now on bytes are only moved. What was read already goes first. */
export interface Splice {
  readonly type: "splice";
  readonly toClient: Uint8Array;
  readonly toUpstream: Uint8Array;
  /** The client said its last word already; the upstream is to hear it once `toUpstream` is out. */
  readonly clientEnded: boolean;
  /** What a client hears that is cut off because we stop. */
  readonly farewell: Octets;
  /** Knows where that may be said. */
  readonly watch: RelayWatch | undefined;
}

/** What is known of a connection when its session begins. */
export interface Connection {
  /** Where the client really comes from, as far as a trusted PROXY header tells. */
  readonly client: SocketAddress;
  readonly server: SocketAddress;
  /** The addresses of the PROXY header, trusted or not. */
  readonly proxied: ProxiedAddresses | undefined;
  /** Whether `deny` has this client turned away. */
  readonly isForbidden: boolean;
  /** Whether there are too many connections like this one. */
  readonly limit?: ConnectionLimit | undefined;
  /** What becomes of wrong passwords that an upstream refuses; `undefined` where nothing does. */
  readonly failures?: FailureWatch | undefined;
  /** `undefined` for a client that began in clear. */
  readonly tls: TlsFacts | undefined;
  /**
   * How far the client had come in clear at another server block, when TLS has brought it here. The session's first
   * input is then `secured`, and nobody is greeted.
   */
  readonly before?: Progress | undefined;
  /** All that is known of the connection, for whoever the session asks. It goes on growing. */
  readonly facts: Facts;
}

/** What of a session goes on in another one: what was counted, and what the client was shown that it may answer to. */
export interface Progress {
  readonly errors: number;
  readonly commands: number;
  readonly attempts: number;
  readonly deadline: Millis | undefined;
  /** The salt, if the client may have seen it. */
  readonly salt: Octets | undefined;
  /** The client's name, if it was looked up. */
  readonly clientHost: Octets | undefined;
}

/** Counts the wrong passwords of one client. */
export interface FailureWatch {
  /** One more; gives how long its answer has to wait, and what the log is to hear of that. */
  failed(login: Octets, secret: Secret): { readonly delay: Millis; readonly text: Octets };
  /** The client is in. */
  succeeded(): void;
}

/** Counts the connections that have something in common (`limit_conn`). */
export interface ConnectionLimit {
  /** The client is one too many already. */
  readonly onArrival: LimitRefusal | undefined;
  /** The login was right: counts the client, unless it is one too many. */
  loggedIn(): LimitRefusal | undefined;
  /** The login is wrong: where it was counted, for an answer that was kept, it is not any more. */
  refused(): void;
}

/** What the log is to hear of a connection that is one too many. */
export interface LimitRefusal {
  readonly level: NoteLevel;
  readonly text: Octets;
  /** Whether that is all that happens. */
  readonly isDryRun: boolean;
}

/** What a PROXY header says of a connection. */
export interface ProxiedAddresses {
  readonly source: SocketAddress;
  readonly destination: SocketAddress;
}

export interface Session {
  /**
   * Takes one input and returns all that follows from it. `bytes` of an input are only read during the call. Never
   * throws for what a peer sent.
   */
  receive(input: Input, now: Millis): readonly Effect[];
  /** When to deliver `timedOut`, or `undefined` for never. Read it again after each `receive`. */
  readonly deadline: Millis | undefined;
  /** Whether bytes of that side are welcome now. What arrives all the same is kept, so one read too many does no harm. */
  wants(side: Side): boolean;
  /** What the session is at, in nginx's words: ` while ACTION` in the log. */
  readonly action: string;
  /** The login as the log shows it, once one is known. */
  readonly login: Octets | undefined;
  /** What another session would go on with. */
  readonly progress: Progress;
  /** What the client hears when the session cannot go on through a fault of ours: it may try again. */
  readonly apology: Octets;
}
