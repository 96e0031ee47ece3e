/**
 * `auth_http_cache`: answers that let somebody in serve for a while when the same is asked again. What was asked is
 * known by its fingerprint alone, so that no password is anybody's key.
 *
 * @module
 */

import type { Cancel, Millis, Octets, Runtime } from "../runtime.ts";
import type { Accepted, Authenticator, AuthMethod, Credentials, Note, Verdict } from "./mod.ts";
import type { RouteFor } from "./pass_through.ts";

/** Answers by the fingerprints of their questions. None stays in memory for long after its time: it may have a password. */
export class AnswerStore {
  readonly #capacity: number;
  readonly #runtime: Pick<Runtime, "now" | "timer">;
  /** Those used last are last. */
  readonly #answers = new Map<Octets, Answer>();
  #sweep: Cancel | undefined;

  /** `capacity` is how many there can be; the one used longest ago makes room for a new one. */
  constructor(capacity: number, runtime: Pick<Runtime, "now" | "timer">) {
    this.#capacity = capacity;
    this.#runtime = runtime;
  }

  get size(): number {
    return this.#answers.size;
  }

  find(key: Octets): Accepted | undefined {
    const answer = this.#answers.get(key);
    this.#answers.delete(key);
    if (answer === undefined || answer.until <= this.#runtime.now()) return undefined;
    this.#answers.set(key, answer);
    return answer.verdict;
  }

  /** Keeps an answer for so long. */
  keep(key: Octets, verdict: Accepted, valid: Millis): void {
    this.#answers.delete(key);
    const [oldest] = this.#answers.keys();
    if (this.size >= this.#capacity && oldest !== undefined) this.#answers.delete(oldest);
    this.#answers.set(key, { verdict, until: this.#runtime.now() + valid });
    this.#sweep ??= this.#runtime.timer(valid, () => this.#dropOld(valid));
  }

  forget(key: Octets): void {
    this.#answers.delete(key);
  }

  clear(): void {
    this.#answers.clear();
    this.#sweep?.();
    this.#sweep = undefined;
  }

  #dropOld(period: Millis): void {
    const now = this.#runtime.now();
    for (const [key, { until }] of this.#answers) if (until <= now) this.#answers.delete(key);
    this.#sweep = this.size === 0 ? undefined : this.#runtime.timer(period, () => this.#dropOld(period));
  }
}

interface Answer {
  readonly verdict: Accepted;
  readonly until: Millis;
}

/** What a {@linkcode CachedAuthenticator} works with. */
export interface CacheSetting {
  readonly store: AnswerStore;
  readonly valid: Millis;
  /** Whose answers are kept. */
  readonly methods: readonly AuthMethod[];
  /** All that the answer may depend on, the password included. */
  readonly question: (credentials: Credentials) => Octets;
  /** Where logins go whose answer names no server: it may be elsewhere for the next one. */
  readonly routeFor: RouteFor | undefined;
  readonly runtime: Pick<Runtime, "fingerprint">;
}

/** Asks another source what is not known yet. */
export class CachedAuthenticator implements Authenticator {
  readonly #source: Authenticator;
  readonly #setting: CacheSetting;
  #isClosed = false;

  constructor(source: Authenticator, setting: CacheSetting) {
    this.#source = source;
    this.#setting = setting;
  }

  authenticate(credentials: Credentials, note: Note, done: (verdict: Verdict) => void): Cancel {
    const { methods, question, runtime, store } = this.#setting;
    if (this.#isClosed || !methods.includes(credentials.method)) {
      return this.#source.authenticate(credentials, note, done);
    }
    const key = runtime.fingerprint(question(credentials));
    const known = store.find(key);
    if (known !== undefined) {
      note("info", "auth http answer is a cached one");
      done(this.#again(known, { key, credentials, note }));
      return () => {};
    }
    return this.#source.authenticate(credentials, note, (verdict) => done(this.#keep(key, verdict)));
  }

  close(): void {
    this.#isClosed = true;
    this.#setting.store.clear();
    this.#source.close();
  }

  #keep(key: Octets, verdict: Verdict): Verdict {
    if (verdict.type !== "accepted" || verdict.mayBeKept === false || this.#isClosed) return verdict;
    const { store, valid } = this.#setting;
    store.keep(key, verdict, valid);
    return { ...verdict, kept: { isOld: false, forget: () => store.forget(key) } };
  }

  #again(
    known: Accepted,
    { key, credentials, note }: { readonly key: Octets; readonly credentials: Credentials; readonly note: Note },
  ): Verdict {
    const { store, routeFor } = this.#setting;
    const route = known.isRouteOurs ? routeFor?.(credentials, note) : known.route;
    if (route === undefined) return { type: "unavailable" };
    return { ...known, route, kept: { isOld: true, forget: () => store.forget(key) } };
  }
}
