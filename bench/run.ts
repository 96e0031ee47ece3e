/**
 * Measures Postern under each runtime beside nginx, on the same work, in one run: `npm run bench`.
 *
 *     --rounds N       how often everything is measured; the medians count (5)
 *     --scale X        how much work each measurement is (1)
 *     --only REGEX     the rows to measure
 *     --proxies A,B    nginx,node,deno,bun
 *     --save           keeps the figures in bench/last.json, to be committed
 *     --self-test      shows instead how small a change the benchmark can show
 *
 * Every run writes what it found to `bench/latest.json`.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { FRESH, type FreshQuantity } from "./_fresh.ts";
import { type Load, startLoad } from "./_load.ts";
import { createCertificates, DOORS, PROXIES, type Proxy, type ProxyName, startProxy } from "./_proxies.ts";
import { type LoadShares, QUANTITIES, type Quantity, type Sample } from "./_quantities.ts";
import { compareWithLast, dearestClients, type Figures, report, save } from "./_report.ts";
import { selfTest } from "./_self_test.ts";
import { install } from "./_setup.ts";

const ROOT = join(import.meta.dirname, "..");
const PROXY_CPU = "0";
const LOAD_CPU = "1";
/** Below those that the system gives to clients; two runs at a time do not meet. */
const FIRST_PORT = 20000 + process.pid % 120 * 100;

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    scale: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    proxies: { type: "string", default: PROXIES.join(",") },
    save: { type: "boolean", default: false },
    "self-test": { type: "boolean", default: false },
  },
});
const rounds = Number(options.rounds);
const scale = Number(options.scale);
const names = options.proxies.split(",").filter((name): name is ProxyName => PROXIES.some((each) => each === name));
const isWanted = ({ name }: { readonly name: string }) => new RegExp(options.only).test(name);

/** Where everything takes place. */
interface Ground {
  readonly folder: string;
  readonly load: Load;
  readonly figures: Figures;
}

async function main(): Promise<void> {
  install();
  const folder = mkdtempSync(join(tmpdir(), "postern-bench-"));
  createCertificates(folder);
  const load = await startLoad(ROOT, LOAD_CPU);
  const ground = { folder, load, figures: new Map() };
  try {
    if (options["self-test"]) {
      const { text, isShown } = await selfTest(load, settingsOf(ground, {}), rounds, scale);
      if (!isShown) process.exitCode = 1;
      return console.log(text);
    }
    await measureSideBySide(ground);
    for (const row of FRESH.filter(isWanted)) await measureFresh(row, ground);
  } finally {
    load.stop();
    rmSync(folder, { recursive: true });
  }
  console.log(report(ground.figures, [...QUANTITIES, ...FRESH]));
  console.log(`\n${dearestClients(ground.figures)}`);
  console.log(`\n${compareWithLast(ground.figures)}`);
  save(ground.figures, options.save);
}

function settingsOf({ folder, load }: Ground, { at = 0, workers = 1, cpu = PROXY_CPU }) {
  const firstPort = FIRST_PORT + at * DOORS.length;
  return { root: ROOT, folder, certificates: folder, authPort: load.servers.ports.auth, workers, cpu, firstPort };
}

async function measureSideBySide(ground: Ground): Promise<void> {
  const rows = QUANTITIES.filter(isWanted);
  const proxies: Proxy[] = [];
  try {
    // One after the other: the time that each needs to start is measured.
    for (const [at, name] of names.entries()) proxies.push(await startProxy(name, settingsOf(ground, { at })));
    for (const proxy of proxies) note(ground, START_UP, proxy.name, { value: proxy.startup });
    // What is compiled while it runs first has to get warm.
    for (const row of rows) {
      for (const proxy of proxies) await row.measure(proxy, ground.load, Math.max(scale, row.warmUp ?? 0));
    }
    for (let round = 0; round < rounds; round++) {
      for (const row of rows) {
        for (const [proxy, sample] of await measureInSlices(row, rotate(proxies, round), ground.load)) {
          note(ground, row, proxy.name, sample);
        }
      }
      process.stderr.write(`round ${round + 1} of ${rounds}\n`);
    }
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
  }
}

/** A machine is slower for seconds now and then: all proxies are measured on both sides of such a change. */
async function measureInSlices(
  row: Quantity,
  proxies: readonly Proxy[],
  load: Load,
): Promise<ReadonlyMap<Proxy, Sample>> {
  const slices = row.slices ?? 1;
  const samples = new Map<Proxy, Sample[]>(proxies.map((proxy) => [proxy, []]));
  for (let slice = 0; slice < slices; slice++) {
    for (const proxy of rotate(proxies, slice)) {
      samples.get(proxy)?.push(await row.measure(proxy, load, scale / slices));
    }
  }
  return new Map([...samples].map(([proxy, its]) => [proxy, meanOf(its)]));
}

/** Of samples of the same size. The load's shares are multiples of the proxy's, so they are weighed by that. */
function meanOf(samples: readonly Sample[]): Sample {
  const sum = (valueOf: (sample: Sample) => number) => samples.reduce((before, sample) => before + valueOf(sample), 0);
  const total = sum(({ value }) => value);
  const part = (of: keyof LoadShares) => sum(({ value, load }) => value * (load?.[of] ?? 0)) / total;
  return {
    value: total / samples.length,
    ...samples.some(({ load }) => load === undefined)
      ? {}
      : { load: { clients: part("clients"), servers: part("servers") } },
  };
}

const START_UP = { name: "start-up", unit: "ms" };

/** What is left of other work would count: each proxy starts anew. */
async function measureFresh(row: FreshQuantity, ground: Ground): Promise<void> {
  for (let round = 0; round < Math.min(rounds, FRESH_ROUNDS); round++) {
    for (const name of names) {
      const proxies: Proxy[] = [];
      try {
        for (const [at, setting] of row.settings.entries()) {
          proxies.push(await startProxy(name, settingsOf(ground, { ...setting, at })));
        }
        note(ground, row, name, await row.measure(proxies, ground.load, scale));
      } finally {
        await Promise.all(proxies.map((proxy) => proxy.stop()));
      }
    }
  }
}

/** They vary little, and take long. */
const FRESH_ROUNDS = 3;

/** Who comes first is another one each round. */
function rotate<T>(all: readonly T[], by: number): T[] {
  return all.map((_, at) => all[(at + by) % all.length] as T);
}

/** Puts a figure down. In its rounds a proxy comes before and after nginx by turns, so nothing else is kept of the order. */
function note(
  { figures }: Ground,
  row: Pick<Quantity, "name" | "unit">,
  proxy: ProxyName,
  { value, load }: Sample,
): void {
  const entry = figures.get(row.name) ?? { unit: row.unit, values: {}, load: {} };
  (entry.values[proxy] ??= []).push(value);
  if (load !== undefined) (entry.load[proxy] ??= []).push(load);
  figures.set(row.name, entry);
}

await main();
