import type { Balancer, Choice } from "./balancer.ts";
import type { Member } from "./member.ts";

/** Smooth weighted round robin: of 5, 1 and 1 the turns are a a b a c a a. */
export class RoundRobin implements Balancer {
  readonly #members: readonly Member[];

  constructor(members: readonly Member[]) {
    this.#members = members;
  }

  choose({ isEligible, now }: Choice): Member | undefined {
    let best: Member | undefined;
    let total = 0;
    for (const member of this.#members) {
      if (!isEligible(member)) continue;
      total += member.approach(now);
      if (best === undefined || member.turn > best.turn) best = member;
    }
    if (best !== undefined) best.turn -= total;
    return best;
  }
}
