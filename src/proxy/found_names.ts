/**
 * What worker processes tell each other of names that are looked up again: where a worker begins while no name server
 * answers, after a reload or in the place of one that died, it begins with what the first worker has found.
 *
 * @module
 */

import type { Cancel, Octets } from "../runtime.ts";
import type { FoundServer, NameWatch } from "../upstream/name_watch.ts";
import type { Board } from "./board.ts";

/** A name that is looked up again, and what is found of it is known by. */
export interface Watched {
  readonly key: Octets;
  readonly watch: Pick<NameWatch, "servers" | "adopt">;
}

/** Answers other workers, from its creation to `stop`. */
export class FoundNames {
  readonly #board: Board;
  readonly #watched: readonly Watched[];
  readonly #cancel: Cancel;

  constructor(watched: readonly Watched[], board: Board) {
    this.#watched = watched;
    this.#board = board;
    this.#cancel = board.subscribe(TOPIC, (value) => this.#hear(value));
  }

  /** Asks for what is not known here. */
  ask(): void {
    const keys = this.#watched.filter(({ watch }) => watch.servers.length === 0).map(({ key }) => key);
    for (const key of new Set(keys)) this.#board.publish(TOPIC, { wanted: key } satisfies Message);
  }

  stop(): void {
    this.#cancel();
  }

  #hear(value: unknown): void {
    const { wanted, key, servers = [] }: Message = typeof value === "object" && value !== null ? value : {};
    if (wanted !== undefined) this.#answer(wanted);
    const found = servers.slice(0, MOST_TOLD).map(foundServer);
    for (const each of this.#watched) if (each.key === key) each.watch.adopt(found);
  }

  #answer(key: Octets): void {
    if (!this.#board.isFirst) return;
    const { servers = [] } = this.#watched.find((each) => each.key === key)?.watch ?? {};
    if (servers.length === 0) return;
    this.#board.publish(TOPIC, { key, servers: servers.slice(0, MOST_TOLD).map(row) } satisfies Message);
  }
}

/** What workers tell each other. */
interface Message {
  /** The sender has found nothing of this. */
  readonly wanted?: Octets;
  /** Of this the sender has found these. */
  readonly key?: Octets;
  readonly servers?: readonly Row[];
}

/** JSON has no `undefined`. */
type Row = readonly [address: string, port: number | null, name: Octets, weight: number | null, isBackup: boolean];

function row({ address, port, name, weight, isBackup }: FoundServer): Row {
  return [address, port ?? null, name, weight ?? null, isBackup];
}

function foundServer([address, port, name, weight, isBackup]: Row): FoundServer {
  return { address, port: port ?? undefined, name, weight: weight ?? undefined, isBackup };
}

/** Of the servers of a name, those to be used first: even with the longest names they are less than a message may be. */
export const MOST_TOLD = 192;
const TOPIC = "names";
