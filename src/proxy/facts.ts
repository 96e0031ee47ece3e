/**
 * What is known of one connection, written down as it becomes known: variables and the access log read it. It is all
 * assignments and a few looks at the clock, since each connection has one of these, whoever reads it or not.
 *
 * @module
 */

import type { Protocol } from "../config/types.ts";
import type { Millis, Octets, RelayResult, Runtime, Socket, SocketAddress, TlsFacts } from "../runtime.ts";
import type { ProxiedAddresses, Side } from "../session/mod.ts";
import type {
  ClaimFacts,
  Facts,
  LimitStatus,
  SessionEvent,
  SessionPhase,
  SessionResult,
  UpstreamFacts,
} from "../variables/mod.ts";
import type { Service } from "./service.ts";

/** What is known when a connection is accepted. */
export interface Acceptance {
  readonly service: Pick<Service, "runtime" | "limits" | "protocol" | "serverName">;
  readonly socket: Pick<Socket, "remote" | "local">;
  /** The number behind `*` in the log. */
  readonly number: number;
  /** The listen address as configured. */
  readonly listen: Octets;
}

/** How often the client has tried to log in, this time included. */
interface Attempted {
  readonly attempt: number;
}

/** How many octets of a side were read before the relay began, and are its to send. */
export interface SpokenBefore {
  readonly toClient: number;
  readonly toUpstream: number;
}

/** The facts of one connection. Whoever takes it a step further says so here. */
export class SessionFacts implements Facts {
  /** The server block's; a client may choose another one by its name. */
  service: Pick<Service, "protocol" | "serverName" | "limits">;
  readonly host: Runtime;
  readonly connection: number;
  client: SocketAddress;
  readonly peer: SocketAddress;
  readonly server: SocketAddress;
  readonly listen: Octets;
  proxied: ProxiedAddresses | undefined;
  tls: TlsFacts | undefined;
  usesStartTls = false;
  claim: ClaimFacts | undefined;
  attempts = 0;
  readonly upstreams: UpstreamRecord[] = [];
  phase: SessionPhase = "accepted";
  event: SessionEvent | undefined;
  result: SessionResult | undefined;
  limit: LimitStatus | undefined;
  brokenSide: Side | undefined;
  readonly accepted: Millis;
  handshakeTime: Millis | undefined;
  authTime: Millis | undefined;
  bytesSent = 0;
  bytesReceived = 0;
  readonly #started: Millis;
  #phaseBegan: Millis;
  /** The last of those that were tried. */
  #upstream: UpstreamRecord | undefined;
  /** How long that has taken for the login, up to when the client was asked last. */
  #upstreamTook: Millis = 0;
  #ended: Millis | undefined;

  constructor({ service, socket, number, listen }: Acceptance) {
    this.service = service;
    this.host = service.runtime;
    this.connection = number;
    this.client = socket.remote;
    this.peer = socket.remote;
    this.server = socket.local;
    this.listen = listen;
    this.accepted = this.host.date();
    this.#started = this.host.now();
    this.#phaseBegan = this.#started;
  }

  get protocol(): Protocol {
    return this.service.protocol;
  }

  get serverName(): Octets {
    return this.service.serverName;
  }

  get duration(): Millis {
    return (this.#ended ?? this.host.now()) - this.#started;
  }

  /** What is waited for now. */
  enter(phase: SessionPhase): void {
    this.#enter(phase, this.host.now());
  }

  #enter(phase: SessionPhase, now: Millis): void {
    this.phase = phase;
    this.#phaseBegan = now;
  }

  /** A client in clear asks for TLS. */
  asksForTls(): void {
    this.usesStartTls = true;
    this.enter("handshake");
  }

  /** TLS has begun with the client. */
  secured(tls: TlsFacts): void {
    this.tls = tls;
    const now = this.host.now();
    this.handshakeTime = now - this.#phaseBegan;
    this.#enter("login", now);
  }

  /** The client has said who it is, and that is asked about, for the first time or again. */
  claimed(claim: ClaimFacts & Attempted): void {
    // V8 leaves its compiled code for this.
    if (this.upstreams.length > 0) this.upstreams.length = 0;
    this.#upstream = undefined;
    // Not the claim itself, which has the password.
    const { method, login, clientHost, envelope } = claim;
    this.claim = { method, login, clientHost, envelope };
    this.attempts = claim.attempt;
    this.authTime = undefined;
    this.enter("auth");
  }

  /** From now on the client is known by that name. */
  renamed(login: Octets): void {
    if (this.claim !== undefined) this.claim = { ...this.claim, login, said: this.claim.said ?? this.claim.login };
  }

  /** Who the client is has become clear only now. */
  identified({ login, attempt }: { readonly login: Octets } & Attempted): void {
    this.attempts = attempt;
    if (this.claim !== undefined) this.claim = { ...this.claim, login };
  }

  /** Somebody has judged that, or cannot. */
  judged(): void {
    this.authTime = this.host.now() - this.#phaseBegan;
  }

  /** Who the client says it is, it is not. */
  loginFailed(): void {
    this.event = "login_failed";
    this.result = "refused";
  }

  /** That has been told, and the client is waited for again. */
  mayTryAgain(): void {
    this.event = undefined;
    this.result = undefined;
    this.enter("login");
  }

  /** An upstream is tried. */
  tries(upstream: Octets): void {
    const now = this.host.now();
    this.#upstream = new UpstreamRecord(upstream, this.host, now);
    this.upstreams.push(this.#upstream);
    this.#upstreamTook = 0;
    this.#enter("connect", now);
  }

  /** There is a connection to it. */
  connected(): void {
    if (this.#upstream?.connectTime !== undefined) return;
    const now = this.host.now();
    if (this.#upstream !== undefined) this.#upstream.connectTime = now - this.#phaseBegan;
    this.#enter("upstream", now);
  }

  /** The login to it goes on with that side. What the client takes for its answer is no time of the upstream's. */
  waitsFor(side: Side): void {
    const now = this.host.now();
    if (this.phase === "upstream") this.#upstreamTook += now - this.#phaseBegan;
    this.#enter(side === "client" ? "login" : "upstream", now);
  }

  /** The login to it is done. */
  loggedIn(): void {
    const now = this.host.now();
    if (this.#upstream !== undefined) this.#upstream.loginTime = this.#upstreamTook + now - this.#phaseBegan;
    this.#enter("relay", now);
  }

  /** It is left. */
  left(): void {
    this.#upstream?.end();
  }

  /** Octets went to a side, or came from there. */
  sent(side: Side, count: number): void {
    if (side === "client") this.bytesSent += count;
    else if (this.#upstream !== undefined) this.#upstream.bytesSent += count;
  }

  received(side: Side, count: number): void {
    if (side === "client") this.bytesReceived += count;
    else if (this.#upstream !== undefined) this.#upstream.bytesReceived += count;
  }

  /** The relay is over. What it was given to begin with had been received before. */
  relayed(result: RelayResult, { toClient, toUpstream }: SpokenBefore): void {
    this.sent("client", result.bytesToClient);
    this.sent("upstream", result.bytesToUpstream);
    this.received("client", Math.max(0, result.bytesToUpstream - toUpstream));
    this.received("upstream", Math.max(0, result.bytesToClient - toClient));
    this.brokenSide = result.failure?.side;
  }

  /** Nothing is left of the connection. */
  end(result: SessionResult): void {
    // A login that was the last one is where the connection ended.
    if (result === "refused") this.phase = "auth";
    this.result = result;
    this.event = "end";
    this.#ended = this.host.now();
    this.left();
  }
}

/** One upstream that was tried. */
export class UpstreamRecord implements UpstreamFacts {
  readonly text: Octets;
  connectTime: Millis | undefined;
  loginTime: Millis | undefined;
  bytesSent = 0;
  bytesReceived = 0;
  readonly #host: Runtime;
  readonly #started: Millis;
  #ended: Millis | undefined;

  constructor(text: Octets, host: Runtime, started: Millis) {
    this.text = text;
    this.#host = host;
    this.#started = started;
  }

  get sessionTime(): Millis {
    return (this.#ended ?? this.#host.now()) - this.#started;
  }

  /** The connection to it is no more. */
  end(): void {
    this.#ended ??= this.#host.now();
  }
}
