import type { Addresses, Done, HostName, ResolverOptions, Services } from "../../../src/dns/mod.ts";
import { Resolver } from "../../../src/dns/mod.ts";
import type { RecordData, ResourceRecord } from "../../../src/dns/message.ts";
import type { Cancel, SystemFailure } from "../../../src/runtime.ts";
import { isFailure } from "../../../src/runtime.ts";
import { type FakeDatagramSocket, FakeRuntime } from "../../support/fake_runtime.ts";
import { type Query, readQuery, type Reply, response } from "../../support/dns_wire.ts";

/** Random numbers below a bound, the same for the same seed (xorshift, 32 bits). */
export function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Its random octets differ from each other. */
class RandomRuntime extends FakeRuntime {
  readonly #random = seeded(53);

  override random(bytes: Uint8Array): Uint8Array {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#random(256);
    return bytes;
  }
}

/** A query that a resolver has sent over UDP. */
export class SentQuery {
  readonly socket: FakeDatagramSocket;
  readonly query: Query;

  constructor(socket: FakeDatagramSocket, bytes: Uint8Array) {
    this.socket = socket;
    this.query = readQuery(bytes);
  }

  /** `A mail.test @192.0.2.53:53`. */
  get text(): string {
    const { host, port } = this.socket.target;
    return `${this.query.type} ${this.query.name} @${host}:${port}`;
  }

  answers(reply: Reply): void {
    this.socket.receives(response(this.query, { id: this.query.id, ...reply }));
  }
}

/** What a call has told so far: one result, or none yet. */
export interface Result<Found> {
  readonly told: (Found | SystemFailure)[];
  readonly cancel: Cancel;
}

/** A resolver on a runtime in memory; the test plays the name servers. */
export class Bench {
  readonly runtime = new RandomRuntime();
  readonly resolver: Resolver;
  readonly #seen = new Set<Uint8Array>();

  constructor(changes: Partial<ResolverOptions> = {}) {
    const servers = [{ host: "192.0.2.53", port: 53 }];
    const defaults = { servers, timeout: 30_000, valid: undefined, ipv4: true, ipv6: false };
    this.resolver = new Resolver({ ...defaults, ...changes }, this.runtime);
  }

  lookup(name: string): Result<Addresses> {
    return collect((done) => this.resolver.lookup(name, done));
  }

  reverse(address: string): Result<HostName> {
    return collect((done) => this.resolver.reverse(address, done));
  }

  services(name: string): Result<Services> {
    return collect((done) => this.resolver.services(name, done));
  }

  /** The queries that were sent since this was last asked. */
  sent(): SentQuery[] {
    const fresh: SentQuery[] = [];
    for (const socket of this.runtime.datagrams) {
      for (const bytes of socket.sent) {
        if (this.#seen.has(bytes)) continue;
        this.#seen.add(bytes);
        fresh.push(new SentQuery(socket, bytes));
      }
    }
    return fresh;
  }

  /** The one query that was sent since. */
  next(): SentQuery {
    const [query, ...more] = this.sent();
    if (query === undefined || more.length > 0) throw new Error(`${query === undefined ? 0 : more.length + 1} queries`);
    return query;
  }

  /** How many sockets and timers there are. */
  get open(): { readonly sockets: number; readonly timers: number } {
    const datagrams = this.runtime.datagrams.filter(({ isClosed }) => !isClosed).length;
    return { sockets: datagrams + this.runtime.sockets(), timers: this.runtime.clock.pending };
  }
}

function collect<Found>(call: (done: Done<Found>) => Cancel): Result<Found> {
  const told: (Found | SystemFailure)[] = [];
  const cancel = call((result) => told.push(result));
  return { told, cancel };
}

/** A record, written as in a zone: `mail.test 300 A 192.0.2.1`, `_x.test 60 SRV 10 5 143 mail.test`. */
export function record(line: string): ResourceRecord {
  const [name = "", ttl = "", type = "", ...data] = line.split(" ");
  return { name, ttl: Number(ttl), data: dataOf(type, data) };
}

function dataOf(type: string, [first = "", weight = "", port = "", target = ""]: readonly string[]): RecordData {
  switch (type) {
    case "A":
    case "AAAA":
      return { type, address: first };
    case "CNAME":
    case "PTR":
      return { type, target: first };
    case "SRV":
      return { type, priority: Number(first), weight: Number(weight), port: Number(port), target };
    default:
      throw new Error(`no such record: ${type}`);
  }
}

/** A reply of these records. */
export function reply(...lines: readonly string[]): Reply {
  return { records: lines.map(record) };
}

/** The addresses that were told, or the failure's text; `undefined` when nothing was. */
export function told({ told: [result] }: Result<Addresses>): readonly string[] | string | undefined {
  return result === undefined || !isFailure(result) ? result?.addresses : result.text;
}
