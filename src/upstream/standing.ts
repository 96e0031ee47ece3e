/**
 * What is known of a server: how many connections it has, and whether it may be tried. It outlives the configuration
 * that named the server. This file has the rules by which failures take a server out, and knows nothing of choosing.
 *
 * @module
 */

import type { Millis, Octets } from "../runtime.ts";
import type { Health } from "./health/mod.ts";

/** What the configuration says of a server's failures. */
export interface FailureLimits {
  /** 0: they do not count. */
  readonly maxFails: number;
  readonly failTimeout: Millis;
}

/** One failure. */
export interface Failure {
  /** The client whose failure alone it may be; `undefined` for one that no client has a part in. */
  readonly client: Octets | undefined;
  /** When the attempt began, and now. */
  readonly began: Millis;
  readonly now: Millis;
}

/** A server that is out: since when, and when a login may try it. */
interface Rest {
  readonly since: Millis;
  readonly until: Millis;
}

/** Counts the connections to a server: those of this process, and of others where they tell theirs. */
export interface Tally {
  readonly total: number;
  add(): void;
  remove(): void;
}

export class Standing {
  /** Counts attempts that have not been released, whatever generation they are of. */
  readonly tally: Tally;
  #health: Health | undefined;
  #rest: Rest | undefined;
  /** When it came back: what began before counts no more. */
  #backSince: Millis = -Infinity;
  /** Failures that no client has a part in, each less than `fail_timeout` after the one before. */
  #fails = 0;
  #failedAt: Millis = -Infinity;
  /** When the login of which client failed last. */
  readonly #clients = new Map<Octets, Millis>();

  constructor(tally: Tally = new OwnTally()) {
    this.tally = tally;
  }

  /** How many attempts have not been released. */
  get connections(): number {
    return this.tally.total;
  }

  /** For how long a server that is out stays so, before a login tries it; `undefined` for one that is not. */
  outFor(now: Millis): Millis | undefined {
    return this.#rest === undefined ? undefined : Math.max(0, this.#rest.until - now);
  }

  /** How its checks see it; `undefined` where nobody checks it. */
  get health(): Health | undefined {
    return this.#health;
  }

  /** Whether its checks, if there are any, let it have sessions. */
  get isFit(): boolean {
    return this.#health === undefined || this.#health === "up";
  }

  /** A check has found out how it is, or it is to be checked no more. */
  checked(health: Health | undefined, now: Millis): void {
    if (health === "up" && this.#health !== undefined && this.#health !== "up") this.#backSince = now;
    this.#health = health;
  }

  /** When it came back, if it was ever out. */
  get backSince(): Millis {
    return this.#backSince;
  }

  /** How many failures speak against it. */
  get fails(): number {
    return this.#fails + this.#clients.size;
  }

  /** Whether a login may try it. */
  mayTry(now: Millis): boolean {
    return this.#rest === undefined || now >= this.#rest.until;
  }

  /** A login tries it: of a server that is out, one at a time. */
  tried(now: Millis, { failTimeout }: FailureLimits): void {
    if (this.#rest !== undefined) this.#rest = { ...this.#rest, until: now + failTimeout };
  }

  /** It has failed; gives whether that takes it out. */
  failed({ client, began, now }: Failure, { maxFails, failTimeout }: FailureLimits): boolean {
    if (maxFails === 0 || began < this.#backSince) return false;
    if (this.#rest !== undefined) {
      this.#rest = { ...this.#rest, until: now + failTimeout };
      return false;
    }
    this.#forget(now - failTimeout);
    if (client === undefined) {
      this.#fails++;
      this.#failedAt = now;
    } else {
      this.#clients.set(client, now);
    }
    if (!this.#isEnough(maxFails)) return false;
    this.#rest = { since: now, until: now + failTimeout };
    return true;
  }

  /** It has done its work; gives how long it was out, if that brings it back. */
  succeeded(began: Millis, now: Millis): Millis | undefined {
    // Whoever is served here speaks for the server, as far as clients speak against it.
    this.#clients.clear();
    if (this.#rest === undefined || began < this.#rest.since) return undefined;
    const { since } = this.#rest;
    this.#comeBack(now);
    return now - since;
  }

  /** Another process has found it out of order: it is out for so long. */
  heardOut(now: Millis, outFor: Millis): void {
    this.#rest ??= { since: now, until: now + outFor };
  }

  /** Another process has been served by it. */
  heardBack(now: Millis): void {
    if (this.#rest !== undefined) this.#comeBack(now);
  }

  #comeBack(now: Millis): void {
    this.#rest = undefined;
    this.#fails = 0;
    this.#clients.clear();
    this.#backSince = now;
  }

  #isEnough(maxFails: number): boolean {
    if (this.#fails >= maxFails) return true;
    // One client's failures alone never take a server out, however many they are.
    return this.#clients.size > 1 && this.fails >= Math.min(maxFails, MOST_CLIENTS);
  }

  #forget(before: Millis): void {
    if (this.#failedAt < before) this.#fails = 0;
    for (const [client, at] of this.#clients) if (at < before) this.#clients.delete(client);
  }
}

class OwnTally implements Tally {
  total = 0;

  add(): void {
    this.total++;
  }

  remove(): void {
    this.total--;
  }
}

/** How many clients are remembered: that many take a server out, whatever `max_fails` says. */
export const MOST_CLIENTS = 256;
