/** Whether the benchmark can show a change of a tenth: the same proxy twice, and once more with a known handicap. */

import type { Load } from "./_load.ts";
import { DOORS, type Proxy, type ProxyOptions, startProxy } from "./_proxies.ts";
import { QUANTITIES, type Quantity } from "./_quantities.ts";
import { median, noise } from "./_report.ts";

const CHANGE = 0.1;

/** What was found, in words, and whether a known change was. */
export interface SelfTest {
  readonly text: string;
  readonly isShown: boolean;
}

export async function selfTest(load: Load, options: ProxyOptions, rounds: number, scale: number): Promise<SelfTest> {
  const row = QUANTITIES.find(({ name }) => name === "clear IMAP login");
  if (row === undefined) throw new Error("the row of the self-test is gone");
  const start = (at: number, handicap?: number) => {
    const firstPort = options.firstPort + at * DOORS.length;
    const folder = `${options.folder}/self-test-${at}`;
    return startProxy("node", { ...options, folder, firstPort, ...(handicap === undefined ? {} : { handicap }) });
  };
  const proxies: Proxy[] = [await start(0), await start(1)];
  try {
    const [first] = proxies;
    if (first === undefined) throw new Error("there is no proxy to be slower than");
    await inTurn(2, () => row.measure(first, load, Math.max(scale, row.warmUp ?? 0)));
    const usual = median(await inTurn(5, () => row.measure(first, load, scale).then(({ value }) => value)));
    proxies.push(await start(2, usual * CHANGE));
    return describe(await compare(proxies, { row, load, rounds, scale }));
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
  }
}

/** The ratios of the second and third proxy to the first, round by round. */
async function compare(proxies: readonly Proxy[], { row, load, rounds, scale }: {
  readonly row: Quantity;
  readonly load: Load;
  readonly rounds: number;
  readonly scale: number;
}): Promise<{ readonly same: number[]; readonly slowed: number[] }> {
  const same: number[] = [];
  const slowed: number[] = [];
  // All of them have to be as warm as they get: a twin that compiles still is no twin.
  for (const proxy of proxies) await inTurn(2, () => row.measure(proxy, load, Math.max(scale, row.warmUp ?? 0)));
  for (let round = 0; round < rounds; round++) {
    const values: number[] = [];
    // Who comes first is another one each round.
    for (let turn = 0; turn < proxies.length; turn++) {
      const at = (round + turn) % proxies.length;
      const proxy = proxies[at];
      if (proxy !== undefined) values[at] = (await row.measure(proxy, load, scale)).value;
    }
    const [one = NaN, twin = NaN, handicapped = NaN] = values;
    same.push(twin / one);
    slowed.push(handicapped / one);
  }
  return { same, slowed };
}

function describe({ same, slowed }: { readonly same: number[]; readonly slowed: number[] }): SelfTest {
  const text = (values: number[]) => `${median(values).toFixed(3)} ±${noise(values).toFixed(1)} %`;
  const isShown = median(slowed) * (1 - noise(slowed) / 100) > median(same) * (1 + noise(same) / 100);
  const lines = [
    `the same proxy twice: ${text(same)}`,
    `with ${CHANGE * 100} % more work for each session: ${text(slowed)}`,
    isShown
      ? "The change shows."
      : "The change does not show: the machine is too noisy, or the handicap has no effect.",
  ];
  return { text: lines.join("\n"), isShown };
}

async function inTurn<T>(count: number, run: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let at = 0; at < count; at++) results.push(await run());
  return results;
}
