import { networkOf } from "../config/ip.ts";
import type { Millis, Octets, Runtime } from "../runtime.ts";
import type { Facts } from "../variables/mod.ts";
import { type Balancer, type Balancing, createBalancer, type Dice } from "./balancer.ts";
import { Member, type ServerSpec } from "./member.ts";
import type { Attempt, Outcome, Route, Selection } from "./mod.ts";
import { Standing, type Tally } from "./standing.ts";

export type { ServerSpec } from "./member.ts";

/** What a group is made of. */
export interface GroupOptions {
  readonly name: Octets;
  readonly balancing: Balancing;
  readonly servers: readonly ServerSpec[];
  readonly runtime: Pick<Runtime, "now" | "random">;
  /** Hears of servers that are taken out, and of those that come back. */
  readonly note: (level: "warn" | "notice", text: Octets) => void;
  /** What is known of its servers from before a reload: those that stay keep it. */
  readonly standings?: ReadonlyMap<Octets, Standing> | undefined;
  /** How it is in touch with the same group of other processes; without it, it is not. */
  readonly news?: {
    /** Counts connections to a server, by its key. */
    tally(server: Octets): Tally;
    /** Hears that a server was taken out for so long, or is back. */
    tell(server: Octets, outFor: Millis | undefined): void;
  };
}

/** Several mail servers that share the load and stand in for each other. */
export class Group implements Route {
  readonly name: Octets;
  readonly #options: Pick<GroupOptions, "balancing" | "runtime" | "note" | "news">;
  readonly #dice: Dice;
  #tiers: readonly Tier[] = [];
  #standings: ReadonlyMap<Octets, Standing>;
  #changed: () => void = () => {};

  constructor(options: GroupOptions) {
    this.name = options.name;
    const { balancing, runtime, note, news, standings = new Map(), servers } = options;
    this.#options = { balancing, runtime, note, ...news && { news } };
    this.#dice = diceOf(runtime);
    this.#standings = standings;
    this.setServers(servers);
  }

  /** The servers, those that are no backups first. */
  get members(): readonly Member[] {
    return this.#tiers.flatMap(({ members }) => members);
  }

  /** What is known of each server. */
  get standings(): ReadonlyMap<Octets, Standing> {
    return this.#standings;
  }

  /** Has somebody hear when there are other servers. */
  set changed(hear: () => void) {
    this.#changed = hear;
  }

  /**
   * Takes these servers from now on. Those that stay keep their connections and their standing; logins under way go
   * on among the servers that they began with.
   */
  setServers(servers: readonly ServerSpec[]): void {
    const { balancing, news } = this.#options;
    const standings = new Map<Octets, Standing>();
    const members = servers.map((spec) => {
      const key = keyFor(spec, standings);
      const standing = this.#standings.get(key) ?? new Standing(news?.tally(key));
      standings.set(key, standing);
      return new Member(spec, { key, standing, hasOthers: servers.length > 1 });
    });
    this.#standings = standings;
    this.#tiers = [false, true].map((isBackup) => {
      const ofTier = members.filter(({ spec }) => spec.isBackup === isBackup);
      // Whom a key leads to is for those that usually serve it.
      const way: Balancing = isBackup && balancing.type !== "least_conn" ? { type: "round_robin" } : balancing;
      return { members: ofTier, balancer: createBalancer(way, ofTier, this.#dice) };
    }).filter((tier) => tier.members.length > 0);
    this.#changed();
  }

  /** The servers that are out, by their keys, and for how long yet. */
  get resting(): readonly (readonly [server: Octets, outFor: Millis])[] {
    const now = this.#options.runtime.now();
    return Array.from(this.#standings, ([key, standing]) => [key, standing.outFor(now)] as const)
      .filter((entry): entry is [Octets, Millis] => entry[1] !== undefined);
  }

  /** Another process says that a server was taken out for so long, or is back. */
  hear(server: Octets, outFor: Millis | undefined): void {
    const member = this.members.find(({ key }) => key === server);
    const now = this.#options.runtime.now();
    if (member === undefined || !member.hasOthers) return;
    if (outFor === undefined) member.standing.heardBack(now);
    else if (member.spec.maxFails > 0) member.standing.heardOut(now, outFor);
  }

  select(facts: Facts): Selection {
    const { balancing, runtime } = this.#options;
    const key = balancing.type === "hash" ? balancing.key(facts) : "";
    const tiers = this.#tiers;
    const tried = new Set<Member>();
    return {
      name: this.name,
      next: () => {
        const now = runtime.now();
        const member = choose(tiers, { key, now, tried });
        if (member === undefined) return undefined;
        tried.add(member);
        return this.#begin(member, clientOf(facts));
      },
      hasOther: () => {
        const now = runtime.now();
        return tiers.some(({ members }) => members.some((member) => !tried.has(member) && member.isUsable(now)));
      },
    };
  }

  #begin(member: Member, client: Octets): Attempt {
    const { standing, spec } = member;
    const began = this.#options.runtime.now();
    standing.tally.add();
    standing.tried(began, spec);
    return {
      peer: spec,
      ended: (outcome, reason) => this.#judge(member, { outcome, reason, client, began }),
      released: () => standing.tally.remove(),
    };
  }

  #judge(member: Member, { outcome, reason, client, began }: Ending): void {
    if (!member.hasOthers) return;
    const { standing, spec } = member;
    const now = this.#options.runtime.now();
    switch (outcome) {
      case "loggedIn":
      case "refused": {
        const absence = standing.succeeded(began, now);
        if (absence !== undefined) this.#noteBack(member, absence);
        return;
      }
      case "unreachable":
        member.slowDown();
        if (standing.failed({ client: undefined, began, now }, spec)) this.#noteOut(member, reason);
        return;
      case "failed":
        if (standing.failed({ client, began, now }, spec)) this.#noteOut(member, reason);
        return;
      case "abandoned":
        return;
    }
  }

  #noteOut({ key, spec, standing }: Member, reason: Octets | undefined): void {
    this.#options.news?.tell(key, spec.failTimeout);
    const { fails } = standing;
    const last = reason === undefined ? "" : `, ${fails > 1 ? "the last: " : ""}${reason}`;
    const count = `${fails} failure${fails === 1 ? "" : "s"}${last}`;
    this.#options.note(
      "warn",
      `upstream server temporarily disabled: ${spec.text} in upstream "${this.name}", ${count}`,
    );
  }

  #noteBack({ key, spec }: Member, absence: Millis): void {
    this.#options.news?.tell(key, undefined);
    const seconds = Math.round(absence / 1000);
    this.#options.note("notice", `upstream server is back: ${spec.text} in upstream "${this.name}", after ${seconds}s`);
  }
}

/** Those that usually serve, or the backups. */
interface Tier {
  readonly members: readonly Member[];
  readonly balancer: Balancer;
}

interface Ending {
  readonly outcome: Outcome;
  readonly reason: Octets | undefined;
  readonly client: Octets;
  readonly began: Millis;
}

interface Way {
  readonly key: Octets;
  readonly now: Millis;
  readonly tried: ReadonlySet<Member>;
}

/** Backups serve when nobody else can; and before a login fails, those that are out are tried after all. */
function choose(tiers: readonly Tier[], { key, now, tried }: Way): Member | undefined {
  for (const isLastResort of [false, true]) {
    const isEligible = (member: Member) => {
      return !tried.has(member) && (isLastResort ? member.isOpen : member.isUsable(now));
    };
    for (const { balancer } of tiers) {
      const member = balancer.choose({ isEligible, key, now });
      if (member !== undefined) return member;
    }
  }
  return undefined;
}

/** The same for a server that stays, and different for servers that are the same line twice. */
function keyFor({ server, target }: ServerSpec, taken: ReadonlyMap<Octets, unknown>): Octets {
  const address = "path" in target ? target.path : `${target.host} ${target.port}`;
  for (let count = 0;; count++) {
    const key = `${server} ${address} ${count}`;
    if (!taken.has(key)) return key;
  }
}

/** Whose failures count as one: an address, and in IPv6 the network that a customer usually has. */
function clientOf({ client, claim }: Facts): Octets {
  return client.family === "unix" ? `unix ${claim?.login ?? ""}` : networkOf(client.host);
}

function diceOf(runtime: Pick<Runtime, "random">): Dice {
  const bytes = new Uint8Array(4);
  return (below) => new DataView(runtime.random(bytes).buffer).getUint32(0) % below;
}
