/**
 * Names of mail servers that change: each is looked up again when the time of its answer is over, and the group hears
 * of every change. What cannot be looked up stays as it was.
 *
 * @module
 */

import { formatHost, parseIp } from "../config/ip.ts";
import { type Addresses, HOST_NOT_FOUND, type Resolver, type Service } from "../dns/mod.ts";
import type { Cancel, Millis, Octets, Runtime, SystemFailure } from "../runtime.ts";
import { describeFailure, isFailure } from "../runtime.ts";
import { serversOf } from "./_found.ts";
import type { FoundServer, Target } from "./_found.ts";

export type { FoundServer } from "./_found.ts";

/** What is looked up: `server NAME[:PORT] resolve`, or `server NAME service=… resolve`. */
export type WatchedName =
  | { readonly name: Octets; readonly port: number | undefined }
  | {
    readonly name: Octets;
    /** The name of the SRV records, see {@linkcode serviceName}. */
    readonly service: Octets;
  };

/** What a {@linkcode NameWatch} works with. */
export interface NameWatchOptions {
  readonly watched: WatchedName;
  readonly resolver: Pick<Resolver, "lookup" | "services">;
  readonly runtime: Pick<Runtime, "timer">;
  /** The servers that an earlier watch of the same name has found last. */
  readonly before: readonly FoundServer[];
  /** Hears of all servers there are now, each time that they have changed. */
  readonly changed: (servers: readonly FoundServer[]) => void;
  /** Hears once of each failure, and once when it is over. */
  readonly note: (level: "error" | "notice", text: Octets) => void;
}

/**
 * The name that SRV records have (RFC 2782) for the `service=` of nginx: a plain word is a service over TCP, one with a
 * dot stands before the name as it is.
 */
export function serviceName(service: Octets, name: Octets): Octets {
  return service.includes(".") ? `${service}.${name}` : `_${service.replace(/^_/, "")}._tcp.${name}`;
}

/** A name and the servers that it stands for now, from `start` to `stop`. */
export class NameWatch {
  readonly #options: NameWatchOptions;
  /** The addresses that each name had last. */
  readonly #addresses = new Map<Octets, readonly string[]>();
  #servers: readonly FoundServer[];
  #cancel: Cancel = () => {};
  #isStopped = false;
  /** Whether a look-up of its own has come to something. */
  #hasFound = false;
  #looked: () => void = () => {};
  /** The failures that the log has heard of. */
  #failures: ReadonlySet<Octets> = new Set();

  constructor(options: NameWatchOptions) {
    this.#options = options;
    this.#servers = options.before;
    this.#remember(options.before);
  }

  /** The servers that there are. */
  get servers(): readonly FoundServer[] {
    return this.#servers;
  }

  /** Begins to look the name up. `looked` is called once, when the first look-up has come to something, or servers are adopted. */
  start(looked: () => void): void {
    this.#looked = looked;
    this.#look();
  }

  /** Somebody else has found these. They are taken where nothing else is known. */
  adopt(servers: readonly FoundServer[]): void {
    if (this.#isStopped || this.#hasFound || this.#servers.length > 0 || servers.length === 0) return;
    this.#remember(servers);
    this.#servers = servers;
    this.#options.changed(servers);
    this.#tellLooked();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #remember(servers: readonly FoundServer[]): void {
    for (const { name, address } of servers) {
      this.#addresses.set(name, [...this.#addresses.get(name) ?? [], address]);
    }
  }

  #look(): void {
    const { watched, resolver } = this.#options;
    const round = new Round();
    if ("port" in watched) {
      const { name, port } = watched;
      return this.#lookUp([{ name, port, priority: 0, weight: undefined }], round);
    }
    let isAnswered = false;
    const cancel = resolver.services(watched.service, (found) => {
      isAnswered = true;
      if (this.#isStopped) return;
      if (isFailure(found)) {
        round.fails(watched.service, found);
        return this.#end(round);
      }
      round.finds(watched.service, found.ttl);
      const targets = targetsOf(found.services);
      for (const { name } of targets) if (!isHostName(name)) round.fails(name, HOST_NOT_FOUND);
      this.#lookUp(targets.filter(({ name }) => isHostName(name)), round);
    });
    // What is told at once has gone on to the next step already.
    if (!isAnswered) this.#cancel = cancel;
  }

  /** Looks the addresses of all targets up; each name once. */
  #lookUp(targets: readonly Target[], round: Round): void {
    round.targets = targets;
    const names = new Set(targets.map(({ name }) => name));
    for (const known of this.#addresses.keys()) if (!names.has(known)) this.#addresses.delete(known);
    let left = names.size;
    if (left === 0) return this.#end(round);
    const cancels: Cancel[] = [];
    this.#cancel = () => cancels.forEach((cancel) => cancel());
    for (const name of names) {
      cancels.push(this.#options.resolver.lookup(name, (found) => {
        if (this.#isStopped) return;
        this.#take(name, found, round);
        if (--left === 0) this.#end(round);
      }));
    }
  }

  #take(name: Octets, found: Addresses | SystemFailure, round: Round): void {
    if (isFailure(found)) return round.fails(name, found);
    round.finds(name, found.ttl);
    const { addresses, missing } = found;
    if (missing === undefined) return void this.#addresses.set(name, addresses);
    round.fails(name, missing);
    // Those of the other family are not gone, nobody could say.
    const isV6 = (address: string) => address.includes(":");
    const hasV6 = addresses.some(isV6);
    const kept = (this.#addresses.get(name) ?? []).filter((address) => isV6(address) !== hasV6);
    this.#addresses.set(name, [...addresses, ...kept]);
  }

  #end(round: Round): void {
    const { targets, failures } = round;
    const servers = serversOf(targets ?? [], this.#addresses);
    // A service keeps its servers as long as its records are unknown, or where all that they lead to is.
    const isUnknown = targets === undefined || servers.length === 0 && targets.length > 0 && failures.size > 0;
    if (!isUnknown) this.#settle(servers);
    this.#tell(round);
    this.#cancel = this.#options.runtime.timer(round.wait, () => this.#look());
    this.#tellLooked();
  }

  #tellLooked(): void {
    const looked = this.#looked;
    this.#looked = () => {};
    looked();
  }

  #settle(servers: readonly FoundServer[]): void {
    this.#hasFound = true;
    const before = this.#servers;
    if (servers.length === before.length && servers.every((server, i) => isSame(server, before[i]))) return;
    this.#servers = servers;
    const all = servers.map(describe).join(", ");
    this.#options.note("notice", `${this.#title} is ${all === "" ? "nowhere" : all}`);
    this.#options.changed(servers);
  }

  get #title(): Octets {
    const { watched } = this.#options;
    return "port" in watched ? watched.name : watched.service;
  }

  #tell({ failures, found }: Round): void {
    const { note } = this.#options;
    for (const [name, failure] of failures) {
      if (this.#failures.has(name)) continue;
      const servers = name === this.#title ? this.#servers : this.#addresses.get(name) ?? [];
      const kept = servers.length === 0 ? "it has no servers" : "its servers stay as they are";
      note("error", `${name} could not be resolved ${describeFailure(failure)}, ${kept}`);
    }
    for (const name of this.#failures) {
      // An SRV record that is gone leaves open whether its target could be.
      if (found.has(name) && !failures.has(name)) note("notice", `${name} could be resolved again`);
    }
    this.#failures = new Set(failures.keys());
  }
}

/** One look-up of everything. */
class Round {
  readonly failures = new Map<Octets, SystemFailure>();
  readonly found = new Set<Octets>();
  targets: readonly Target[] | undefined;
  #ttl: Millis = LONGEST_WAIT;

  /** How long until the next. */
  get wait(): Millis {
    return this.failures.size > 0 ? RETRY : Math.max(this.#ttl, SHORTEST_WAIT);
  }

  finds(name: Octets, ttl: Millis): void {
    this.found.add(name);
    this.#ttl = Math.min(this.#ttl, ttl);
  }

  fails(name: Octets, failure: SystemFailure): void {
    this.failures.set(name, failure);
  }
}

/** RFC 2782: the root for a target says that the service is decidedly not there. */
function targetsOf(services: readonly Service[]): readonly Target[] {
  return services.flatMap(({ target, port, priority, weight }) =>
    target === "" || port === 0 ? [] : [{ name: target, port, priority, weight }]
  );
}

/** What an SRV record leads to becomes the name that TLS asks for: nothing but a host's name may do so. */
function isHostName(name: Octets): boolean {
  return /^[a-z0-9._-]+$/.test(name) && parseIp(name) === undefined;
}

function isSame(one: FoundServer, other: FoundServer | undefined): boolean {
  return other !== undefined && one.address === other.address && one.port === other.port && one.name === other.name &&
    one.weight === other.weight && one.isBackup === other.isBackup;
}

function describe({ address, port, isBackup }: FoundServer): Octets {
  return `${formatHost(address, port)}${isBackup ? " backup" : ""}`;
}

const SHORTEST_WAIT: Millis = 1000;
/** As long as the resolver believes a server's refusal. */
const RETRY: Millis = 5000;
/** As long as any answer holds. */
const LONGEST_WAIT: Millis = 86_400_000;
