/**
 * One connection to an `auth_http` server. It serves one request at a time; between two it rests in its pool, and
 * whatever happens to it there ends it.
 *
 * @module
 */

import type { Cancel, Millis, Runtime, Socket, SocketHandler, SystemFailure } from "../runtime.ts";
import { type Fault, type ResponseHead, ResponseReader } from "./_http_response.ts";

/** Why a request got no answer. `unserved` means that the server has not begun to answer this request. */
export type Break =
  | { readonly type: "closed"; readonly unserved: boolean }
  | { readonly type: "failed"; readonly failure: SystemFailure; readonly unserved: boolean }
  | { readonly type: "fault"; readonly fault: Fault; readonly unserved: boolean };

/** Who asked. One of the two is called once, and last: the connection is at rest or gone by then. */
export interface Asker {
  answered(head: ResponseHead): void;
  broke(reason: Break): void;
}

/** Where a connection goes when it is free, and whom it tells when it ends there. */
export interface Berth {
  /** Takes the connection, or closes it. */
  park(connection: Connection): void;
  forget(connection: Connection): void;
}

type State = "idle" | "asking" | "skipping" | "gone";

/** A socket, the reader of its responses and the one who waits for the next. */
export class Connection implements SocketHandler {
  /** When it was parked, by the clock of the pool that parked it. */
  parkedAt: Millis = 0;
  readonly #socket: Socket;
  readonly #berth: Berth;
  readonly #runtime: Pick<Runtime, "timer">;
  readonly #reader = new ResponseReader();
  #state: State = "idle";
  #isReused = false;
  #asker: Asker | undefined;
  #skipTimer: Cancel | undefined;

  constructor(socket: Socket, berth: Berth, runtime: Pick<Runtime, "timer">) {
    this.#socket = socket;
    this.#berth = berth;
    this.#runtime = runtime;
    socket.handler = this;
  }

  /** Whether it has served a request before the current one. */
  get isReused(): boolean {
    return this.#isReused;
  }

  /** Sends a request on an idle connection. */
  ask(request: Uint8Array, asker: Asker): void {
    this.#state = "asking";
    this.#asker = asker;
    this.#reader.reset(this.#isReused);
    this.#socket.write(request);
    // A new socket says nothing before; an answer may come at once.
    this.#socket.resume();
  }

  /** Ends the connection at once; nobody is told. */
  abort(): void {
    this.#leave();
    this.#socket.abort();
  }

  /** Ends the connection in order, so that the server sees no error when it is still writing a body. */
  close(): void {
    this.#leave();
    this.#socket.close();
  }

  bytes(bytes: Uint8Array): void {
    if (this.#state === "gone") return;
    if (this.#state === "idle") {
      // Nobody asked: an answer that comes too late, or a server that counts its octets wrongly.
      this.#berth.forget(this);
      return this.abort();
    }
    const asker = this.#asker;
    const reader = this.#reader;
    const state = reader.read(bytes);
    if (state === "start" || state === "head") return;
    this.#asker = undefined;
    if (state === "failed") {
      this.abort();
      const unserved = this.#isReused && reader.fault === "invalidResponse";
      return asker?.broke({ type: "fault", fault: reader.fault, unserved });
    }
    const head = reader.head;
    if (state === "spent") this.close();
    else if (state === "complete") this.#rest();
    else this.#skip();
    asker?.answered(head);
  }

  drained(): void {}

  ended(): void {
    if (this.#state === "gone") return;
    this.#vanish({ type: "closed", unserved: this.#reader.state === "start" }, () => this.close());
  }

  closed(failure: SystemFailure | undefined): void {
    if (this.#state === "gone") return;
    const unserved = this.#reader.state === "start";
    this.#vanish(failure === undefined ? { type: "closed", unserved } : { type: "failed", failure, unserved });
  }

  #vanish(reason: Break, close?: () => void): void {
    const asker = this.#asker;
    if (this.#state === "idle") this.#berth.forget(this);
    if (close === undefined) this.#leave();
    else close();
    asker?.broke(reason);
  }

  #rest(): void {
    this.#skipTimer?.();
    this.#skipTimer = undefined;
    this.#state = "idle";
    this.#isReused = true;
    this.#berth.park(this);
  }

  /** The answer is known; the rest of its body only matters for the next request. */
  #skip(): void {
    if (this.#state === "skipping") return;
    this.#state = "skipping";
    this.#skipTimer = this.#runtime.timer(SKIP_TIMEOUT, () => this.abort());
  }

  #leave(): void {
    this.#state = "gone";
    this.#asker = undefined;
    this.#skipTimer?.();
    this.#skipTimer = undefined;
  }
}

/** How long a body may take that nobody reads. */
const SKIP_TIMEOUT: Millis = 5000;
