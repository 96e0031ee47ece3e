import type { Millis } from "../runtime.ts";
import type { Balancer, Choice } from "./balancer.ts";
import type { Member } from "./member.ts";
import { RoundRobin } from "./_round_robin.ts";

/** The server with the fewest connections for its weight; of several, by turns. */
export class LeastConnections implements Balancer {
  readonly #members: readonly Member[];
  readonly #turns: RoundRobin;

  constructor(members: readonly Member[]) {
    this.#members = members;
    this.#turns = new RoundRobin(members);
  }

  choose({ isEligible, key, now }: Choice): Member | undefined {
    let best: Member | undefined;
    for (const member of this.#members) {
      if (isEligible(member) && (best === undefined || load(member, best, now) < 0)) best = member;
    }
    if (best === undefined) return undefined;
    const least = best;
    return this.#turns.choose({ isEligible: (each) => isEligible(each) && load(each, least, now) === 0, key, now });
  }
}

/** Less than 0 when `one` has fewer connections for its weight than `other`. */
export function load(one: Member, other: Member, now: Millis): number {
  return one.standing.connections * other.weightAt(now) - other.standing.connections * one.weightAt(now);
}
