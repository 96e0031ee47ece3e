/**
 * What the worker processes tell each other: counts and states that must hold for all of them together. It is kept by
 * eventual consistency: what is published arrives soon, in order from each worker, and not at all where a worker is so
 * busy that its messages would pile up. So publish states and totals, which the next message sets right, not steps.
 *
 * @module
 */

import type { Cancel, Octets } from "../runtime.ts";

/** A worker's way to the others. */
export interface Board {
  /** This worker's number, unique among those alive. */
  readonly id: number;
  /** Whether this worker does what only one has to do, such as health checks. May change: ask each time. */
  readonly isFirst: boolean;
  /** Tells all other workers something that JSON can carry. Of no use to the one who says it: it does not hear itself. */
  publish(topic: Octets, value: unknown): void;
  /** Hears what other workers publish under a topic, which of them did, and whether it serves an earlier configuration. */
  subscribe(topic: Octets, hear: (value: unknown, from: number, isEarlier: boolean) => void): Cancel;
  /** Hears of every worker that is gone: whatever it said holds no more. */
  onGone(hear: (id: number) => void): Cancel;
}

/** The board of a process that works alone, and so reaches nobody. */
export const SOLITARY_BOARD: Board = {
  id: 0,
  isFirst: true,
  publish: () => {},
  subscribe: () => () => {},
  onGone: () => () => {},
};
