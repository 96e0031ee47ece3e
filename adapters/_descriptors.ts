/** What the descriptors of this process are, as `/proc` has it. */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** What a descriptor stands for: the same text for all that stand for the same socket. */
export function linkOf(descriptor: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return undefined;
  }
}

/** All descriptors of what a link stands for. */
export function descriptorsLike(link: string | undefined): readonly number[] {
  if (link === undefined) return [];
  try {
    return readdirSync("/proc/self/fd").map(Number).filter((descriptor) => linkOf(descriptor) === link);
  } catch {
    return [];
  }
}

/** What an epoll watches, and how. */
export interface Watch {
  readonly watched: number;
  readonly events: number;
  /** What whoever watches it is told with the events. */
  readonly data: bigint;
}

/** All that an epoll watches (proc(5), `/proc/pid/fdinfo`). */
export function watchesOf(epoll: number): readonly Watch[] {
  try {
    const lines = readFileSync(`/proc/self/fdinfo/${epoll}`, "latin1").matchAll(WATCH);
    return Array.from(lines, ([, watched, events, data]) => {
      return { watched: Number(watched), events: Number.parseInt(`${events}`, 16) | 0, data: BigInt(`0x${data}`) };
    });
  } catch {
    return [];
  }
}

const WATCH = /^tfd: +(\d+) events: +([0-9a-f]+) data: +([0-9a-f]+)/gm;
