/**
 * Questions over UDP. As long as few are on their way, each has a socket, and with it a port, of its own: who wants to
 * forge an answer has to guess the port and the id (RFC 5452, 4.5). When there are many they share the sockets.
 *
 * @module
 */

import { parseIp } from "../config/ip.ts";
import type { Cancel, DatagramHandler, DatagramSocket, SocketAddress, SystemFailure } from "../runtime.ts";
import { type AttemptOwner, type DnsRuntime, type NameServer, randomId } from "./_attempt.ts";
import { decodeResponse, encodeQuery, isResponseTo, type Question } from "./message.ts";

/** How many sockets are open at most towards one server. */
export const MAX_SOCKETS = 32;

/** How many questions are on their way on one socket at most, so that ids stay free. */
export const MAX_QUESTIONS = 1024;

/** What sockets need. */
export interface UdpSurroundings {
  readonly runtime: DnsRuntime;
  /** Hears that a socket towards a server has failed. */
  readonly failed: (server: NameServer, failure: SystemFailure) => void;
}

/** The sockets towards one server. Each is closed as soon as nothing is awaited on it. */
export class UdpSockets {
  readonly #runtime: DnsRuntime;
  readonly #server: NameServer;
  readonly #failed: UdpSurroundings["failed"];
  readonly #sockets = new Set<QuerySocket>();

  constructor(server: NameServer, { runtime, failed }: UdpSurroundings) {
    this.#server = server;
    this.#runtime = runtime;
    this.#failed = failed;
  }

  /** Asks once. The owner may be told at once that this fails. */
  ask(question: Question, owner: AttemptOwner): Cancel {
    const socket = this.#sockets.size < MAX_SOCKETS ? this.#open() : this.#choose();
    if (socket !== undefined) return socket.ask(question, owner);
    owner.failed();
    return () => {};
  }

  #open(): QuerySocket {
    const socket = new QuerySocket(this.#server, this.#runtime, (failure) => {
      this.#sockets.delete(socket);
      if (failure !== undefined) this.#failed(this.#server, failure);
    });
    this.#sockets.add(socket);
    return socket;
  }

  #choose(): QuerySocket | undefined {
    const free = [...this.#sockets].filter(({ hasRoom }) => hasRoom);
    return free[randomId(this.#runtime) % free.length];
  }
}

interface Waiting {
  readonly question: Question;
  readonly owner: AttemptOwner;
}

/** One socket, and who waits for an answer there. */
class QuerySocket implements DatagramHandler {
  readonly #runtime: DnsRuntime;
  readonly #server: NameServer;
  readonly #host: string;
  readonly #socket: DatagramSocket;
  readonly #gone: (failure?: SystemFailure) => void;
  readonly #waiting = new Map<number, Waiting>();

  constructor(server: NameServer, runtime: DnsRuntime, gone: (failure?: SystemFailure) => void) {
    this.#runtime = runtime;
    this.#server = server;
    this.#host = parseIp(server.host) ?? server.host;
    this.#gone = gone;
    this.#socket = runtime.datagram(server, this);
  }

  get hasRoom(): boolean {
    return this.#waiting.size < MAX_QUESTIONS;
  }

  ask(question: Question, owner: AttemptOwner): Cancel {
    let id = randomId(this.#runtime);
    while (this.#waiting.has(id)) id = (id + 1) % 65536;
    const waiting = { question, owner };
    this.#waiting.set(id, waiting);
    this.#socket.send(encodeQuery(id, question));
    return () => {
      if (this.#waiting.get(id) === waiting) this.#forget(id);
    };
  }

  /**
   * Whatever is not the answer to a question of ours, from the server that it went to, is passed over, and so is what is
   * malformed: a forger who hits the id must not be able to end the wait for the real answer with it.
   */
  received(bytes: Uint8Array, from: SocketAddress): void {
    if (from.family === "unix" || from.port !== this.#server.port || parseIp(from.host) !== this.#host) return;
    const response = decodeResponse(bytes);
    const waiting = response === undefined ? undefined : this.#waiting.get(response.id);
    if (response === undefined || waiting === undefined || !isResponseTo(response, waiting.question)) return;
    this.#forget(response.id);
    waiting.owner.answered(response);
  }

  failed(failure: SystemFailure): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#gone(failure);
    for (const { owner } of all) owner.failed();
  }

  #forget(id: number): void {
    this.#waiting.delete(id);
    if (this.#waiting.size > 0) return;
    this.#gone();
    this.#socket.close();
  }
}
