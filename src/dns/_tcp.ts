/**
 * Questions over TCP, where answers have room (RFC 1035, 4.2.2). Each has a connection of its own.
 *
 * @module
 */

import type { Cancel, ConnectHandler, Socket, SocketHandler } from "../runtime.ts";
import { concat } from "../session/bytes.ts";
import { type AttemptOwner, type DnsRuntime, type NameServer, randomId } from "./_attempt.ts";
import { decodeResponse, encodeQuery, isResponseTo, type Question } from "./message.ts";

/** Asks once. */
export function askOverTcp(
  { server, question, runtime }: {
    readonly server: NameServer;
    readonly question: Question;
    readonly runtime: DnsRuntime;
  },
  owner: AttemptOwner,
): Cancel {
  const exchange = new TcpExchange(question, randomId(runtime), owner);
  const cancelConnect = runtime.connect(server, exchange);
  return () => {
    cancelConnect();
    exchange.cancel();
  };
}

/** One connection: a query, the answer behind its length, the end. */
class TcpExchange implements ConnectHandler, SocketHandler {
  readonly #question: Question;
  readonly #id: number;
  readonly #owner: AttemptOwner;
  #socket: Socket | undefined;
  /** The two octets before the message, as far as they are there. */
  readonly #prefix: number[] = [];
  #message = new Uint8Array(0);
  #filled = 0;
  #isOver = false;

  constructor(question: Question, id: number, owner: AttemptOwner) {
    this.#question = question;
    this.#id = id;
    this.#owner = owner;
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket?.abort();
  }

  connected(socket: Socket): void {
    if (this.#isOver) return socket.abort();
    this.#socket = socket;
    socket.handler = this;
    const query = encodeQuery(this.#id, this.#question);
    socket.write(concat([Uint8Array.of(query.length >> 8, query.length & 255), query]));
    socket.resume();
  }

  bytes(bytes: Uint8Array): void {
    let at = 0;
    while (this.#prefix.length < 2 && at < bytes.length) {
      this.#prefix.push(bytes[at++] ?? 0);
      const [high = 0, low] = this.#prefix;
      if (low !== undefined) this.#message = new Uint8Array(high * 256 + low);
    }
    if (this.#prefix.length < 2) return;
    const part = bytes.subarray(at, at + this.#message.length - this.#filled);
    this.#message.set(part, this.#filled);
    this.#filled += part.length;
    if (this.#filled === this.#message.length) this.#read();
  }

  drained(): void {}

  ended(): void {
    this.failed();
  }

  closed(): void {
    this.failed();
  }

  failed(): void {
    if (this.#isOver) return;
    this.cancel();
    this.#owner.failed();
  }

  /** Takes the message. Nobody but the server can have sent it, so there is no better one to wait for. */
  #read(): void {
    if (this.#isOver) return;
    const response = decodeResponse(this.#message);
    const isUseful = response !== undefined && response.id === this.#id && !response.isTruncated &&
      isResponseTo(response, this.#question);
    if (!isUseful) return this.failed();
    this.#isOver = true;
    this.#socket?.close();
    this.#owner.answered(response);
  }
}
