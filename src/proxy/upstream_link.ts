/**
 * A session's way to its upstream: one server after another, until one of them can be talked to. It has the sockets
 * and tells the servers' group how each attempt went.
 *
 * @module
 */

import type { Cancel, Octets, Socket, SystemFailure, TlsFacts } from "../runtime.ts";
import type { Attempt, Outcome, Route, Selection } from "../upstream/mod.ts";
import type { SessionFacts } from "./facts.ts";
import type { Service } from "./service.ts";

/** Hears how it goes. Never called once the link was closed. */
export interface LinkHandler {
  /** There is a connection, in clear or, where TLS comes first, secured. */
  connected(socket: Socket): void;
  /** TLS has begun where {@linkcode UpstreamLink.secure} asked for it. */
  secured(socket: Socket, facts: TlsFacts): void;
  /** No connection. */
  failed(failure: SystemFailure): void;
  /** No TLS; `text` is the library's. */
  notSecured(text: Octets): void;
  /** No server is left. */
  exhausted(): void;
}

export class UpstreamLink {
  /** The server under way as the log shows it, or the last one. */
  text: Octets | undefined;
  readonly #service: Service;
  readonly #facts: SessionFacts;
  readonly #handler: LinkHandler;
  #selection: Selection | undefined;
  #attempt: Attempt | undefined;
  #hasOutcome = false;
  /** Whether the server can be talked to. */
  #isTalking = false;
  #socket: Socket | undefined;
  #cancel: Cancel | undefined;

  constructor(service: Service, facts: SessionFacts, handler: LinkHandler) {
    this.#service = service;
    this.#facts = facts;
    this.#handler = handler;
  }

  /** The connection, unless a handshake has it. */
  get socket(): Socket | undefined {
    return this.#socket;
  }

  /** Goes to the first server of the route. */
  start(route: Route): void {
    this.#selection = route.select();
    this.next();
  }

  /** Leaves the server and goes to the next one. */
  next(): void {
    // Whoever cannot even be talked to is out of order for everybody.
    this.leave(this.#isTalking ? "failed" : "unreachable");
    const attempt = this.#selection?.next();
    if (attempt === undefined) return this.#handler.exhausted();
    this.#attempt = attempt;
    this.#hasOutcome = false;
    this.#isTalking = false;
    this.text = attempt.peer.text;
    this.#facts.tries(attempt.peer.text);
    this.#connect(attempt);
  }

  /** Tells the outcome of the attempt under way, if it has none yet. */
  settle(outcome: Outcome): void {
    if (this.#attempt === undefined || this.#hasOutcome) return;
    this.#hasOutcome = true;
    this.#attempt.ended(outcome);
  }

  /** Drops the connection, and whatever is under way. */
  leave(outcome: Outcome): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.abort();
    this.release(outcome);
  }

  /** The connection is gone, or somebody else's to close. */
  release(outcome: Outcome): void {
    this.settle(outcome);
    this.#facts.left();
    this.#attempt?.released();
    this.#attempt = undefined;
  }

  /** The peer is gone: there is no socket to talk to any more. */
  lost(): void {
    this.#socket = undefined;
  }

  /** Speaks TLS from now on. */
  secure(): void {
    this.#secure((socket, facts) => this.#handler.secured(socket, facts));
  }

  #connect({ peer }: Attempt): void {
    this.#cancel = this.#service.connect(peer.target, {
      connected: (socket) => {
        this.#cancel = undefined;
        this.#socket = socket;
        const header = this.#service.proxyHeader(this.#facts.client, this.#facts.server);
        if (header !== undefined) socket.write(header);
        if (this.#service.upstreamTls?.isImplicit) this.#secure((secure) => this.#handler.connected(secure));
        else this.#talk(socket, () => this.#handler.connected(socket));
      },
      failed: (failure) => {
        this.#cancel = undefined;
        this.#handler.failed(failure);
      },
    });
  }

  #talk(socket: Socket, tell: () => void): void {
    this.#socket = socket;
    this.#isTalking = true;
    this.#facts.connected();
    tell();
  }

  #secure(secured: (socket: Socket, facts: TlsFacts) => void): void {
    const { upstreamTls, runtime } = this.#service;
    const socket = this.#socket;
    const target = this.#attempt?.peer.target;
    if (upstreamTls === undefined || socket === undefined || target === undefined) {
      return this.#handler.notSecured("TLS with upstreams is not configured");
    }
    this.#socket = undefined;
    this.#isTalking = false;
    this.#cancel = runtime.secureClient(socket, upstreamTls.contextFor(target), {
      secured: (secure, facts) => {
        this.#cancel = undefined;
        this.#talk(secure, () => secured(secure, facts));
      },
      failed: (text) => {
        this.#cancel = undefined;
        this.#handler.notSecured(text);
      },
    });
  }
}
