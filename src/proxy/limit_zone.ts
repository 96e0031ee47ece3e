/**
 * How many connections have a key in common: those of this process, and those that others have told of. All in all a
 * zone has so many keys and no more.
 *
 * @module
 */

import type { Octets, Runtime } from "../runtime.ts";
import type { Board } from "./board.ts";

/** What became of a connection that was to be counted. */
export type Taking = "taken" | "limited" | "full";

export class LimitZone {
  capacity: number;
  readonly #counts = new Map<Octets, Count>();
  readonly #changed: (key: Octets, count: number) => void;

  /** `changed` hears what this process's count of a key is now. */
  constructor(capacity: number, changed: (key: Octets, count: number) => void = () => {}) {
    this.capacity = capacity;
    this.#changed = changed;
  }

  /** How many keys there are. */
  get size(): number {
    return this.#counts.size;
  }

  /** How many connections have a key, in all processes. */
  total(key: Octets): number {
    const count = this.#counts.get(key);
    return count === undefined ? 0 : count.own + count.others;
  }

  /** This process's counts. */
  *own(): Iterable<readonly [key: Octets, count: number]> {
    for (const [key, { own }] of this.#counts) if (own > 0) yield [key, own];
  }

  /** Counts a connection unless there are `most` already, or no room for another key. */
  take(key: Octets, most: number): Taking {
    const count = this.#counts.get(key);
    if (count !== undefined && count.own + count.others >= most) return "limited";
    if (count === undefined && this.size >= this.capacity) return "full";
    const own = (count?.own ?? 0) + 1;
    if (count === undefined) this.#counts.set(key, { own, others: 0, byWorker: undefined });
    else count.own = own;
    this.#changed(key, own);
    return "taken";
  }

  /** A connection that was counted is over. */
  release(key: Octets): void {
    const count = this.#counts.get(key);
    if (count === undefined || count.own === 0) return;
    count.own--;
    this.#drop(key, count);
    this.#changed(key, count.own);
  }

  /** Another process has said what its count of a key is. What there is no room for is not counted. */
  heard(key: Octets, own: number, from: number): void {
    const count = this.#counts.get(key) ?? { own: 0, others: 0, byWorker: undefined };
    if (!this.#counts.has(key)) {
      if (own === 0 || this.size >= this.capacity) return;
      this.#counts.set(key, count);
    }
    const byWorker = count.byWorker ??= new Map<number, number>();
    count.others += own - (byWorker.get(from) ?? 0);
    if (own === 0) byWorker.delete(from);
    else byWorker.set(from, own);
    this.#drop(key, count);
  }

  /** What another process has told holds no more, except of some keys. */
  forget(from: number, except: ReadonlySet<Octets> = NO_KEYS): void {
    for (const [key, { byWorker }] of this.#counts) {
      if (byWorker?.has(from) && !except.has(key)) this.heard(key, 0, from);
    }
  }

  #drop(key: Octets, { own, others }: Count): void {
    if (own === 0 && others === 0) this.#counts.delete(key);
  }
}

const NO_KEYS: ReadonlySet<Octets> = new Set();

interface Count {
  own: number;
  /** The sum of {@linkcode byWorker}. */
  others: number;
  byWorker: Map<number, number> | undefined;
}

/** A zone whose counts all worker processes know, each a moment after they have changed. */
export class SharedLimitZone {
  readonly zone: LimitZone;
  readonly #topic: Octets;
  readonly #board: Board;
  readonly #runtime: Pick<Runtime, "timer">;
  /** What changed since the others were last told. */
  readonly #changes = new Map<Octets, number>();
  #isTelling = false;
  /** As long as nobody else has been heard of, there is nobody to tell. */
  #isAlone = true;
  /** Accounts of other processes of which not all parts have come. */
  readonly #accounts = new Map<number, Account>();

  constructor(
    { name, capacity }: { readonly name: Octets; readonly capacity: number },
    { board, runtime }: { readonly board: Board; readonly runtime: Pick<Runtime, "timer"> },
  ) {
    this.#topic = `limit_conn ${name}`;
    this.#board = board;
    this.#runtime = runtime;
    this.zone = new LimitZone(capacity, (key, count) => this.#note(key, count));
    board.subscribe(this.#topic, (value, from) => this.#hear(value, from));
    board.onGone((id) => {
      this.#accounts.delete(id);
      this.zone.forget(id);
    });
    board.publish(this.#topic, { isNew: true } satisfies Message);
  }

  #note(key: Octets, count: number): void {
    if (this.#isAlone) return;
    this.#changes.set(key, count);
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#runtime.timer(PERIOD, () => {
      this.#isTelling = false;
      this.#publish([...this.#changes]);
      this.#changes.clear();
    });
  }

  /**
   * Tells all there is; what the others believed before is forgotten, should a message have been lost. They hear what is
   * before they forget the rest: in between they would let in whoever comes.
   */
  #tellAll(): void {
    const parts = partsOf([...this.zone.own()]);
    for (const [at, counts] of parts.entries()) {
      this.#send({ part: [at + 1, parts.length], counts });
    }
  }

  #publish(counts: readonly KeyCount[]): void {
    for (const part of partsOf(counts)) this.#send({ counts: part });
  }

  #send(message: Message): void {
    this.#board.publish(this.#topic, message);
  }

  #hear(value: unknown, from: number): void {
    const { isNew, part, counts = [] } = messageOf(value);
    const wasAlone = this.#isAlone;
    this.#isAlone = false;
    if (wasAlone) this.#refresh();
    if (isNew) this.zone.forget(from);
    // Connections may have been counted by then: who began earlier is heard a moment late.
    if (isNew || wasAlone) this.#tellAll();
    for (const [key, count] of counts) this.zone.heard(key, count, from);
    if (part !== undefined) this.#audit(from, part, counts);
  }

  /** Forgets what is not in an account, once all of it is here. One of which a part was lost does nothing. */
  #audit(from: number, [at, of]: readonly [number, number], counts: readonly KeyCount[]): void {
    const account = at === 1 ? { parts: 0, keys: new Set<Octets>() } : this.#accounts.get(from);
    this.#accounts.delete(from);
    if (account?.parts !== at - 1) return;
    account.parts = at;
    for (const [key] of counts) account.keys.add(key);
    if (at < of) this.#accounts.set(from, account);
    else this.zone.forget(from, account.keys);
  }

  #refresh(): void {
    this.#runtime.timer(REFRESH, () => {
      this.#tellAll();
      this.#refresh();
    });
  }
}

/** What zones tell each other. */
interface Message {
  /** The sender has just begun, and wants to be told all. */
  readonly isNew?: true;
  /** These are a part of all that the sender has: which one, of how many. */
  readonly part?: readonly [number, number];
  /** The sender's counts of some keys. */
  readonly counts?: readonly KeyCount[];
}

type KeyCount = readonly [key: Octets, count: number];

/** What has come of an account. */
interface Account {
  parts: number;
  readonly keys: Set<Octets>;
}

/** Counts for as many messages as they take; one at least. */
function partsOf(counts: readonly KeyCount[]): readonly (readonly KeyCount[])[] {
  let part: KeyCount[] = [];
  let length = 0;
  const parts = [part];
  for (const each of counts) {
    if (length > LONGEST) {
      parts.push(part = []);
      length = 0;
    }
    part.push(each);
    length += JSON.stringify(each).length + 1;
  }
  return parts;
}

/** The board carries what another process of ours has written. */
function messageOf(value: unknown): Message {
  return typeof value === "object" && value !== null ? value : {};
}

/** How long changes are gathered before the others hear of them. */
const PERIOD = 50;

/** How often the others are told all, in case that a message was lost. */
const REFRESH = 60_000;

/** Characters of a message as JSON, beyond which another one begins: a board carries no more than 65,536. */
const LONGEST = 32_768;
