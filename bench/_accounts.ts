/** What the kernel wrote down about processes. */

import { readdirSync, readFileSync } from "node:fs";

/** Nanoseconds that each thread of some processes has spent on a CPU. */
export type CpuTimes = ReadonlyMap<string, number>;

/** The CPU times of these processes. */
export function cpuTimes(pids: readonly number[]): CpuTimes {
  const threads = pids.flatMap((pid) => list(`/proc/${pid}/task`).map((thread) => ({ pid, thread })));
  return new Map(threads.flatMap(({ pid, thread }) => [...threadTimes(pid, thread)]));
}

/** The CPU time of one thread of a process. */
export function threadTimes(pid: number, thread: number | string): CpuTimes {
  const path = `/proc/${pid}/task/${thread}/schedstat`;
  return new Map([[path, Number(read(path).split(" ")[0] ?? 0)]]);
}

/**
 * Nanoseconds that were spent in between. A thread that has ended since, as a compiler's does, counts for nothing, and
 * not for what it had spent before.
 */
export function spentSince(before: CpuTimes, after: CpuTimes): number {
  let sum = 0;
  for (const [thread, time] of after) sum += time - (before.get(thread) ?? 0);
  return sum;
}

/** KiB of memory that a process and its descendants have; what they share counts by its part. */
export function memoryKib(pid: number): number {
  return family(pid).reduce((sum, each) => {
    const [, pss = "0"] = /^Pss: +(\d+) kB/m.exec(read(`/proc/${each}/smaps_rollup`)) ?? [];
    return sum + Number(pss);
  }, 0);
}

/** How many descriptors a process and its descendants have open. */
export function descriptors(pid: number): number {
  return family(pid).reduce((sum, each) => sum + list(`/proc/${each}/fd`).length, 0);
}

/** A process and all that came of it, itself first. */
export function family(pid: number): number[] {
  const children = list(`/proc/${pid}/task`).flatMap((thread) =>
    read(`/proc/${pid}/task/${thread}/children`).split(" ").filter((child) => child.trim() !== "").map(Number)
  );
  return [pid, ...children.flatMap(family)];
}

/** A thread or a process may end while it is looked at. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
