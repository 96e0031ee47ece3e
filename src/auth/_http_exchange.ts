/**
 * One question to an `auth_http` server: a connection is taken or made, the request sent, the head of the answer
 * awaited, all of it within one timeout.
 *
 * @module
 */

import type { AuthHttpConfig } from "../config/types.ts";
import type { Cancel, ConnectHandler, Millis, Octets, Runtime, Socket, SystemFailure } from "../runtime.ts";
import { describeBrokenSocket, describeConnectFailure, isOurs } from "../runtime.ts";
import { type Asker, type Break, Connection } from "./_http_connection.ts";
import type { Pool } from "./_http_pool.ts";
import type { Fault, ResponseHead } from "./_http_response.ts";

/** What `auth_http` needs of a runtime. */
export type AuthRuntime = Pick<Runtime, "connect" | "timer" | "now">;

/** The server and the ways to it, shared by all exchanges. */
export interface ServerLink {
  readonly config: AuthHttpConfig;
  readonly runtime: AuthRuntime;
  readonly pool: Pool;
}

/** Who is told. One of the two is called once, unless the exchange is cancelled. */
export interface ExchangeOwner {
  answered(head: ResponseHead): void;
  /** `text` says why, as a whole line for the error log; `isOurs` is for what we were short of. */
  failed(text: Octets, isOurs: boolean): void;
}

/** A question on its way. */
export class Exchange implements ConnectHandler, Asker {
  readonly #link: ServerLink;
  readonly #request: Uint8Array;
  readonly #owner: ExchangeOwner;
  readonly #startedAt: Millis;
  #timer: Cancel | undefined;
  #connecting: Cancel | undefined;
  #connection: Connection | undefined;
  #isOver = false;

  constructor(link: ServerLink, request: Uint8Array, owner: ExchangeOwner) {
    this.#link = link;
    this.#request = request;
    this.#owner = owner;
    this.#startedAt = link.runtime.now();
  }

  /** Sets out. Call it once. */
  start(): void {
    const { config, runtime, pool } = this.#link;
    this.#timer = runtime.timer(config.timeout, () => this.#timeOut());
    const idle = pool.take();
    if (idle === undefined) this.#connect();
    else this.#askOn(idle);
  }

  /** Takes the question back: the connection in use ends at once, so that its answer reaches nobody. */
  cancel(): void {
    if (this.#isOver) return;
    const connection = this.#connection;
    this.#finish();
    connection?.abort();
  }

  connected(socket: Socket): void {
    const { pool, runtime } = this.#link;
    this.#askOn(new Connection(socket, pool, runtime));
  }

  failed(failure: SystemFailure): void {
    this.#breakOff(describeConnectFailure(failure), isOurs(failure));
  }

  answered(head: ResponseHead): void {
    const { pool, runtime } = this.#link;
    pool.took(runtime.now() - this.#startedAt);
    this.#finish();
    this.#owner.answered(head);
  }

  /**
   * A connection that served before may have ended, or may hold octets left over, before it saw this request: that
   * says nothing about the request, so it is sent once more, on a new connection (RFC 9112, 9.3.1).
   */
  broke(reason: Break): void {
    const isStale = reason.unserved && this.#connection?.isReused === true;
    this.#connection = undefined;
    if (isStale) this.#connect();
    else if (reason.type === "failed") this.#breakOff(describeBrokenSocket(reason.failure));
    else this.#complain(reason.type === "closed" ? CLOSED : FAULTS[reason.fault]);
  }

  #connect(): void {
    const cancel = this.#link.runtime.connect(this.#link.config.address, this);
    if (this.#connection === undefined) this.#connecting = cancel;
  }

  #askOn(connection: Connection): void {
    this.#connecting = undefined;
    this.#connection = connection;
    connection.ask(this.#request, this);
  }

  #timeOut(): void {
    const connection = this.#connection;
    this.#complain("timed out (110: Connection timed out)", connection);
  }

  /** nginx's words, and which of the servers it was. */
  #breakOff(text: Octets, isOurs = false): void {
    this.#fail(`${text} with auth http server ${this.#link.config.name}`, { isOurs });
  }

  #complain(text: Octets, connection?: Connection): void {
    this.#fail(`auth http server ${this.#link.config.name} ${text}`, { connection, isOurs: false });
  }

  #fail(
    text: Octets,
    { connection, isOurs }: { readonly connection?: Connection | undefined; readonly isOurs: boolean },
  ): void {
    if (this.#isOver) return;
    this.#finish();
    connection?.abort();
    this.#owner.failed(text, isOurs);
  }

  #finish(): void {
    this.#isOver = true;
    this.#timer?.();
    this.#connecting?.();
    this.#timer = undefined;
    this.#connecting = undefined;
    this.#connection = undefined;
  }
}

const CLOSED = "closed connection prematurely";
const FAULTS: Readonly<Record<Fault, Octets>> = {
  invalidResponse: "sent invalid response",
  invalidHeader: "sent invalid header in response",
  tooLongHead: "sent too long response header",
};
