/**
 * The board of a worker process: what is published goes to the main process, and from there to all other workers.
 *
 * @module
 */

import type { Board } from "../proxy/board.ts";
import type { Cancel, MainLink, Millis, Octets, Runtime } from "../runtime.ts";
import type { FromWorker } from "./messages.ts";

/** What a {@linkcode WorkerBoard} works with. */
export interface WorkerBoardOptions {
  readonly number: number;
  readonly link: Pick<MainLink, "send">;
  readonly runtime: Pick<Runtime, "timer">;
}

type Hearer = Parameters<Board["subscribe"]>[1];

/**
 * Messages leave in batches of {@linkcode MOST_AT_ONCE} each {@linkcode PAUSE}; of those that wait, the oldest are lost
 * past {@linkcode MOST_WAITING}, as is one of more than {@linkcode LONGEST} characters.
 */
export class WorkerBoard implements Board {
  readonly id: number;
  isFirst = false;
  readonly #options: WorkerBoardOptions;
  readonly #hearers = new Map<Octets, Set<Hearer>>();
  readonly #mourners = new Set<(id: number) => void>();
  readonly #waiting: FromWorker[] = [];
  #isPausing = false;
  #left = MOST_AT_ONCE;

  constructor(options: WorkerBoardOptions) {
    this.#options = options;
    this.id = options.number;
  }

  publish(topic: Octets, value: unknown): void {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined || text.length > LONGEST) return;
    const message: FromWorker = { type: "news", topic, value };
    if (this.#left > 0 && this.#waiting.length === 0) return this.#send(message);
    // As it is now: who published it may change it until it leaves.
    this.#waiting.push({ ...message, value: JSON.parse(text) as unknown });
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
    this.#pause();
  }

  subscribe(topic: Octets, hear: Hearer): Cancel {
    const hearers = this.#hearers.get(topic) ?? new Set();
    this.#hearers.set(topic, hearers);
    hearers.add(hear);
    return () => {
      hearers.delete(hear);
      if (hearers.size === 0 && this.#hearers.get(topic) === hearers) this.#hearers.delete(topic);
    };
  }

  onGone(hear: (id: number) => void): Cancel {
    this.#mourners.add(hear);
    return () => this.#mourners.delete(hear);
  }

  /** Another worker has published something; `isEarlier`: one that serves an earlier configuration. */
  heard(
    topic: Octets,
    value: unknown,
    { from, isEarlier = false }: { readonly from: number; readonly isEarlier?: boolean },
  ): void {
    for (const hear of [...this.#hearers.get(topic) ?? []]) hear(value, from, isEarlier);
  }

  /** Another worker is gone. */
  gone(id: number): void {
    for (const hear of [...this.#mourners]) hear(id);
  }

  #send(message: FromWorker): void {
    this.#left = this.#options.link.send(message) ? this.#left - 1 : 0;
    this.#pause();
  }

  #pause(): void {
    if (this.#isPausing) return;
    this.#isPausing = true;
    this.#options.runtime.timer(PAUSE, () => {
      this.#isPausing = false;
      this.#left = MOST_AT_ONCE;
      while (this.#left > 0) {
        const next = this.#waiting.shift();
        if (next === undefined) return;
        this.#send(next);
      }
      if (this.#waiting.length > 0) this.#pause();
    });
  }
}

/** 5,000 a second: far more than counts and states need, and no load for the main process. */
export const MOST_AT_ONCE = 250;
export const PAUSE: Millis = 50;
export const MOST_WAITING = 2048;
/** Of a value as JSON. */
export const LONGEST = 65_536;
