/** What needs proxies of its own: memory of held sessions, and what a second worker is good for. */

import { type CpuTimes, cpuTimes, family, memoryKib, spentSince } from "./_accounts.ts";
import type { Load } from "./_load.ts";
import type { Proxy } from "./_proxies.ts";
import { CLEAR, ECDSA, type Limits, type Sample, target, type Way } from "./_quantities.ts";

/** A row for which each proxy is started anew. */
export interface FreshQuantity {
  readonly name: string;
  readonly unit: string;
  readonly limits: Limits;
  /** Whether the figure is a ratio itself, of which more is better. */
  readonly isGain: boolean;
  /** The proxies it needs: with how many workers each, and where they may run. */
  readonly settings: readonly { readonly workers: number; readonly cpu: string }[];
  measure(proxies: readonly Proxy[], load: Load, scale: number): Promise<Sample>;
}

const ALONE = { workers: 1, cpu: "0" };
const BOTH = { workers: 2, cpu: "0,1" };

export const FRESH: readonly FreshQuantity[] = [
  held("memory per held session, clear", CLEAR, { goal: 0.5, best: 1, each: 1.5 }),
  held("memory per held session, TLS", ECDSA, { goal: 0.4, best: 0.8, each: 2.2 }),
  {
    name: "capacity of 2 workers over 1",
    unit: "",
    limits: { goal: 1.9, best: 1.6, each: 1.5 },
    isGain: true,
    settings: [ALONE, BOTH],
    measure: async (proxies, load, scale) => {
      const [alone = NaN, both = NaN] = await capacities(proxies, load, scale);
      return { value: both / alone };
    },
  },
];

/** Sessions of each worker until a compiled program is warm: what is counted before is its compiler. */
const WARM = 20_000;
/** Sessions of one figure for capacity: who of two workers gets how many is chance in the short run. */
const CAPACITY = 12_000;
/** They are done in turns of half a second, one proxy after the other: a machine is slower for seconds now and then. */
const SLICES = 6;
/** Sessions until it has the memory that it works with. */
const SETTLED = 2500;

function held(name: string, way: Way, limits: Limits): FreshQuantity {
  return {
    name,
    unit: "KiB per session",
    limits,
    isGain: false,
    settings: [ALONE],
    measure: async ([proxy], load, scale) => {
      if (proxy === undefined) throw new Error("there is no proxy to hold sessions");
      const count = Math.ceil(5000 * scale);
      await load.perform({ do: "sessions", target: target(proxy, way), count: SETTLED, atOnce: 24 });
      const before = memoryKib(proxy.pid);
      await load.perform({ do: "hold", target: target(proxy, way), count });
      const kib = (memoryKib(proxy.pid) - before) / count;
      await load.perform({ do: "release" });
      return { value: kib };
    },
  };
}

/**
 * Sessions per CPU second of each proxy's busiest process. The load needs a core too, so that a clock on the wall would
 * show what the two cores of a small machine have left and not what two workers can do.
 */
async function capacities(proxies: readonly Proxy[], load: Load, scale: number): Promise<number[]> {
  const run = (proxy: Proxy, count: number) =>
    load.perform({ do: "sessions", target: target(proxy, CLEAR), count, atOnce: 48 });
  // The main process serves nobody.
  for (const proxy of proxies) await run(proxy, WARM * (family(proxy.pid).length - 1));
  const count = Math.ceil(CAPACITY * scale / SLICES);
  const spent = proxies.map(() => new Map<number, number>());
  for (let slice = 0; slice < SLICES; slice++) {
    for (const [at, proxy] of proxies.entries()) {
      const before = ownTimes(proxy.pid);
      await run(proxy, count);
      for (const [pid, times] of ownTimes(proxy.pid)) {
        const its = spentSince(before.get(pid) ?? new Map(), times);
        spent[at]?.set(pid, (spent[at].get(pid) ?? 0) + its);
      }
    }
  }
  return spent.map((times) => count * SLICES / Math.max(...times.values()));
}

function ownTimes(pid: number): Map<number, CpuTimes> {
  return new Map(family(pid).map((each) => [each, cpuTimes([each])]));
}
