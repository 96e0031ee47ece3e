/**
 * The relay of a logged-in session: the hot path. A chunk that was read is written as it is; nothing is copied, no
 * timer is set and no promise is made on its way. What comes in bulk need not even be read, see {@linkcode Bypass}.
 */

import type {
  Millis,
  Relay,
  RelayEnd,
  RelayFailure,
  RelayOptions,
  RelayResult,
  RelayWatch,
  SocketHandler,
  SystemFailure,
} from "../src/runtime.ts";
import { NEVER, now } from "./_clock.ts";
import type { Bypass, OwnSocket } from "./_socket.ts";
import { clearTimer, setTimer, type Timer } from "./_timer.ts";

/** How long a client may keep its half open after the upstream has ended and all of its octets have left. */
export const CLIENT_GRACE: Millis = 10_000;

/** What a relay needs, with the adapter's own sockets. */
export interface NetRelayOptions extends RelayOptions {
  readonly client: OwnSocket;
  readonly upstream: OwnSocket;
}

export class NetRelay implements Relay {
  /** When something moved last. Public for the ends alone, which write it for each chunk. */
  lastTraffic: Millis = now();
  readonly #client: End;
  readonly #upstream: End;
  readonly #timeout: Millis;
  readonly #done: RelayOptions["done"];
  readonly #watch: RelayWatch | undefined;
  #timer: Timer | undefined;
  #end: RelayEnd | undefined;
  /** Since when the client has had all of an upstream that ended, and what was still queued when we last looked. */
  #graceSince: Millis = NEVER;
  #graceQueued = 0;
  #failure: RelayFailure | undefined;

  constructor(options: NetRelayOptions) {
    this.#timeout = options.timeout;
    this.#done = options.done;
    const { watch } = options;
    this.#watch = watch;
    this.#client = new End(this, options.client, { watch, isClient: true });
    this.#upstream = new End(this, options.upstream, { watch, isClient: false });
    this.#client.other = this.#upstream;
    this.#upstream.other = this.#client;
    this.#arm();
    this.#client.begin(options.toUpstream, options.clientEnded);
    this.#upstream.begin(options.toClient, false);
  }

  get idleFor(): Millis {
    return now() - this.lastTraffic;
  }

  stop(lastLine: Uint8Array): void {
    this.#end ??= "stopped";
    const isFit = this.#watch === undefined ? this.#upstream.isAtLineStart : this.#watch.isBetweenReplies;
    if (lastLine.length > 0 && isFit) this.#client.socket.write(lastLine);
    this.#closeBoth();
  }

  /** One side sends no more: the other gets FIN behind all that was read. */
  ended(end: End): void {
    this.#end ??= this.#closedBy(end);
    if (end.socket.queued + end.other.socket.queued === 0) {
      // Nothing more comes from either side, and all is out: no FIN has to go first.
      if (end.other.hasEnded) return this.#closeBoth();
      if (end === this.#upstream && this.#watch?.isClientLeaving === true) return this.#part();
    }
    end.other.socket.end();
    if (end === this.#client) return;
    this.#graceSince = now();
    this.#graceQueued = end.other.socket.queued;
    this.#arm();
  }

  /** One side is gone: the other gets what was read, then FIN, and may say no more. */
  closed(end: End, failure: SystemFailure | undefined): void {
    this.#end ??= this.#closedBy(end);
    if (failure !== undefined) this.#failure ??= { ...failure, side: end === this.#client ? "client" : "upstream" };
    end.other.socket.close();
    if (this.#client.isClosed && this.#upstream.isClosed) this.#finish(this.#end);
  }

  #closedBy(end: End): RelayEnd {
    return end === this.#client ? "clientClosed" : "upstreamClosed";
  }

  #finish(end: RelayEnd): void {
    clearTimer(this.#timer);
    const result: RelayResult = {
      end,
      failure: this.#failure,
      bytesToClient: this.#upstream.moved,
      bytesToUpstream: this.#client.moved,
    };
    // Both may have been gone before the relay began: its owner is told only when it has it.
    queueMicrotask(() => this.#done(result));
  }

  /** The client said that it leaves, and the upstream let it go: neither has anything to say. */
  #part(): void {
    this.#client.socket.closeAtOnce?.();
    this.#closeBoth();
  }

  #closeBoth(): void {
    clearTimer(this.#timer);
    this.#client.socket.close();
    this.#upstream.socket.close();
  }

  /** Traffic only leaves its time; the timer looks when it rings and is set again for what is left. */
  #arm(): void {
    clearTimer(this.#timer);
    const left = this.lastTraffic + this.#timeout - now();
    const longest = this.#upstream.hasEnded ? CLIENT_GRACE : Infinity;
    this.#timer = setTimer(Math.min(Math.max(left, 1), longest), () => this.#ring());
  }

  #ring(): void {
    const time = now();
    if (time - this.lastTraffic >= this.#timeout) this.#end ??= "timedOut";
    else if (!this.#upstream.hasEnded || !this.#isGraceOver(time)) return this.#arm();
    this.#closeBoth();
  }

  /** Nothing tells when a queue has emptied behind its end, so we look from time to time. */
  #isGraceOver(now: Millis): boolean {
    const { queued } = this.#client.socket;
    if (queued !== this.#graceQueued) {
      this.#graceQueued = queued;
      this.#graceSince = now;
    }
    return queued === 0 && now - this.#graceSince >= CLIENT_GRACE - CLOCK_SLACK;
  }
}

const LF = 0x0a;
const UNKNOWN = 0;

/** Timers of some runtimes ring a fraction of a millisecond early. */
const CLOCK_SLACK: Millis = 2;

/** One side of a relay. What it reads goes to the other. */
class End implements SocketHandler, Bypass {
  readonly socket: OwnSocket;
  readonly #relay: NetRelay;
  readonly #watch: RelayWatch | undefined;
  readonly #isClient: boolean;
  /** Set before anything can happen. */
  other: End = this;
  /** Octets read here and written there. */
  moved = 0;
  #lastOctet = LF;
  hasEnded = false;
  isClosed = false;

  constructor(
    relay: NetRelay,
    socket: OwnSocket,
    { watch, isClient }: { readonly watch: RelayWatch | undefined; readonly isClient: boolean },
  ) {
    this.#relay = relay;
    this.#watch = watch;
    this.#isClient = isClient;
    this.socket = socket;
  }

  /** Whether nothing that was read here was cut off in the middle of a line. */
  get isAtLineStart(): boolean {
    return this.#lastOctet === LF;
  }

  /** Takes the socket over: first what was read before, then what happened to it meanwhile. */
  begin(held: Uint8Array, isEnded: boolean): void {
    const { socket } = this;
    socket.handler = this;
    if ("bypass" in socket) socket.bypass = this;
    socket.resume();
    if (held.length > 0) this.bytes(held);
    if (isEnded || socket.hasEnded) this.ended();
    if (socket.isClosed) this.closed(undefined);
  }

  bytes(bytes: Uint8Array): void {
    this.#relay.lastTraffic = now();
    this.moved += bytes.length;
    this.#lastOctet = bytes[bytes.length - 1] ?? LF;
    if (this.#isClient) this.#watch?.client(bytes);
    else this.#watch?.upstream(bytes);
    if (!this.#pass(bytes)) this.socket.pause();
  }

  get sink(): OwnSocket {
    return this.other.socket;
  }

  passed(octets: number, takesMore: boolean): void {
    this.#relay.lastTraffic = now();
    this.moved += octets;
    this.#lastOctet = UNKNOWN;
    if (this.#isClient) this.#watch?.clientUnseen(octets);
    else this.#watch?.upstreamUnseen(octets);
    if (!takesMore) this.socket.pause();
  }

  #pass(bytes: Uint8Array): boolean {
    const { socket } = this.other;
    const { lender, tellsLast } = this.socket;
    if (tellsLast === true && socket.writeLast !== undefined) return socket.writeLast(bytes);
    return lender === undefined ? socket.write(bytes) : socket.writeLent(bytes, lender);
  }

  drained(): void {
    this.#relay.lastTraffic = now();
    this.other.socket.resume();
  }

  ended(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.#relay.lastTraffic = now();
    this.#relay.ended(this);
  }

  closed(failure: SystemFailure | undefined): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#relay.closed(this, failure);
  }
}
