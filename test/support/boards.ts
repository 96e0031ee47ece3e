import type { Board } from "../../src/proxy/board.ts";

/** Boards of processes that hear each other at once. */
export class Boards {
  readonly #listeners: {
    readonly id: number;
    readonly topic: string;
    readonly hear: Parameters<Board["subscribe"]>[1];
  }[] = [];
  readonly #mourners: ((id: number) => void)[] = [];

  /** The board of the worker of this number; 1 is the first. */
  board(id: number): Board {
    return {
      id,
      isFirst: id === 1,
      publish: (topic, value) => {
        const text = JSON.stringify(value);
        for (const each of this.#listeners) {
          if (each.id !== id && each.topic === topic) each.hear(JSON.parse(text), id, false);
        }
      },
      subscribe: (topic, hear) => {
        this.#listeners.push({ id, topic, hear });
        return () => {};
      },
      onGone: (hear) => {
        this.#mourners.push(hear);
        return () => {};
      },
    };
  }

  gone(id: number): void {
    for (const hear of this.#mourners) hear(id);
  }
}
