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
  #sweep: Cancel = () => {};
  /** How often old ones are looked for: as often as the shortest time that one was kept for. `Infinity` for not at all. */
  #period: Millis = Infinity;

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
    // Server blocks that share a zone need not keep their answers for as long.
    if (valid < this.#period) this.#sweepEach(valid);
  }

  forget(key: Octets): void {
    this.#answers.delete(key);
  }

  clear(): void {
    this.#answers.clear();
    this.#sweep();
    this.#period = Infinity;
  }

  #sweepEach(period: Millis): void {
    this.#sweep();
    this.#period = period;
    this.#sweep = this.#runtime.timer(period, () => this.#dropOld());
  }

  #dropOld(): void {
    const now = this.#runtime.now();
    for (const [key, { until }] of this.#answers) if (until <= now) this.#answers.delete(key);
    if (this.size === 0) this.#period = Infinity;
    else this.#sweepEach(this.#period);
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

/** Asks another source what is not known yet. Who asks the same meanwhile waits for that answer. */
export class CachedAuthenticator implements Authenticator {
  readonly #source: Authenticator;
  readonly #setting: CacheSetting;
  /** Those who wait, by the question that is being asked. */
  readonly #asking = new Map<Octets, Set<Login>>();
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
    const login: Login = { credentials, note, done, cancel: () => {} };
    const known = store.find(key);
    const waiting = this.#asking.get(key);
    if (known !== undefined) {
      note("info", "auth http answer is a cached one");
      done(this.#again(known, key, { login, isOld: true }));
    } else if (waiting === undefined) {
      this.#ask(key, login, new Set());
    } else {
      waiting.add(login);
      login.cancel = () => waiting.delete(login);
    }
    return () => login.cancel();
  }

  #ask(key: Octets, login: Login, waiting: Set<Login>): void {
    this.#asking.set(key, waiting);
    let isOver = false;
    const cancel = this.#source.authenticate(login.credentials, login.note, (verdict) => {
      isOver = true;
      this.#asking.delete(key);
      login.done(this.#keep(key, verdict));
      for (const other of waiting) this.#settle(key, other, verdict);
    });
    login.cancel = () => {
      cancel();
      if (isOver) return;
      this.#asking.delete(key);
      const [next] = waiting;
      if (next === undefined) return;
      waiting.delete(next);
      this.#ask(key, next, waiting);
    };
  }

  /** Only what may be kept is good for those who waited; a refusal each has to be given by the server itself. */
  #settle(key: Octets, login: Login, verdict: Verdict): void {
    const known = this.#setting.store.find(key);
    if (known !== undefined) return login.done(this.#again(known, key, { login, isOld: false }));
    if (verdict.type === "unavailable") {
      login.note("error", "auth http server could not be asked for another login, which this one waited for");
      return login.done(verdict);
    }
    login.cancel = this.#source.authenticate(login.credentials, login.note, login.done);
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

  #again(known: Accepted, key: Octets, { login, isOld }: { readonly login: Login; readonly isOld: boolean }): Verdict {
    const { store, routeFor } = this.#setting;
    const route = known.isRouteOurs ? routeFor?.(login.credentials, login.note) : known.route;
    if (route === undefined) return { type: "unavailable" };
    return { ...known, route, kept: { isOld, forget: () => store.forget(key) } };
  }
}

/** Somebody who wants to know. */
interface Login {
  readonly credentials: Credentials;
  readonly note: Note;
  readonly done: (verdict: Verdict) => void;
  cancel: Cancel;
}
