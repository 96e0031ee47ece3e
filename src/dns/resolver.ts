/**
 * Looks names up at the name servers of a `resolver` directive. It needs nothing of the system's own resolver, so that
 * answers come with their TTL and failures have the same names everywhere.
 *
 * @module
 */

import { formatHost } from "../config/ip.ts";
import type { Cancel, Millis, Octets, SystemFailure } from "../runtime.ts";
import { describeFailure, isFailure } from "../runtime.ts";
import type { DnsRuntime, NameServer } from "./_attempt.ts";
import { Cache } from "./_cache.ts";
import { Call, type CallDone } from "./_call.ts";
import { type Answer, Lookup, type Waiter } from "./_lookup.ts";
import { NameServers } from "./_query.ts";
import { failureOf, HOST_NOT_FOUND, TIMED_OUT } from "./failure.ts";
import { createQuestion, type Question, type QuestionType } from "./message.ts";
import { reverseName } from "./name.ts";

/** `resolver` and `resolver_timeout`. */
export interface ResolverOptions {
  /** At least one. Each question begins with the next of them. */
  readonly servers: readonly NameServer[];
  /** How long one call may take, whatever it asks; `undefined` for until there is an answer. */
  readonly timeout: Millis | undefined;
  /** How long answers hold instead of their TTL (`valid=`). */
  readonly valid: Millis | undefined;
  /** Which addresses are asked for (`ipv4=off`, `ipv6=off`); one of them at least. */
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** Hears of sockets towards name servers that have failed, in nginx's words. */
  readonly note?: ((text: Octets, failure: SystemFailure) => void) | undefined;
}

/** The addresses of a name. */
export interface Addresses {
  /** Numeric, in their usual form, IPv4 first; at least one. */
  readonly addresses: readonly string[];
  readonly ttl: Millis;
  /** Why those of one family are missing, when that is not because there are none. */
  readonly missing: SystemFailure | undefined;
}

/** The name of an address. */
export interface HostName {
  /** As `name.ts` writes it: any octets may be in it, escaped. */
  readonly name: Octets;
  readonly ttl: Millis;
}

/** One server of a service (RFC 2782). */
export interface Service {
  /** Lower ones are to be used first. */
  readonly priority: number;
  /** The share among those of one priority. */
  readonly weight: number;
  readonly port: number;
  /** Empty for a service that is decidedly not there. */
  readonly target: Octets;
}

/** The servers of a service, in the order of the response; at least one. */
export interface Services {
  readonly services: readonly Service[];
  readonly ttl: Millis;
}

/** Takes what a call came to. */
export type Done<Found> = (result: Found | SystemFailure) => void;

/** How many questions have their answers kept. */
export const MAX_CACHED = 4096;

/** How long it is believed that a name, or what was asked of it, does not exist. */
export const ABSENCE_TTL: Millis = 30_000;

/** How long a server's other refusals are believed (RFC 9520, 3.2: at least a second). */
export const FAILURE_TTL: Millis = 5_000;

/**
 * A resolver with its cache. Each call tells its result once, later or at once, unless it is cancelled before. Sockets
 * are open only while an answer is awaited: there is nothing to close.
 */
export class Resolver {
  readonly #options: ResolverOptions;
  readonly #runtime: DnsRuntime;
  readonly #servers: NameServers;
  readonly #cache = new Cache<Answer | SystemFailure>(MAX_CACHED);
  readonly #lookups = new Map<string, Lookup>();

  constructor(options: ResolverOptions, runtime: DnsRuntime) {
    this.#options = options;
    this.#runtime = runtime;
    this.#servers = new NameServers(options.servers, {
      runtime,
      failed: ({ host, port }, failure) => {
        const address = formatHost(host, port);
        options.note?.(`recv() failed ${describeFailure(failure)} while resolving, resolver: ${address}`, failure);
      },
    });
  }

  /** The addresses of a name. It is asked for as it is: numeric addresses are no names, and no domain is appended. */
  lookup(name: Octets, done: Done<Addresses>): Cancel {
    const { ipv4, ipv6 } = this.#options;
    const types: QuestionType[] = [];
    if (ipv4) types.push("A");
    if (ipv6) types.push("AAAA");
    return this.#call(name, types, (answers) => done(addressesOf(answers)));
  }

  /** The name of a numeric address: the first one if it has several. */
  reverse(address: string, done: Done<HostName>): Cancel {
    const name = reverseName(address);
    if (name === undefined) {
      done(failureOf(FORMAT_ERROR));
      return () => {};
    }
    return this.#call(name, ["PTR"], ([answer = TIMED_OUT]) => done(isFailure(answer) ? answer : hostNameOf(answer)));
  }

  /** The servers of a service such as `_imap._tcp.example.org`. */
  services(name: Octets, done: Done<Services>): Cancel {
    return this.#call(name, ["SRV"], ([answer = TIMED_OUT]) => done(isFailure(answer) ? answer : servicesOf(answer)));
  }

  /** Asks for all of these and tells when all are there, or when it has taken too long. */
  #call(name: Octets, types: readonly QuestionType[], done: CallDone): Cancel {
    const call = new Call(types.length, done);
    types.forEach((type, index) => {
      const question = createQuestion(name, type);
      if (question === undefined) call.take(index, HOST_NOT_FOUND);
      else call.keep(this.#ask(question, (answer) => call.take(index, answer)));
    });
    const { timeout } = this.#options;
    if (!call.isOver && timeout !== undefined) call.keep(this.#runtime.timer(timeout, () => call.finish()));
    return () => call.cancel();
  }

  #ask(question: Question, waiter: Waiter): Cancel {
    const key = `${question.type} ${question.name}`;
    const cached = this.#cache.get(key, this.#runtime.now());
    if (cached !== undefined) {
      waiter(isFailure(cached.value) ? cached.value : { ...cached.value, ttl: cached.left });
      return () => {};
    }
    const pending = this.#lookups.get(key);
    if (pending !== undefined) return pending.join(waiter);
    const { valid } = this.#options;
    const lookup = new Lookup({ question, servers: this.#servers, valid }, (answer) => {
      this.#lookups.delete(key);
      if (answer !== undefined) this.#remember(key, answer);
    });
    this.#lookups.set(key, lookup);
    const cancel = lookup.join(waiter);
    lookup.start();
    return cancel;
  }

  #remember(key: string, answer: Answer | SystemFailure): void {
    const failureTtl = answer === HOST_NOT_FOUND ? ABSENCE_TTL : FAILURE_TTL;
    const ttl = isFailure(answer) ? failureTtl : answer.ttl;
    if (ttl > 0) this.#cache.set(key, answer, this.#runtime.now() + ttl);
  }
}

function addressesOf(results: readonly (Answer | SystemFailure)[]): Addresses | SystemFailure {
  const answers = results.filter((result): result is Answer => !isFailure(result));
  const failures = results.filter((result) => isFailure(result));
  const missing = failures.find((failure) => failure !== HOST_NOT_FOUND);
  const addresses = answers.flatMap(({ data }) =>
    data.flatMap((record) => "address" in record ? [record.address] : [])
  );
  if (addresses.length === 0) return missing ?? HOST_NOT_FOUND;
  return { addresses, ttl: Math.min(...answers.map(({ ttl }) => ttl)), missing };
}

function hostNameOf({ data: [first], ttl }: Answer): HostName | SystemFailure {
  return first?.type === "PTR" ? { name: first.target, ttl } : HOST_NOT_FOUND;
}

function servicesOf({ data, ttl }: Answer): Services {
  return { services: data.flatMap((record) => record.type === "SRV" ? [serviceOf(record)] : []), ttl };
}

function serviceOf({ priority, weight, port, target }: Service): Service {
  return { priority, weight, port, target };
}

const FORMAT_ERROR = 1;
