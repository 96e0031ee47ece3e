/** What the kernel wrote down about processes. */

import { readdirSync, readFileSync } from "node:fs";

/** Nanoseconds that a process and all its threads spent on a CPU, with or without its descendants. */
export function cpuNanoseconds(pid: number, whose: "family" | "alone" = "family"): number {
  let sum = 0;
  for (const each of whose === "family" ? family(pid) : [pid]) {
    for (const thread of list(`/proc/${each}/task`)) {
      sum += Number(read(`/proc/${each}/task/${thread}/schedstat`).split(" ")[0] ?? 0);
    }
  }
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
