/**
 * `limit_conn`: whether a connection is one too many, when it arrives and when its login was right, and the places that
 * it has until it ends.
 *
 * @module
 */

import type { LimitsConfig, LimitZoneConfig } from "../config/types.ts";
import type { Octets, Runtime } from "../runtime.ts";
import type { LimitRefusal } from "../session/mod.ts";
import type { Board } from "./board.ts";
import type { Template } from "../variables/mod.ts";
import type { SessionFacts } from "./facts.ts";
import { type LimitZone, SharedLimitZone, type Taking } from "./limit_zone.ts";
import { describeAddress } from "./service.ts";

/** All zones of a process. They outlive a reload, as the sessions do that are counted in them. */
export class LimitZones {
  readonly #surroundings: { readonly board: Board; readonly runtime: Pick<Runtime, "timer"> };
  readonly #zones = new Map<Octets, SharedLimitZone>();

  constructor(surroundings: { readonly board: Board; readonly runtime: Pick<Runtime, "timer"> }) {
    this.#surroundings = surroundings;
  }

  /** The zone of that name and key: with another key the counts would be of something else. */
  find({ name, key, capacity }: LimitZoneConfig): LimitZone {
    const full = `${name} ${key.text}`;
    const shared = this.#zones.get(full) ?? new SharedLimitZone({ name: full, capacity }, this.#surroundings);
    this.#zones.set(full, shared);
    return shared.zone;
  }
}

/** The limits of one server block. */
export class Limits {
  readonly #config: LimitsConfig;
  readonly #rules: readonly Rule[];

  constructor(config: LimitsConfig, zones: LimitZones) {
    this.#config = config;
    this.#rules = config.rules.map(({ zone, most }) => ({ zone, most, counts: zones.find(zone) }));
  }

  /** Connections come to it from now on: the zones become as large as it wants them. */
  begin(): void {
    for (const { zone, counts } of this.#rules) counts.capacity = zone.capacity;
  }

  /** Counts a connection by what is known of every client, instead of what another server block had counted so. */
  arrive(places: Places): LimitRefusal | undefined {
    places.takeBackArrival();
    const refusal = this.#enter(places.arrival, places.facts, (zone) => !zone.needsLogin);
    places.statusOnArrival = places.facts.limit;
    return refusal;
  }

  /** Counts a connection whose login was right, by what was to be known for that. */
  logIn(places: Places): LimitRefusal | undefined {
    places.login.release();
    places.facts.limit = places.statusOnArrival;
    return this.#enter(places.login, places.facts, (zone) => zone.needsLogin);
  }

  #enter(held: Held, facts: SessionFacts, isMeant: (zone: LimitZoneConfig) => boolean): LimitRefusal | undefined {
    for (const { zone, most, counts } of this.#rules) {
      if (!isMeant(zone)) continue;
      const key = zone.key(facts);
      if (key === "" || key.length > LONGEST_KEY) continue;
      const taking = counts.take(key, most);
      if (taking === "taken") {
        held.add(counts, key);
        facts.limit ??= "PASSED";
        continue;
      }
      held.release();
      facts.limit = this.#config.isDryRun ? "REJECTED_DRY_RUN" : "REJECTED";
      return this.#refusal(zone, facts, taking);
    }
    return undefined;
  }

  #refusal({ name, key }: LimitZoneConfig, facts: SessionFacts, taking: Taking): LimitRefusal {
    const { level, isDryRun } = this.#config;
    const dryRun = isDryRun ? ", dry run," : "";
    const why = taking === "full" ? ", which is full" : "";
    const text = `limiting connections${dryRun} by zone "${name}"${why}, key "${shown(key, facts)}"`;
    return { level, text, isDryRun };
  }
}

interface Rule {
  readonly zone: LimitZoneConfig;
  readonly most: number;
  readonly counts: LimitZone;
}

/** What one connection is counted as. */
export class Places {
  readonly facts: SessionFacts;
  readonly arrival = new Held();
  readonly login = new Held();
  /** What it was called when it had not logged in: a second login is judged without the first. */
  statusOnArrival: SessionFacts["limit"];

  constructor(facts: SessionFacts) {
    this.facts = facts;
  }

  /** Another server block is to count it now. */
  takeBackArrival(): void {
    this.arrival.release();
    this.facts.limit = this.statusOnArrival = undefined;
  }

  /** The connection is over. */
  release(): void {
    this.arrival.release();
    this.login.release();
  }
}

class Held {
  #taken: { readonly zone: LimitZone; readonly key: Octets }[] = [];

  add(zone: LimitZone, key: Octets): void {
    this.#taken.push({ zone, key });
  }

  release(): void {
    for (const { zone, key } of this.#taken.splice(0)) zone.release(key);
  }
}

/** The key as the log shows it: an address that is in it in its own octets can be read. */
function shown({ parts }: Template, facts: SessionFacts): Octets {
  const texts = parts.map((part) => {
    if (typeof part === "string") return part;
    return part.name === "binary_remote_addr" ? describeAddress(facts.client, false) : part.value(facts) ?? "";
  });
  return texts.join("").replace(
    /[^\x20-\x7e]|["\\]/g,
    (octet) => `\\x${octet.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/** As in nginx's stream module. */
const LONGEST_KEY = 255;
