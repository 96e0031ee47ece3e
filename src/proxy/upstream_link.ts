/**
 * A session's way to its upstream: one server after another, until one of them can be talked to. It has the sockets
 * and tells the servers' group how each attempt went.
 *
 * @module
 */

import type { Cancel, ConnectTarget, Millis, Octets, Socket, SystemFailure, TlsFacts } from "../runtime.ts";
import { isOurs } from "../runtime.ts";
import type { Attempt, Outcome, Peer, Route, Selection } from "../upstream/mod.ts";
import type { SessionFacts } from "./facts.ts";
import type { UpstreamTls as TlsMode } from "../session/by_tls.ts";
import { NOBODY } from "./side.ts";
import type { Service, UpstreamTls } from "./service.ts";

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
  /** The server has not said a word, and there is another one. */
  tooSlow(): void;
  /** There is no server, or no other one. */
  exhausted(shortage: Shortage): void;
}

/** Why there is no server to go to: none may be tried at all, or those that may have been. */
export type Shortage = "noneLive" | "noneLeft";

export class UpstreamLink {
  /** The server under way as the log shows it, or the last one. */
  text: Octets | undefined;
  readonly #service: Service;
  readonly #facts: SessionFacts;
  readonly #handler: LinkHandler;
  #selection: Selection | undefined;
  #attempt: Attempt | undefined;
  /** How many attempts the login has made, and when the first one began. */
  #tries = 0;
  #began: Millis = 0;
  /** When the attempt under way began. */
  #attemptBegan: Millis = 0;
  /** Whether the server has said a word. */
  #hasSpoken = false;
  #impatience: Cancel | undefined;
  #hasOutcome = false;
  /** Whether it was told that there is a client: until then no client has a part in what it does. */
  #knowsClient = false;
  #hasHeader = false;
  #socket: Socket | undefined;
  /** How TLS is spoken on this route; `undefined` for clear. */
  #tls: UpstreamTls | undefined;
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

  /** Goes to the first server of the route. `tls` says how TLS is spoken there, if not as it is configured. */
  start(route: Route, tls?: TlsMode): void {
    const { upstreamTls, upstreamTlsAs } = this.#service;
    this.#tls = tls === undefined ? upstreamTls : upstreamTlsAs(tls);
    this.#selection = route.select(this.#facts);
    this.text = this.#selection.name;
    this.#tries = 0;
    this.#began = this.#service.runtime.now();
    this.#goOn("noneLive");
  }

  /** Leaves the server, which has failed for that reason, and goes to the next one. */
  next(reason: Octets | undefined): void {
    this.leave(this.#knowsClient ? "failed" : "unreachable", reason);
    const { tries, timeout } = this.#service.nextUpstream;
    const mayGoOn = this.#tries < tries && this.#service.runtime.now() - this.#began < timeout;
    if (mayGoOn) this.#goOn("noneLeft");
    else this.#handler.exhausted("noneLeft");
  }

  #goOn(otherwise: Shortage): void {
    const attempt = this.#selection?.next();
    if (attempt === undefined) return this.#handler.exhausted(otherwise);
    this.#attempt = attempt;
    this.#tries++;
    this.#hasOutcome = false;
    this.#attemptBegan = this.#service.runtime.now();
    this.#hasSpoken = false;
    this.#knowsClient = false;
    this.#hasHeader = false;
    this.#beImpatient();
    this.text = attempt.peer.text;
    this.#facts.tries(attempt.peer.text);
    this.#connect(attempt);
  }

  /** Where somebody else can serve, nobody waits for a silent server as long as for the only one. */
  #beImpatient(): void {
    const { patience, runtime } = this.#service;
    this.#impatience?.();
    this.#impatience = undefined;
    if (patience === undefined || !this.#selection?.hasOther()) return;
    this.#impatience = runtime.timer(patience, () => this.#handler.tooSlow());
  }

  /** The server has said something. */
  heard(): void {
    this.#hasSpoken = true;
    this.#impatience?.();
    this.#impatience = undefined;
  }

  /** Tells the outcome of the attempt under way, if it has none yet. */
  settle(outcome: Outcome, reason?: Octets): void {
    this.#impatience?.();
    this.#impatience = undefined;
    if (this.#attempt === undefined || this.#hasOutcome) return;
    this.#hasOutcome = true;
    const silence = this.#hasSpoken ? 0 : this.#service.runtime.now() - this.#attemptBegan;
    if (outcome !== "abandoned" || silence < LONG_SILENCE) return this.#attempt.ended(outcome, reason);
    // Clients lose their patience before we do, and the server is at fault all the same.
    const why = `no greeting for ${Math.round(silence / 1000)}s, until the client left`;
    this.#attempt.ended(this.#knowsClient ? "failed" : "unreachable", why);
  }

  /** Drops the connection, and whatever is under way. */
  leave(outcome: Outcome, reason?: Octets): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket !== undefined) socket.handler = NOBODY;
    socket?.abort();
    this.release(outcome, reason);
  }

  /** The connection is gone, or somebody else's to close. */
  release(outcome: Outcome, reason?: Octets): void {
    this.settle(outcome, reason);
    this.#facts.left();
    this.#attempt?.released();
    this.#attempt = undefined;
  }

  /** Sends octets of the session's; as {@linkcode Socket.write}, and for nobody `true`. */
  write(bytes: Uint8Array): boolean {
    this.#knowsClient = true;
    return this.#socket?.write(bytes) ?? true;
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
        const header = this.#service.proxyHeader(this.#facts);
        this.#hasHeader = this.#knowsClient = header !== undefined;
        if (header !== undefined) socket.write(header);
        if (this.#tls?.isImplicit) this.#secure((secure) => this.#handler.connected(secure));
        else this.#talk(socket, () => this.#handler.connected(socket));
      },
      failed: (failure) => {
        this.#cancel = undefined;
        if (isOurs(failure)) this.settle("abandoned");
        this.#handler.failed(failure);
      },
    });
  }

  #talk(socket: Socket, tell: () => void): void {
    this.#socket = socket;
    this.#facts.connected();
    tell();
  }

  #secure(secured: (socket: Socket, facts: TlsFacts) => void): void {
    const socket = this.#socket;
    const peer = this.#attempt?.peer;
    if (this.#tls === undefined || socket === undefined || peer === undefined) {
      return this.#handler.notSecured("TLS with upstreams is not configured");
    }
    this.#socket = undefined;
    this.#knowsClient = this.#hasHeader;
    this.#cancel = this.#service.runtime.secureClient(socket, this.#tls.contextFor(named(peer), this.#facts), {
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

/** What a certificate has to be for. */
export function named({ target, lookedUp }: Pick<Peer, "target" | "lookedUp">): ConnectTarget {
  return lookedUp === undefined || "path" in target ? target : { ...target, host: lookedUp };
}

/** Longer than a server takes that greets late on purpose, against spam. */
const LONG_SILENCE: Millis = 10_000;
