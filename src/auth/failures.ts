/**
 * `auth_failure_delay`: who sends wrong passwords waits for each answer, and longer each time. A guesser gets nowhere,
 * while a phone that goes on with an old password is only slow: the same wrong password counts once.
 *
 * @module
 */

import { networkOf } from "../config/ip.ts";
import type { Cancel, Millis, Octets, Runtime, SocketAddress } from "../runtime.ts";
import type { FailureWatch } from "../session/mod.ts";
import type { Secret } from "../session/secret.ts";
import { Steps } from "../steps.ts";
import type { Authenticator, Credentials, Note, Verdict } from "./mod.ts";

/** How long answers to wrong passwords are held back. */
export interface FailureDelay {
  /** After the first one; it doubles with each that follows. */
  readonly first: Millis;
  readonly most: Millis;
  /** Whose answers are never held back. */
  readonly isExempt: (client: SocketAddress) => boolean;
}

/** What a client says that its login is. */
export interface Guess {
  readonly client: SocketAddress;
  readonly login: Octets;
  readonly secret: Secret;
}

/** How processes tell each other: they have no fingerprint in common, so that they tell addresses and numbers alone. */
export interface FailureBoard {
  publish(topic: Octets, value: unknown): void;
  subscribe(topic: Octets, hear: (value: unknown) => void): unknown;
}

/** What a {@linkcode FailureBook} can be told beside its runtime. */
export interface FailureBookOptions {
  /** How many addresses are remembered; the one that failed longest ago is forgotten for a new one. */
  readonly most?: number;
  /** The way to the books of other processes; without it there are none. */
  readonly board?: FailureBoard;
}

/**
 * What wrong passwords came from where. Of IPv6 the first 64 bits count: they are one network's. Each process goes on
 * counting from the highest number that it has heard of; a password that several of them were sent counts once in each.
 */
export class FailureBook {
  readonly #runtime: Pick<Runtime, "now" | "fingerprint">;
  readonly #most: number;
  readonly #board: FailureBoard | undefined;
  /** Those that failed last are last. */
  readonly #entries = new Map<Octets, Entry>();

  constructor(
    runtime: Pick<Runtime, "now" | "fingerprint">,
    { most = MOST_ADDRESSES, board }: FailureBookOptions = {},
  ) {
    this.#runtime = runtime;
    this.#most = most;
    this.#board = board;
    board?.subscribe(TOPIC, (value) => this.#hear(messageOf(value)));
    board?.publish(TOPIC, { isNew: true } satisfies Message);
  }

  /** How many addresses are remembered. */
  get size(): number {
    return this.#entries.size;
  }

  /** Writes a wrong password down; gives how many there were from there, this one included. */
  failed({ client, login, secret }: Guess): number {
    const key = keyOf(client);
    const entry = this.#touch(key, this.#runtime.now());
    const guess = this.#runtime.fingerprint(`${login}\0${secret.reveal()}`);
    // A digest is another one each time; nobody can tell whether it is of the same password.
    if (secret.length === 0 || !entry.guesses.includes(guess)) {
      entry.count++;
      entry.guesses = [...entry.guesses.slice(1 - MOST_GUESSES), guess];
    }
    this.#tell([[key, entry.count, 0]]);
    return entry.count;
  }

  /** Somebody from there has left before the time of its answer: it is the next one's to wait for. */
  owe(client: SocketAddress, until: Millis): void {
    const entry = this.#entries.get(keyOf(client));
    if (entry !== undefined) entry.owedUntil = Math.max(entry.owedUntil, until);
  }

  /** How long a login from there has to wait for those that did not, in whole milliseconds. */
  owed(client: SocketAddress): Millis {
    if (this.#entries.size === 0) return 0;
    const until = this.#entries.get(keyOf(client))?.owedUntil ?? 0;
    return Math.max(Math.ceil(until - this.#runtime.now()), 0);
  }

  /** Somebody from there is in: all is forgiven. */
  succeeded(client: SocketAddress): void {
    if (this.#entries.size === 0) return;
    const key = keyOf(client);
    if (this.#entries.delete(key)) this.#tell([[key, 0, 0]]);
  }

  /** The entry of an address that has failed at that time, which is now the last one. */
  #touch(key: Octets, now: Millis): Entry {
    const known = this.#entries.get(key);
    const entry = known === undefined || now - known.last > MEMORY
      ? { count: 0, last: now, guesses: [], owedUntil: 0 }
      : known;
    entry.last = Math.max(entry.last, now);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#forgetOldest();
    return entry;
  }

  #tell(counts: NonNullable<Message["counts"]>): void {
    this.#board?.publish(TOPIC, { counts } satisfies Message);
  }

  #hear({ isNew, counts = [] }: Message): void {
    const now = this.#runtime.now();
    if (isNew) this.#tellAll(now);
    for (const [key, count, age] of counts) {
      if (count === 0) this.#entries.delete(key);
      else if (age <= MEMORY) {
        const entry = this.#touch(key, now - age);
        entry.count = Math.max(entry.count, count);
      }
    }
  }

  #tellAll(now: Millis): void {
    const all = Array.from(this.#entries, ([key, { count, last }]) => [key, count, now - last] as const);
    for (let at = 0; at < all.length; at += MOST_AT_ONCE) this.#tell(all.slice(at, at + MOST_AT_ONCE));
  }

  #forgetOldest(): void {
    if (this.#entries.size <= this.#most) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}

interface Entry {
  count: number;
  last: Millis;
  /** Fingerprints of what was tried last. */
  guesses: readonly Octets[];
  /** Until when somebody was to wait who did not. */
  owedUntil: Millis;
}

/** What books tell each other. */
interface Message {
  /** The sender has just begun, and wants to be told all. */
  readonly isNew?: true;
  /** How many wrong passwords there were, none after a right one, and how long ago the last one came. */
  readonly counts?: readonly (readonly [key: Octets, count: number, age: Millis])[];
}

/** The board carries what another process of ours has written. */
function messageOf(value: unknown): Message {
  return typeof value === "object" && value !== null ? value : {};
}

/** How long the answer is held back to the failure that is the `count`th. */
export function delayOf({ first, most }: FailureDelay, count: number): Millis {
  return Math.min(most, first * 2 ** Math.min(count - 1, 30));
}

/** Holds back what another source refuses. */
export class SlowedAuthenticator implements Authenticator {
  readonly #source: Authenticator;
  readonly #delay: FailureDelay;
  readonly #book: FailureBook;
  readonly #runtime: Pick<Runtime, "now" | "timer">;

  constructor(
    source: Authenticator,
    { delay, book, runtime }: {
      readonly delay: FailureDelay;
      readonly book: FailureBook;
      readonly runtime: Pick<Runtime, "now" | "timer">;
    },
  ) {
    this.#source = source;
    this.#delay = delay;
    this.#book = book;
    this.#runtime = runtime;
  }

  identify(credentials: Credentials): Octets | undefined {
    return this.#source.identify?.(credentials);
  }

  authenticate(credentials: Credentials, note: Note, done: (verdict: Verdict) => void): Cancel {
    // Mail without a login shows no password, neither a wrong one nor a right one.
    if (credentials.method === "none") return this.#source.authenticate(credentials, note, done);
    const steps = new Steps();
    const ask = () => steps.begin(() => this.#ask(credentials, { note, done, steps }));
    const owed = this.#delay.isExempt(credentials.client) ? 0 : this.#book.owed(credentials.client);
    if (owed > 0) {
      note("info", `login held back for ${owed} ms: a client of this address did not wait for its answer`);
      steps.begin(() => this.#runtime.timer(owed, ask));
    } else ask();
    return () => steps.cancel();
  }

  #ask(credentials: Credentials, { note, done, steps }: Asking): Cancel {
    const { client } = credentials;
    return this.#source.authenticate(credentials, note, (verdict) => {
      if (verdict.type === "accepted" && !verdict.isPassThrough) this.#book.succeeded(client);
      if (verdict.type !== "refused") return done(verdict);
      const held = this.failed(credentials);
      if (held.text !== "") note("info", held.text);
      if (held.delay === 0) return done(verdict);
      // Without a wait the connection would be closed behind the answer.
      const wait = verdict.wait === 0 ? 0 : Math.max(verdict.wait - held.delay, 1);
      steps.begin(() => this.#holdBack(client, held.delay, () => done({ ...verdict, wait })));
    });
  }

  /** Who leaves has learned that the password was wrong: without this, a guesser need not wait at all. */
  #holdBack(client: SocketAddress, delay: Millis, answer: () => void): Cancel {
    const until = this.#runtime.now() + delay;
    const cancel = this.#runtime.timer(delay, answer);
    return () => {
      cancel();
      this.#book.owe(client, until);
    };
  }

  /** Writes a wrong password down; gives how long its answer has to wait, and what the log is to hear of that. */
  failed(guess: Guess): { readonly delay: Millis; readonly text: Octets } {
    if (this.#delay.isExempt(guess.client)) return { delay: 0, text: "" };
    const count = this.#book.failed(guess);
    const delay = delayOf(this.#delay, count);
    return { delay, text: `wrong password number ${count} from this address, answer held back for ${delay} ms` };
  }

  /** For an upstream that checks logins itself. */
  watch(client: SocketAddress): FailureWatch {
    return {
      failed: (login, secret) => this.failed({ client, login, secret }),
      succeeded: () => this.#book.succeeded(client),
    };
  }

  close(): void {
    this.#source.close();
  }
}

/** What one login is asked with. */
interface Asking {
  readonly note: Note;
  readonly done: (verdict: Verdict) => void;
  readonly steps: Steps;
}

function keyOf(client: SocketAddress): Octets {
  if (client.family === "unix") return "unix:";
  return networkOf(client.host);
}

/** How long an address is remembered after its last failure. */
const MEMORY: Millis = 15 * 60_000;

/** About 20 MiB. */
const MOST_ADDRESSES = 65_536;

const TOPIC = "auth_failure_delay";
/** Less than what a board carries in one message, which is 65,536 characters. */
const MOST_AT_ONCE = 500;

/** How many of an address's last guesses are known again. */
const MOST_GUESSES = 8;
