/**
 * The ways to choose among the servers of a group: nginx's, so that a group does here what it does there.
 *
 * @module
 */

import type { Millis, Octets } from "../runtime.ts";
import type { Template } from "../variables/mod.ts";
import { Hash } from "./_hash.ts";
import { ConsistentHash } from "./_consistent_hash.ts";
import { LeastConnections } from "./_least_connections.ts";
import type { Member } from "./member.ts";
import { Random, RandomOfTwo } from "./_random.ts";
import { RoundRobin } from "./_round_robin.ts";

/** How a group chooses. */
export type Balancing =
  | { readonly type: "round_robin" }
  | { readonly type: "least_conn" }
  | { readonly type: "random"; readonly isOfTwo: boolean }
  | { readonly type: "hash"; readonly key: Template; readonly isConsistent: boolean };

/** What a choice is made for. */
export interface Choice {
  /** Which servers there are to choose among. */
  readonly isEligible: (member: Member) => boolean;
  /** What `hash` goes by; empty where there is no such thing. */
  readonly key: Octets;
  readonly now: Millis;
}

/** Chooses among servers that are either all backups or none of them. It keeps the state of its method. */
export interface Balancer {
  /** One of the eligible servers, or `undefined` when there are none. */
  choose(choice: Choice): Member | undefined;
}

/** A random whole number from 0 to `below` - 1. */
export type Dice = (below: number) => number;

/** Makes what chooses among these servers. */
export function createBalancer(balancing: Balancing, members: readonly Member[], dice: Dice): Balancer {
  switch (balancing.type) {
    case "round_robin":
      return new RoundRobin(members);
    case "least_conn":
      return new LeastConnections(members);
    case "random":
      return balancing.isOfTwo ? new RandomOfTwo(members, dice) : new Random(members, dice);
    case "hash":
      return balancing.isConsistent ? new ConsistentHash(members) : new Hash(members);
  }
}
