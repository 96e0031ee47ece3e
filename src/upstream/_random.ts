import type { Balancer, Choice, Dice } from "./balancer.ts";
import { load } from "./_least_connections.ts";
import type { Member } from "./member.ts";
import { RoundRobin } from "./_round_robin.ts";

/** A server at random, by weight; by turns when luck does not come to an eligible one. */
export class Random implements Balancer {
  readonly #draw: () => Member | undefined;
  readonly #turns: RoundRobin;

  constructor(members: readonly Member[], dice: Dice) {
    this.#draw = drawer(members, dice);
    this.#turns = new RoundRobin(members);
  }

  choose(choice: Choice): Member | undefined {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const member = this.#draw();
      if (member !== undefined && choice.isEligible(member)) return member;
    }
    return this.#turns.choose(choice);
  }
}

/** The one with fewer connections of two that are drawn. */
export class RandomOfTwo implements Balancer {
  readonly #draw: () => Member | undefined;
  readonly #turns: RoundRobin;

  constructor(members: readonly Member[], dice: Dice) {
    this.#draw = drawer(members, dice);
    this.#turns = new RoundRobin(members);
  }

  choose(choice: Choice): Member | undefined {
    let first: Member | undefined;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const member = this.#draw();
      if (member === undefined || member === first || !choice.isEligible(member)) continue;
      if (first !== undefined) return load(member, first, choice.now) > 0 ? first : member;
      first = member;
    }
    return first ?? this.#turns.choose(choice);
  }
}

function drawer(members: readonly Member[], dice: Dice): () => Member | undefined {
  let total = 0;
  const ranges = members.map((member) => {
    total += member.spec.weight;
    return { member, below: total };
  });
  return () => {
    const number = dice(total);
    return ranges.find(({ below }) => number < below)?.member;
  };
}

/** As in nginx. */
const MOST_TRIES = 20;
