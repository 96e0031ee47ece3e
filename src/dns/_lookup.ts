/**
 * From a question to its answer: asks, and follows the aliases that stand between the name and its records (RFC 1034,
 * 3.6.2). Whoever asks the same meanwhile waits for the same answer.
 *
 * @module
 */

import type { Cancel, Millis, Octets, SystemFailure } from "../runtime.ts";
import { type NameServers, Query } from "./_query.ts";
import { failureOf, HOST_NOT_FOUND, SERVER_FAILURE } from "./failure.ts";
import { createQuestion, type Question, type RecordData, type Response } from "./message.ts";

/** How many aliases lead to an answer at most. */
export const MAX_ALIASES = 16;

/** No TTL counts for longer than a day. */
export const MAX_TTL: Millis = 86_400_000;

/** What a question came to. */
export interface Answer {
  /** The data of all records of the wanted type, in the order of the response; at least one. */
  readonly data: readonly RecordData[];
  /** How long it holds: the shortest TTL on the way, or `valid`. */
  readonly ttl: Millis;
}

/** Takes what a question came to. */
export type Waiter = (answer: Answer | SystemFailure) => void;

export interface LookupOptions {
  readonly question: Question;
  readonly servers: NameServers;
  /** What counts instead of any TTL. */
  readonly valid: Millis | undefined;
}

/** A question, asked once for all who wait for it. */
export class Lookup {
  readonly #servers: NameServers;
  readonly #valid: Millis | undefined;
  readonly #over: (answer: Answer | SystemFailure | undefined) => void;
  readonly #waiters = new Set<Waiter>();
  /** The question under way: the first one, or the one to which its aliases have led. */
  #question: Question;
  #query: Query | undefined;
  #aliases = 0;
  #ttl: Millis = MAX_TTL;
  #isOver = false;

  /** `over` is told first, with the answer, or `undefined` when nobody waits any more. */
  constructor({ question, servers, valid }: LookupOptions, over: (answer: Answer | SystemFailure | undefined) => void) {
    this.#question = question;
    this.#servers = servers;
    this.#valid = valid;
    this.#over = over;
  }

  /** Sets out. Call it once. */
  start(): void {
    this.#query = new Query(this.#servers, this.#question, (response) => this.#take(response));
    this.#query.start();
  }

  /** Adds somebody who waits. When the last one leaves, the question is taken back. */
  join(waiter: Waiter): Cancel {
    this.#waiters.add(waiter);
    return () => {
      if (!this.#waiters.delete(waiter) || this.#waiters.size > 0 || this.#isOver) return;
      this.#query?.cancel();
      this.#over(undefined);
    };
  }

  #take(response: Response): void {
    if (response.rcode !== 0) return this.#finish(failureOf(response.rcode));
    const { name, type } = this.#question;
    const end = this.#follow(response, name);
    const found = response.records.filter((record) => record.name === end && record.data.type === type);
    if (found.length > 0) {
      for (const { ttl } of found) this.#limit(ttl);
      return this.#finish({ data: found.map(({ data }) => data), ttl: this.#valid ?? this.#ttl });
    }
    if (end === name) return this.#finish(HOST_NOT_FOUND);
    const next = end === undefined ? undefined : createQuestion(end, type);
    if (next === undefined) return this.#finish(SERVER_FAILURE);
    // A server that answers with the alias alone leaves it to us to ask for what is behind it.
    this.#question = next;
    this.start();
  }

  /** Where the aliases in a response lead; `undefined` when there are too many of them, as in a loop. */
  #follow(response: Response, name: Octets): Octets | undefined {
    let end = name;
    for (;;) {
      const alias = response.records.find((record) => record.name === end && record.data.type === "CNAME");
      if (alias?.data.type !== "CNAME") return end;
      if (++this.#aliases > MAX_ALIASES) return undefined;
      this.#limit(alias.ttl);
      end = alias.data.target;
    }
  }

  #limit(seconds: number): void {
    this.#ttl = Math.min(this.#ttl, seconds * 1000);
  }

  #finish(answer: Answer | SystemFailure): void {
    const waiters = [...this.#waiters];
    this.#isOver = true;
    this.#over(answer);
    for (const waiter of waiters) {
      // One that was told may have made another one leave.
      if (this.#waiters.delete(waiter)) waiter(answer);
    }
  }
}
