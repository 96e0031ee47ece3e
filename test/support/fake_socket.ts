import type { Millis, Octets, Socket, SocketAddress, SocketHandler, SystemFailure } from "../../src/runtime.ts";
import { decode, encode } from "../../src/session/bytes.ts";
import type { FakeClock } from "./fake_clock.ts";

/** How long a closed socket waits for its peer, as an adapter's does. */
export const LINGER: Millis = 2000;

/**
 * One end of a connection in memory, and the peer at its other end: the code under test sees a {@linkcode Socket}, the
 * test plays the peer with `says`, `hangsUp`, `breaks` and `drains`, and reads what was sent. As with real sockets,
 * bytes are good only during the call, nothing arrives while paused, and `closed` comes later than `abort`, with the
 * next thing that happens.
 */
export class FakeSocket implements Socket {
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
  handler: SocketHandler = SILENT;
  /** Everything that was sent, one entry for each write. */
  readonly writes: Uint8Array[] = [];
  /** What writes return: `false` plays a peer that does not read. Nothing is queued otherwise. */
  isBlocked = false;
  isPaused = true;
  /** What the code under test did to end it, if it did. */
  ending: "end" | "close" | "abort" | undefined;
  isClosed = false;
  queued = 0;
  readonly #clock: FakeClock;
  readonly #arriving: (Uint8Array | "end")[] = [];
  #read = 0;
  #hasPeerEnded = false;

  constructor(clock: FakeClock, ends: { readonly remote?: SocketAddress; readonly local?: SocketAddress } = {}) {
    this.#clock = clock;
    this.remote = ends.remote ?? { family: 4, host: "192.0.2.1", port: 40000 };
    this.local = ends.local ?? { family: 4, host: "192.0.2.2", port: 143 };
  }

  write(bytes: Uint8Array): boolean {
    if (this.isClosed || this.ending !== undefined) return true;
    this.writes.push(bytes);
    if (this.isBlocked) this.queued += bytes.length;
    return !this.isBlocked;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.#deliver();
  }

  end(): void {
    if (this.ending === undefined) this.ending = "end";
    if (this.#hasPeerEnded) this.#clock.later(0, () => this.#finish(undefined));
  }

  close(): void {
    if (this.isClosed || this.ending === "close" || this.ending === "abort") return;
    this.ending = "close";
    this.#clock.later(LINGER, () => this.#finish(undefined));
  }

  abort(): void {
    if (this.isClosed) return;
    this.ending = "abort";
    this.#clock.later(0, () => this.#finish(undefined));
  }

  /** The peer sends octets. */
  says(octets: Octets | Uint8Array): void {
    this.#arriving.push(typeof octets === "string" ? encode(octets) : octets);
    this.#deliver();
  }

  /** The peer sends octets one by one. */
  spells(octets: Octets): void {
    for (const octet of octets) this.says(octet);
  }

  /** The peer sends no more. A socket that was closed is gone with it. */
  hangsUp(): void {
    if (this.ending === "close") return this.#finish(undefined);
    this.#arriving.push("end");
    this.#deliver();
  }

  /** The connection breaks. */
  breaks(failure: SystemFailure = { number: 104, text: "Connection reset by peer" }): void {
    this.#finish(failure);
  }

  /** The peer reads what is queued. */
  drains(): void {
    this.isBlocked = false;
    this.queued = 0;
    if (this.#isHeard()) this.handler.drained();
  }

  /** Everything that was sent. */
  get written(): Octets {
    return this.writes.map((bytes) => decode(bytes)).join("");
  }

  /** What was sent since this was last asked. */
  heard(): Octets {
    const all = this.written;
    const fresh = all.slice(this.#read);
    this.#read = all.length;
    return fresh;
  }

  #isHeard(): boolean {
    return !this.isClosed && this.ending !== "close" && this.ending !== "abort";
  }

  #deliver(): void {
    while (this.#arriving.length > 0 && this.#isHeard()) {
      // An end is told even while paused, but not before what came ahead of it.
      if (this.isPaused && this.#arriving[0] !== "end") return;
      const next = this.#arriving.shift();
      if (next === "end") this.#takeEnd();
      else if (next !== undefined) this.#lend(next);
    }
  }

  #takeEnd(): void {
    this.#hasPeerEnded = true;
    this.handler.ended();
    if (this.ending === "end") this.#clock.later(0, () => this.#finish(undefined));
  }

  #lend(bytes: Uint8Array): void {
    const lent = bytes.slice();
    this.handler.bytes(lent);
    lent.fill(POISON);
  }

  #finish(failure: SystemFailure | undefined): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.handler.closed(failure);
  }
}

/** What bytes turn into when the call that lent them is over. */
const POISON = 0xdb;

const SILENT: SocketHandler = { bytes() {}, drained() {}, ended() {}, closed() {} };
