/**
 * How sessions are ended whose time is over, because we stop or they belong to a configuration that was replaced: one by
 * one over all the time they have, so that tens of thousands of clients do not come back in the same second.
 *
 * @module
 */

import type { Millis, Runtime } from "../runtime.ts";

/** A session that has to end. */
export interface Leaver {
  /** How long it has been silent; `undefined` while its client is not logged in. */
  readonly idleFor: Millis | undefined;
}

/** What the end of sessions needs. */
export interface FarewellOptions<L extends Leaver> {
  readonly runtime: Pick<Runtime, "now" | "timer" | "random">;
  /** How long they may stay at most. */
  readonly duration: Millis;
  readonly isHere: (leaver: L) => boolean;
  /** Ends them now. */
  readonly tell: (leavers: readonly L[]) => void;
}

/**
 * Whoever has been silent for longest goes first: it misses nothing. Whoever has stirred since is put off once. Those
 * that are not logged in have until the end, and the last session too.
 */
export class Farewells<L extends Leaver> {
  readonly #options: FarewellOptions<L>;
  readonly #began: Millis;
  readonly #end: Millis;
  /** Those to tell, in order; those that are put off stand behind `#firstRound`. */
  readonly #queue: L[];
  readonly #firstRound: number;
  #at = 0;
  /** How many are to be told still. */
  #count = 0;
  #recountAt = -Infinity;

  constructor(leavers: readonly L[], options: FarewellOptions<L>) {
    this.#options = options;
    this.#began = options.runtime.now();
    this.#end = this.#began + options.duration;
    this.#queue = byIdleness(leavers);
    this.#firstRound = leavers.length;
    this.#arm();
  }

  /** Has another stand in the places of one that it goes on for. */
  replace(leaver: L, successor: L): void {
    for (const [at, each] of this.#queue.entries()) if (each === leaver) this.#queue[at] = successor;
  }

  #arm(): void {
    const { runtime } = this.#options;
    const left = this.#end - runtime.now();
    if (left > STEP && runtime.now() >= this.#recountAt && !this.#recount()) return;
    const count = this.#count;
    if (left <= STEP || count <= 1) return this.#wait(left, () => this.#tellAll());
    const pause = Math.min(left, Math.max(STEP, left / count) * (0.5 + this.#chance()));
    const due = Math.max(1, Math.round(count * pause / left));
    this.#count -= due;
    this.#wait(pause, () => {
      this.#options.tell(Array.from({ length: due }, () => this.#next()).filter((leaver) => leaver !== undefined));
      this.#arm();
    });
  }

  /** Counts those that are to be told; `false` when nobody is here any more. */
  #recount(): boolean {
    const { runtime, isHere } = this.#options;
    this.#recountAt = runtime.now() + RECOUNT;
    this.#count = 0;
    for (let at = this.#at; at < this.#queue.length; at++) {
      const leaver = this.#queue[at];
      if (leaver !== undefined && leaver.idleFor !== undefined && isHere(leaver)) this.#count++;
    }
    return this.#count > 0 || this.#queue.some(isHere);
  }

  #wait(pause: Millis, then: () => void): void {
    this.#options.runtime.timer(Math.max(0, pause), then);
  }

  #tellAll(): void {
    this.#options.tell(this.#queue.slice(0, this.#firstRound).filter(this.#options.isHere));
  }

  #next(): L | undefined {
    const { runtime, isHere } = this.#options;
    const elapsed = runtime.now() - this.#began;
    for (let at = this.#at; at < this.#queue.length; at++) {
      const leaver = this.#queue[at];
      this.#at = at + 1;
      if (leaver === undefined || !isHere(leaver)) continue;
      const { idleFor } = leaver;
      if (at < this.#firstRound && (idleFor === undefined || idleFor < elapsed)) this.#queue.push(leaver);
      else if (idleFor !== undefined) return leaver;
    }
    return undefined;
  }

  /** From 0 to 1. */
  #chance(): number {
    return (this.#options.runtime.random(new Uint8Array(1))[0] ?? 0) / 255;
  }
}

/** The longest silent first; those that are not logged in last. */
function byIdleness<L extends Leaver>(leavers: readonly L[]): L[] {
  const times = new Map(leavers.map((leaver) => [leaver, leaver.idleFor ?? -1]));
  return [...leavers].sort((one, other) => (times.get(other) ?? 0) - (times.get(one) ?? 0));
}

/** How often we look who has left or logged in meanwhile. */
const RECOUNT: Millis = 1_000;

/** No more often than that: a thousand farewells at a time cost as much as one. */
const STEP: Millis = 100;
