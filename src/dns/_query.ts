/** One question on its way to its answer: from server to server, and from UDP to TCP. */

import type { Cancel, Millis } from "../runtime.ts";
import type { DnsRuntime, NameServer } from "./_attempt.ts";
import { askOverTcp } from "./_tcp.ts";
import { UdpSockets, type UdpSurroundings } from "./_udp.ts";
import type { Question, Response } from "./message.ts";

/** How long a server has to answer before the next one is asked, as in nginx. */
export const RESEND_DELAY: Millis = 5000;

/** How many attempts are awaited at once; beyond it the oldest is given up. */
export const MAX_ATTEMPTS = 4;

/** The servers of a resolver, which take turns. */
export class NameServers {
  readonly runtime: DnsRuntime;
  readonly all: readonly { readonly server: NameServer; readonly udp: UdpSockets }[];
  #turn = 0;

  constructor(servers: readonly NameServer[], surroundings: UdpSurroundings) {
    this.runtime = surroundings.runtime;
    this.all = servers.map((server) => ({ server, udp: new UdpSockets(server, surroundings) }));
  }

  /** With whom the next question begins. */
  takeTurn(): number {
    const turn = this.#turn;
    this.#turn = (turn + 1) % this.all.length;
    return turn;
  }
}

/** Asks until somebody answers or it is cancelled. An answer that is late is still one. */
export class Query {
  readonly #servers: NameServers;
  readonly #question: Question;
  readonly #answered: (response: Response) => void;
  #turn: number;
  #attempts: Cancel[] = [];
  #timer: Cancel | undefined;
  /** How many servers were passed over at once, without waiting. */
  #skipped = 0;
  #isOver = false;

  constructor(servers: NameServers, question: Question, answered: (response: Response) => void) {
    this.#servers = servers;
    this.#question = question;
    this.#answered = answered;
    this.#turn = servers.takeTurn();
  }

  /** Sets out, and again whenever nobody has answered for a while. Call it once. */
  start(): void {
    this.#skipped = 0;
    this.#askNext();
  }

  cancel(): void {
    this.#isOver = true;
    this.#timer?.();
    for (const cancel of this.#attempts.splice(0)) cancel();
  }

  #askNext(): void {
    const { all } = this.#servers;
    const peer = all[this.#turn++ % all.length];
    if (peer === undefined) return;
    this.#startTimer();
    this.#keep(peer.udp.ask(this.#question, {
      answered: (response) => this.#take(response, peer.server),
      failed: () => this.#skip(),
    }));
  }

  #take(response: Response, server: NameServer): void {
    if (response.isTruncated) return this.#askOverTcp(server);
    this.cancel();
    this.#answered(response);
  }

  #askOverTcp(server: NameServer): void {
    const { runtime } = this.#servers;
    this.#startTimer();
    this.#keep(askOverTcp({ server, question: this.#question, runtime }, {
      answered: (response) => this.#take(response, server),
      failed: () => this.#skip(),
    }));
  }

  /** A server that refuses, or breaks off, gives way to the next at once; when all have done so, it is waited. */
  #skip(): void {
    if (this.#isOver || this.#skipped >= this.#servers.all.length - 1) return;
    this.#skipped++;
    this.#askNext();
  }

  #startTimer(): void {
    this.#timer?.();
    this.#timer = this.#servers.runtime.timer(RESEND_DELAY, () => this.start());
  }

  #keep(attempt: Cancel): void {
    // It may have ended while it was made.
    if (this.#isOver) return attempt();
    this.#attempts.push(attempt);
    if (this.#attempts.length > MAX_ATTEMPTS) this.#attempts.shift()?.();
  }
}
