/**
 * `auth_failure_delay`: who sends wrong passwords waits for each answer, and longer each time. A guesser gets nowhere,
 * while a phone that goes on with an old password is only slow: the same wrong password counts once.
 *
 * @module
 */

import { parseIpv4, parseIpv6 } from "../config/ip.ts";
import type { Cancel, Millis, Octets, Runtime, SocketAddress } from "../runtime.ts";
import type { FailureWatch } from "../session/mod.ts";
import type { Secret } from "../session/secret.ts";
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

/** What wrong passwords came from where. Of IPv6 the first 64 bits count: they are one network's. */
export class FailureBook {
  readonly #runtime: Pick<Runtime, "now" | "fingerprint">;
  readonly #most: number;
  /** Those that failed last are last. */
  readonly #entries = new Map<Octets, Entry>();

  /** `most` is how many addresses are remembered; the one that failed longest ago is forgotten for a new one. */
  constructor(runtime: Pick<Runtime, "now" | "fingerprint">, most = MOST_ADDRESSES) {
    this.#runtime = runtime;
    this.#most = most;
  }

  /** How many addresses are remembered. */
  get size(): number {
    return this.#entries.size;
  }

  /** Writes a wrong password down; gives how many there were from there, this one included. */
  failed({ client, login, secret }: Guess): number {
    const key = keyOf(client);
    const now = this.#runtime.now();
    const known = this.#entries.get(key);
    const entry = known === undefined || now - known.last > MEMORY ? { count: 0, last: now, guesses: [] } : known;
    const guess = this.#runtime.fingerprint(`${login}\0${secret.reveal()}`);
    // A digest is another one each time; nobody can tell whether it is of the same password.
    if (secret.length === 0 || !entry.guesses.includes(guess)) {
      entry.count++;
      entry.guesses = [...entry.guesses.slice(1 - MOST_GUESSES), guess];
    }
    entry.last = now;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#forgetOldest();
    return entry.count;
  }

  /** Somebody from there is in: all is forgiven. */
  succeeded(client: SocketAddress): void {
    if (this.#entries.size > 0) this.#entries.delete(keyOf(client));
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
  readonly #runtime: Pick<Runtime, "timer">;

  constructor(
    source: Authenticator,
    { delay, book, runtime }: {
      readonly delay: FailureDelay;
      readonly book: FailureBook;
      readonly runtime: Pick<Runtime, "timer">;
    },
  ) {
    this.#source = source;
    this.#delay = delay;
    this.#book = book;
    this.#runtime = runtime;
  }

  authenticate(credentials: Credentials, note: Note, done: (verdict: Verdict) => void): Cancel {
    let cancel: Cancel = () => {};
    const asked = this.#source.authenticate(credentials, note, (verdict) => {
      const { client } = credentials;
      if (verdict.type === "accepted" && !verdict.isPassThrough) this.#book.succeeded(client);
      if (verdict.type !== "refused") return done(verdict);
      const held = this.failed(credentials);
      if (held.text !== "") note("info", held.text);
      const delay = held.delay - verdict.wait;
      if (delay <= 0) return done(verdict);
      cancel = this.#runtime.timer(delay, () => done(verdict));
    });
    return () => {
      asked();
      cancel();
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

function keyOf(client: SocketAddress): Octets {
  if (client.family === "unix") return "unix:";
  const words = client.host.includes(":") ? parseIpv6(client.host) : undefined;
  if (words === undefined) return (parseIpv4(client.host) ?? [client.host]).join(".");
  const isMapped = words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff;
  return isMapped ? client.host.slice(client.host.lastIndexOf(":") + 1) : words.slice(0, 4).join(":");
}

/** How long an address is remembered after its last failure. */
const MEMORY: Millis = 15 * 60_000;

/** About 20 MiB. */
const MOST_ADDRESSES = 65_536;

/** How many of an address's last guesses are known again. */
const MOST_GUESSES = 8;
