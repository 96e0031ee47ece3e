/**
 * The health checks of a group: when each server is checked, and what a check changes. One worker checks; the others
 * hear on the board what it has found.
 *
 * @module
 */

import type { Cancel, Millis, Octets, Runtime } from "../../runtime.ts";
import type { Peer } from "../mod.ts";
import type { ProbeVerdict } from "./probe.ts";

/** How a server stands: one that is being `checking` has yet to pass its first check. */
export type Health = "up" | "down" | "checking";

/** A server of the group, as its checks see it. */
export interface CheckedServer extends Peer {
  /** The server as the log shows it; no two of a group are the same. */
  readonly text: Octets;
  /** How it stood when it was checked last, be it before a reload; `undefined` for one that never was. */
  readonly health: Health | undefined;
  /** Hears how it stands. Only one that is `up` is to get sessions. */
  judged(health: Health): void;
}

/** `health_check`. */
export interface HealthCheckOptions {
  /** From the end of one check to the next. */
  readonly interval: Millis;
  /** Up to how much longer each of them is put off, at random. */
  readonly jitter: Millis;
  /** After how many checks in a row a server is down, and up again. */
  readonly fails: number;
  readonly passes: number;
  /** Whether a server has to pass a check before it gets its first session. */
  readonly isMandatory: boolean;
  /** Whether that does not hold for servers that were up before a reload. */
  readonly isPersistent: boolean;
}

/** The part of a board that checks need. */
export interface HealthBoard {
  readonly isFirst: boolean;
  publish(topic: Octets, value: unknown): void;
  /** `isEarlier`: who says it serves an earlier configuration. */
  subscribe(topic: Octets, hear: (value: unknown, from: number, isEarlier: boolean) => void): Cancel;
}

/** What a {@linkcode HealthMonitor} works with. */
export interface MonitorOptions {
  /** The name of the group. */
  readonly group: Octets;
  /** What the checks of this group go by on the board. */
  readonly topic: Octets;
  readonly check: HealthCheckOptions;
  /** Checks a server once; the verdict is `undefined` when it is our own fault that there is none. */
  readonly probe: (server: CheckedServer, done: (verdict: ProbeVerdict | undefined) => void) => Cancel;
  readonly board: HealthBoard;
  readonly runtime: Pick<Runtime, "timer" | "random">;
  /** Hears of every change, and of failed checks that do not change anything yet. */
  readonly note: (level: "error" | "notice" | "info", text: Octets) => void;
}

/** Looks after the servers of a group, from `start` to `stop`. It is the group that keeps sessions from those that are down. */
export class HealthMonitor {
  readonly #options: MonitorOptions;
  readonly #watched = new Map<Octets, WatchedServer>();
  readonly #subscriptions: Cancel[] = [];

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  /** Begins to check these. */
  start(servers: readonly CheckedServer[]): void {
    const { board, topic } = this.#options;
    this.#subscriptions.push(
      board.subscribe(topic, (value, _from, isEarlier) => this.#hear(value, isEarlier)),
      board.subscribe(this.#question, () => this.#answer()),
    );
    this.replace(servers);
    // A worker that begins later than others need not wait for the next check to know what they know.
    board.publish(this.#question, null);
  }

  /** These are the servers now; those that stay are checked as before. */
  replace(servers: readonly CheckedServer[]): void {
    const texts = new Set(servers.map(({ text }) => text));
    for (const [text, watched] of this.#watched) {
      if (texts.has(text)) continue;
      watched.stop();
      this.#watched.delete(text);
    }
    for (const server of servers) {
      const watched = this.#watched.get(server.text);
      if (watched === undefined) this.#watch(server);
      else watched.become(server);
    }
  }

  /** Checks no more, and leaves the servers as they stand. */
  stop(): void {
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    for (const watched of this.#watched.values()) watched.stop();
  }

  get #question(): Octets {
    return `${this.#options.topic}?`;
  }

  #answer(): void {
    if (this.#options.board.isFirst) this.#publish();
  }

  #watch(server: CheckedServer): void {
    const watched = new WatchedServer(server, this.#options, (hasChanged) => this.#checked(server.text, hasChanged));
    this.#watched.set(server.text, watched);
    watched.start();
  }

  /** Changes are told at once, and everything once in a round: behind the check of one of the servers. */
  #checked(text: Octets, hasChanged: boolean): void {
    const [first] = this.#watched.keys();
    if (hasChanged || text === first) this.#publish();
  }

  /** Everything each time: whoever missed something has it with the next message. */
  #publish(): void {
    const all = [...this.#watched].map(([text, { health }]) => [text, health]);
    this.#options.board.publish(this.#options.topic, Object.fromEntries(all));
  }

  #hear(value: unknown, isEarlier: boolean): void {
    if (typeof value !== "object" || value === null) return;
    for (const [text, health] of Object.entries(value)) {
      if (health !== "up" && health !== "down" && health !== "checking") continue;
      const watched = this.#watched.get(text);
      if (isEarlier) watched?.hearEarlier(health);
      else watched?.hear(health);
    }
  }
}

/** One server and its next check. */
class WatchedServer {
  #server: CheckedServer;
  readonly #options: MonitorOptions;
  readonly #checked: (hasChanged: boolean) => void;
  #health: Health;
  /** How many checks in a row have ended as the last one. */
  #streak = 0;
  #wasHealthy = false;
  /** Whether it is known by checks of this configuration how it stands. */
  #isOurs = false;
  #cancel: Cancel = () => {};

  constructor(server: CheckedServer, options: MonitorOptions, checked: (hasChanged: boolean) => void) {
    this.#server = server;
    this.#options = options;
    this.#checked = checked;
    const { check } = options;
    const known = server.health;
    const isBelieved = known !== undefined && isStillTrue(known, check);
    this.#health = isBelieved ? known : check.isMandatory ? "checking" : "up";
  }

  get health(): Health {
    return this.#health;
  }

  /** Begins with a check at once, but for the jitter. */
  start(): void {
    this.#server.judged(this.#health);
    this.#wait(0);
  }

  stop(): void {
    this.#cancel();
  }

  /** It is the same server, as somebody else has it now. */
  become(server: CheckedServer): void {
    this.#server = server;
    server.judged(this.#health);
  }

  /** The worker that checks has found this. */
  hear(health: Health): void {
    if (this.#options.board.isFirst) return;
    this.#isOurs = true;
    this.#set(health);
  }

  /** This was so before a reload. Who is to check by now may hear of it as well: it has asked before that. */
  hearEarlier(health: Health): void {
    if (!this.#isOurs && isStillTrue(health, this.#options.check)) this.#set(health);
  }

  #wait(delay: Millis): void {
    const { runtime, check: { jitter } } = this.#options;
    const [high = 0, low = 0] = runtime.random(new Uint8Array(2));
    const more = jitter * (high * 256 + low) / 65536;
    this.#cancel = runtime.timer(delay + more, () => this.#check());
  }

  #check(): void {
    const { board, runtime, check: { interval } } = this.#options;
    if (!board.isFirst) {
      this.#cancel = runtime.timer(Math.min(interval, LOOK), () => this.#check());
      return;
    }
    let isOver = false;
    const cancel = this.#options.probe(this.#server, (verdict) => {
      isOver = true;
      if (verdict !== undefined) this.#judge(verdict);
      this.#wait(interval);
    });
    if (!isOver) this.#cancel = cancel;
  }

  #judge(verdict: ProbeVerdict): void {
    const { check: { fails, passes }, group, note } = this.#options;
    const { isHealthy } = verdict;
    this.#isOurs = true;
    this.#streak = isHealthy === this.#wasHealthy ? this.#streak + 1 : 1;
    this.#wasHealthy = isHealthy;
    const health = isHealthy ? "up" : "down";
    const needed = isHealthy ? passes : fails;
    const hasChanged = health !== this.#health && this.#streak >= needed;
    const of = `health check of ${this.#server.text} in upstream "${group}"`;
    if (hasChanged) {
      this.#set(health);
      if (isHealthy) note("notice", `${of} passed: it gets sessions`);
      else note("error", `${of} failed: ${verdict.reason}: it gets no sessions`);
    } else if (health !== this.#health && !isHealthy) {
      note("info", `${of} failed (${this.#streak} of ${needed}): ${verdict.reason}`);
    }
    this.#checked(hasChanged);
  }

  #set(health: Health): void {
    if (health === this.#health) return;
    this.#health = health;
    this.#server.judged(health);
  }
}

/**
 * A server that was down does not get sessions only because the configuration was read again, and nobody waits for a first
 * check that need not be passed any more.
 */
function isStillTrue(before: Health, { isMandatory, isPersistent }: HealthCheckOptions): boolean {
  switch (before) {
    case "down":
      return true;
    case "checking":
      return isMandatory;
    case "up":
      return !isMandatory || isPersistent;
  }
}

/** How often a worker looks whether it is the one to check. */
const LOOK: Millis = 500;
