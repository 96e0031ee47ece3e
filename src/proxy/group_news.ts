/**
 * What worker processes tell each other of the servers of groups: how many connections each has to them, and which were
 * taken out or are back. So a limit holds, and a dead server is found out, once for all of them, and for those that
 * follow after a reload. All of it holds a moment later, see `board.ts`.
 *
 * @module
 */

import type { Millis, Octets, Runtime } from "../runtime.ts";
import type { Group, Tally } from "../upstream/mod.ts";
import type { Board } from "./board.ts";
import { type LimitZone, SharedLimitZone } from "./limit_zone.ts";

export class GroupNews {
  readonly #board: Board;
  readonly #connections: LimitZone;
  #groups: ReadonlyMap<Octets, Group> = new Map();

  constructor({ board, runtime }: { readonly board: Board; readonly runtime: Pick<Runtime, "timer"> }) {
    this.#board = board;
    const zone = { name: TOPIC, capacity: Infinity };
    this.#connections = new SharedLimitZone(zone, { board, runtime }).zone;
    board.subscribe(TOPIC, (value) => this.#hear(value));
  }

  /** From now on the news are for these groups, which want to know how things are. */
  begin(groups: ReadonlyMap<Octets, Group>): void {
    this.#groups = groups;
    this.#board.publish(TOPIC, { isNew: true } satisfies Message);
  }

  /** Counts the connections to a server of a group. */
  tally(group: Octets, server: Octets): Tally {
    const key = `${group}\n${server}`;
    const connections = this.#connections;
    return {
      get total() {
        return connections.total(key);
      },
      add: () => void connections.take(key, Infinity),
      remove: () => connections.release(key),
    };
  }

  /** A server was taken out for so long, or is back. */
  tell(group: Octets, server: Octets, outFor: Millis | undefined): void {
    this.#board.publish(TOPIC, { changes: [[group, server, outFor ?? null]] } satisfies Message);
  }

  #hear(value: unknown): void {
    const { isNew, changes = [] }: Message = typeof value === "object" && value !== null ? value : {};
    if (isNew) this.#tellAll();
    for (const [group, server, outFor] of changes) this.#groups.get(group)?.hear(server, outFor ?? undefined);
  }

  #tellAll(): void {
    const changes = Array.from(this.#groups, ([key, group]) => {
      return group.resting.map(([server, outFor]) => [key, server, outFor] as const);
    }).flat();
    if (changes.length > 0) this.#board.publish(TOPIC, { changes } satisfies Message);
  }
}

/** What workers tell each other. */
interface Message {
  /** The sender has just begun, and wants to be told all. */
  readonly isNew?: true;
  /** Servers that are out, and for how long yet, or are back. */
  readonly changes?: readonly (readonly [group: Octets, server: Octets, outFor: Millis | null])[];
}

const TOPIC = "upstream";
