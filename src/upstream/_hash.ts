import type { Octets } from "../runtime.ts";
import type { Balancer, Choice } from "./balancer.ts";
import { CRC32_BEGIN, finished, updated } from "./crc32.ts";
import type { Member } from "./member.ts";
import { RoundRobin } from "./_round_robin.ts";

/**
 * The server that follows from the key, as in nginx and Cache::Memcached; where that one is not eligible, from the key
 * behind a count; by turns where that does not come to an eligible one, and for an empty key.
 */
export class Hash implements Balancer {
  readonly #members: readonly Member[];
  readonly #total: number;
  readonly #turns: RoundRobin;

  constructor(members: readonly Member[]) {
    this.#members = members;
    this.#total = members.reduce((sum, { spec }) => sum + spec.weight, 0);
    this.#turns = new RoundRobin(members);
  }

  choose(choice: Choice): Member | undefined {
    let hash = 0;
    for (let tries = 0; tries < MOST_TRIES && choice.key !== "" && this.#members.length > 1; tries++) {
      hash += (rehash(choice.key, tries) >>> 16) & 0x7fff;
      const member = this.#at(hash % this.#total);
      if (member !== undefined && choice.isEligible(member)) return member;
    }
    return this.#turns.choose(choice);
  }

  #at(place: number): Member | undefined {
    let left = place;
    return this.#members.find(({ spec }) => (left -= spec.weight) < 0);
  }
}

function rehash(key: Octets, tries: number): number {
  const count = tries === 0 ? "" : String(tries);
  return finished(updated(CRC32_BEGIN, count + key));
}

/** As in nginx. */
const MOST_TRIES = 20;
