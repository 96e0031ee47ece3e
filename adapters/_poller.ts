/**
 * Tells sockets of our own what the kernel has for them, by epoll(7).
 *
 * A runtime lets nobody else wait: so we wait in its place. The poller is a task of each turn of the runtime's loop; it
 * sleeps in epoll_wait(2) until one of our sockets is ready or the runtime has something to do. The latter is known by
 * the runtime's own epoll, which ours watches, and by the {@link nextRing | timers} of the adapters. What a runtime
 * plans without telling anybody, it does {@linkcode Company.longestSleep} later at most.
 *
 * There is one for the whole process: two would sleep for one another.
 */

import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers";
import type { Millis } from "../src/runtime.ts";
import { beginTurn, endTurn, now } from "./_clock.ts";
import { descriptorsLike, linkOf, type Watch, watchesOf } from "./_descriptors.ts";
import {
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
  type EventLayout,
  type Kernel,
  kernelMemory,
} from "./_kernel.ts";
import { reportError } from "./_report.ts";
import { nextRing, setLater } from "./_timer.ts";

/** Whoever has a descriptor that is polled. */
export interface Pollable {
  /** For the poller alone: tells this owner of a descriptor from those that had the same one before. */
  ticket: number;
  /** Something has happened, see epoll_ctl(2). */
  ready(events: number): void;
}

/** How a runtime polled what it is deaf to now. */
export interface Silenced extends Watch {
  readonly epoll: number;
}

/** What a poller works with. */
export interface PollerMeans {
  readonly kernel: Kernel;
  readonly layout: EventLayout;
}

/** What a poller has to know of those who plan things that it knows nothing of. */
export interface Company {
  /** How many sockets of its own the runtime has now. */
  readonly sockets: () => number;
  /** How long the poller may sleep. */
  readonly longestSleep: Millis;
}

export class Poller {
  readonly #means: PollerMeans;
  readonly #company: Company[] = [];
  #longestTurn: Millis = Infinity;
  readonly #owners: (Pollable | undefined)[] = [];
  readonly #events: Int32Array;
  readonly #octets: Uint8Array;
  readonly #event = kernelMemory(16);
  readonly #words = new Int32Array(this.#event.buffer);
  /** Descriptor of our epoll; 0 until something is polled. */
  #epoll = 0;
  #polled = 0;
  #lastTicket = 0;
  #isTurning = false;
  /** When the runtime has its next turn at the latest; 0 before a turn's first events. */
  #turnEnd: Millis = 0;
  #plans = 0;
  /** For how many turns nobody sleeps, since the runtime may have planned something for them. */
  #restless = RESTLESS;
  #again: Pollable[] = [];
  /** The runtime's own epolls, and whether ours watches them. */
  #runtimes: readonly number[] = [];
  #isWatching = false;
  readonly #watched = new Map<number, Pollable>();
  /** Whether another thread waits in our place. */
  #isAside = false;

  constructor(means: PollerMeans) {
    this.#means = means;
    this.#octets = kernelMemory(MOST_EVENTS * means.layout.words * 4);
    this.#events = new Int32Array(this.#octets.buffer);
  }

  /** Takes heed of somebody from now on. */
  heed(company: Company): void {
    this.#company.push(company);
    this.#longestTurn = Math.min(this.#longestTurn, company.longestSleep * PART_OF_SLEEP);
  }

  /** Tells `owner` of these events of the descriptor from now on; whether the kernel agrees. */
  add(descriptor: number, events: number, owner: Pollable): boolean {
    if (this.#epoll === 0 && !this.#open()) return false;
    if (!this.#enlist(descriptor, events, owner)) return false;
    this.#polled++;
    if (!this.#isTurning) this.#plan();
    return true;
  }

  /** Tells its owner of these events of the descriptor instead; whether the kernel agrees. */
  change(descriptor: number, events: number, { ticket }: Pollable): boolean {
    // The ticket stays: what was fetched for it and waits for its turn still counts.
    return this.#control(EPOLL_CTL_MOD, descriptor, events, ticket);
  }

  /** Gives a descriptor that is polled to another owner. */
  hand(descriptor: number, owner: Pollable): void {
    owner.ticket = this.#owners[descriptor]?.ticket ?? 0;
    this.#owners[descriptor] = owner;
  }

  /** To be called before a descriptor that is polled is closed: the kernel lets go of it by itself, if nobody shares it. */
  forget(descriptor: number): void {
    this.#owners[descriptor] = undefined;
    this.#polled--;
  }

  /** Tells nobody of the descriptor any more. */
  remove(descriptor: number): void {
    this.forget(descriptor);
    this.#means.kernel.epoll_ctl(this.#epoll, EPOLL_CTL_DEL, descriptor, this.#event);
  }

  /** Tells `owner` in the next turn that there is something to read, which the kernel told it before. */
  again(owner: Pollable): void {
    if (this.#isAside) setLater(() => tell(owner, EPOLLIN));
    else this.#again.push(owner);
  }

  /**
   * Makes the runtime deaf to a descriptor that it polls; `undefined` where it does not. `known` is what this gave for
   * the descriptor before: to look through thousands of others takes a while.
   */
  silence(descriptor: number, known: Silenced | undefined): Silenced | undefined {
    if (known !== undefined && this.#unwatch(known)) return known;
    const same = descriptorsLike(linkOf(descriptor));
    for (const epoll of descriptorsLike(EPOLL_LINK)) {
      const watch = epoll === this.#epoll ? undefined : watchesOf(epoll).find(({ watched }) => same.includes(watched));
      if (watch !== undefined && this.#unwatch({ ...watch, epoll })) return { ...watch, epoll };
    }
    return undefined;
  }

  #unwatch({ epoll, watched }: Silenced): boolean {
    return this.#means.kernel.epoll_ctl(epoll, EPOLL_CTL_DEL, watched, this.#event) === 0;
  }

  /** Has the runtime hear again. */
  restore({ epoll, watched, events, data }: Silenced): void {
    const { kernel, layout } = this.#means;
    this.#words[0] = events;
    this.#words[layout.data] = Number(BigInt.asIntN(32, data));
    this.#words[layout.data + 1] = Number(BigInt.asIntN(32, data >> 32n));
    kernel.epoll_ctl(epoll, EPOLL_CTL_ADD, watched, this.#event);
  }

  #open(): boolean {
    const theirs = descriptorsLike(EPOLL_LINK);
    const epoll = this.#means.kernel.epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) return false;
    this.#epoll = epoll;
    this.#runtimes = theirs;
    this.#watchRuntime();
    return true;
  }

  /** Threads have epolls, too, and end: their numbers may be somebody else's by now. */
  #watchRuntime(): void {
    this.#isWatching = true;
    for (const descriptor of this.#runtimes) {
      if (linkOf(descriptor) !== EPOLL_LINK) continue;
      const runtime = { ticket: 0, ready: () => this.#restless = RESTLESS };
      if (this.#enlist(descriptor, EPOLLIN, runtime)) this.#watched.set(descriptor, runtime);
    }
  }

  /** The runtime looks after itself while another thread waits. */
  #leaveRuntimeAlone(): void {
    this.#isWatching = false;
    for (const [descriptor, runtime] of this.#watched) {
      if (this.#owners[descriptor] !== runtime) continue;
      this.#owners[descriptor] = undefined;
      this.#means.kernel.epoll_ctl(this.#epoll, EPOLL_CTL_DEL, descriptor, this.#event);
    }
    this.#watched.clear();
  }

  #enlist(descriptor: number, events: number, owner: Pollable): boolean {
    // What the kernel still has for an earlier owner must not be told to this one.
    owner.ticket = this.#lastTicket = this.#lastTicket + 1 | 0;
    if (!this.#control(EPOLL_CTL_ADD, descriptor, events, owner.ticket)) return false;
    this.#owners[descriptor] = owner;
    return true;
  }

  #control(operation: number, descriptor: number, events: number, ticket: number): boolean {
    const { kernel, layout: { data } } = this.#means;
    this.#words[0] = events;
    this.#words[data] = descriptor;
    this.#words[data + 1] = ticket;
    return kernel.epoll_ctl(this.#epoll, operation, descriptor, this.#event) === 0;
  }

  #plan(): void {
    this.#isTurning = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    if (this.#polled === 0) {
      this.#isTurning = false;
      return;
    }
    const { kernel } = this.#means;
    const again = this.#again;
    if (kernel.waitAside !== undefined && again.length === 0 && this.#isInCompany()) {
      this.#isAside = true;
      if (this.#isWatching) this.#leaveRuntimeAlone();
      kernel.waitAside(this.#epoll, this.#octets, MOST_EVENTS, LONGEST_ABSENCE).then(this.#back, reportError);
      return;
    }
    if (!this.#isWatching) this.#watchRuntime();
    const timeout = again.length > 0 || this.#restless > 0 ? 0 : this.#timeout();
    const count = kernel.epoll_wait(this.#epoll, this.#octets, MOST_EVENTS, timeout);
    // A timer may ring in the runtime's turn that follows, or somebody write to one of its sockets in ours.
    if (count > 0 ? this.#isInCompany() : this.#restless === 0) this.#restless = RESTLESS;
    else if (this.#restless > 0) this.#restless--;
    this.#turnEnd = 0;
    this.#carryOn(count);
  };

  /**
   * As long as there is something for us and nothing for the runtime, a turn goes on, asleep too, but for now and then. A
   * turn of the runtime's between two rounds is a tenth of a command's CPU on Bun, and one before each sleep a fifth of a
   * login's on Deno when clients come one at a time.
   */
  #carryOn(count: number): void {
    beginTurn();
    if (this.#turnEnd === 0) this.#turnEnd = now() + this.#longestTurn;
    this.#tellAll(count);
    const isOver = count === 0 || this.#restless > 0 || this.#again.length > 0 || this.#leftOfTurn(now()) <= 0;
    queueMicrotask(isOver ? this.#next : this.#round);
  }

  readonly #round = (): void => {
    const count = this.#polled === 0 ? 0 : this.#means.kernel.epoll_wait(this.#epoll, this.#octets, MOST_EVENTS, 0);
    if (count > 0) return this.#carryOn(count);
    this.#plans = MOST_PLANS;
    this.#settle();
  };

  /** Lets all that was planned meanwhile be done, and what that plans. */
  readonly #settle = (): void => {
    if (this.#plans-- > 0) queueMicrotask(this.#settle);
    else this.#sleep();
  };

  #sleep(): void {
    const left = this.#leftOfTurn(performance.now());
    const isOver = left < 1 || this.#polled === 0 || this.#isInCompany();
    const { kernel } = this.#means;
    const count = isOver ? 0 : kernel.epoll_wait(this.#epoll, this.#octets, MOST_EVENTS, Math.floor(left));
    if (count > 0) this.#carryOn(count);
    else this.#next();
  }

  #leftOfTurn(time: Millis): Millis {
    return Math.min(nextRing(time), this.#turnEnd) - time;
  }

  readonly #next = (): void => {
    endTurn();
    setImmediate(this.#turn);
  };

  readonly #back = (count: number): void => {
    this.#isAside = false;
    beginTurn();
    this.#tellAll(count);
    queueMicrotask(this.#next);
  };

  #isInCompany(): boolean {
    return this.#company.some(({ sockets }) => sockets() > 0);
  }

  /** How long to sleep. */
  #timeout(): Millis {
    const now = performance.now();
    const left = nextRing(now) - now;
    if (left <= 0) return 0;
    return Math.ceil(this.#company.reduce((least, { longestSleep }) => Math.min(least, longestSleep), left));
  }

  #tellAll(count: number): void {
    const again = this.#again;
    if (again.length > 0) {
      this.#again = [];
      for (const owner of again) tell(owner, EPOLLIN);
    }
    const { words, data } = this.#means.layout;
    const events = this.#events;
    for (let at = 0; at < count * words; at += words) {
      const owner = this.#owners[events[at + data] ?? 0];
      // It may have been closed by one that was told before.
      if (owner !== undefined && owner.ticket === events[at + data + 1]) tell(owner, events[at] ?? 0);
    }
  }
}

function tell(owner: Pollable, events: number): void {
  try {
    owner.ready(events);
  } catch (error) {
    reportError(error);
  }
}

/** What sockets are polled for: each change is told once (`EPOLLET`), so that pausing and resuming costs nothing. */
export const READABLE = EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP;
export const WRITABLE = EPOLLOUT;

/**
 * The runtime waits for its turn for so much of the longest sleep, at most, while there is something for us and nothing
 * tells of anything for it: 10 ms in the program.
 */
const PART_OF_SLEEP = 1 / 25;

/** How often what is planned may plan more before the poller sleeps; the rest is done behind that sleep. */
const MOST_PLANS = 4;

/** How many events are taken at once; the others come with the next turn. */
const MOST_EVENTS = 512;

/** What the runtime is told in one turn may be carried on in the next two. */
const RESTLESS = 2;

/** How long another thread waits: nobody waits for it. */
const LONGEST_ABSENCE: Millis = 1_000;

const EPOLL_LINK = "anon_inode:[eventpoll]";
