/** What a program keeps, told apart from what is still to be collected. */

import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Octets in use behind a collection of garbage. */
export interface Memory {
  /** By the language. */
  readonly heap: number;
  /** By all, as the system counts it: what a library frees need not have been given back. */
  readonly resident: number;
}

export async function measureMemory(): Promise<Memory> {
  // What is freed in one turn of the event loop may let go of more in the next.
  for (let turn = 0; turn < 3; turn++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, rss } = process.memoryUsage();
  return { heap: heapUsed, resident: rss };
}

const collect = findCollector();

function findCollector(): () => void {
  const { Bun } = globalThis as { readonly Bun?: { gc(isSynchronous: boolean): void } };
  if (Bun !== undefined) return () => Bun.gc(true);
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}
