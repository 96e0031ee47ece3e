/**
 * Measures Postern under each runtime beside nginx, on the same work, in one run: `npm run bench`.
 *
 *     --rounds N       how often everything is measured; the medians count (5)
 *     --scale X        how much work each measurement is (1)
 *     --only REGEX     the rows to measure
 *     --proxies A,B    nginx,node,deno,bun
 *     --save           writes the figures to bench/last.json, to be committed
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Load, startLoad } from "./_load.ts";
import { createCertificates, DOORS, PROXIES, type Proxy, type ProxyName, startProxy } from "./_proxies.ts";
import { HELD, QUANTITIES, type Quantity } from "./_quantities.ts";
import { compareWithLast, type Figures, report, save } from "./_report.ts";

const ROOT = join(import.meta.dirname, "..");
const PROXY_CPU = "0";
const LOAD_CPU = "1";
const FIRST_PORT = 21000;

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    scale: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    proxies: { type: "string", default: PROXIES.join(",") },
    save: { type: "boolean", default: false },
  },
});

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "postern-bench-"));
  const names = options.proxies.split(",").filter((name): name is ProxyName => PROXIES.some((each) => each === name));
  const figures: Figures = new Map();
  createCertificates(folder);
  const load = await startLoad(ROOT, LOAD_CPU);
  let proxies: Proxy[] = [];
  try {
    proxies = await startAll(names, folder, load);
    for (const proxy of proxies) note(figures, "start-up", "ms", proxy.name, proxy.startup);
    await measureAll(proxies, load, figures);
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    load.stop();
    rmSync(folder, { recursive: true });
  }
  console.log(report(figures, [...QUANTITIES, ...HELD]));
  console.log(compareWithLast(figures));
  if (options.save) save(figures);
}

/** One after the other: the time that each needs to start is measured. */
async function startAll(names: readonly ProxyName[], folder: string, load: Load): Promise<Proxy[]> {
  const proxies: Proxy[] = [];
  for (const [at, name] of names.entries()) {
    const firstPort = FIRST_PORT + at * DOORS.length;
    const shared = { root: ROOT, folder, authPort: load.servers.auth, workers: 1, cpu: PROXY_CPU };
    proxies.push(await startProxy(name, { ...shared, firstPort }));
  }
  return proxies;
}

async function measureAll(proxies: readonly Proxy[], load: Load, figures: Figures): Promise<void> {
  const isWanted = ({ name }: Quantity) => new RegExp(options.only).test(name);
  const rows = QUANTITIES.filter(isWanted);
  // What is compiled while it runs first has to get warm.
  for (const row of rows) for (const proxy of proxies) await row.measure(proxy, load, Number(options.scale));
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const row of rows) {
      for (const proxy of rotate(proxies, round)) {
        note(figures, row.name, row.unit, proxy.name, await row.measure(proxy, load, Number(options.scale)));
      }
    }
    process.stderr.write(`round ${round + 1} of ${options.rounds}\n`);
  }
  for (const row of HELD.filter(isWanted)) {
    for (const proxy of proxies) {
      note(figures, row.name, row.unit, proxy.name, await row.measure(proxy, load, Number(options.scale)));
    }
  }
}

/** Who comes first is another one each round. */
function rotate<T>(all: readonly T[], by: number): T[] {
  return all.map((_, at) => all[(at + by) % all.length] as T);
}

function note(figures: Figures, row: string, unit: string, proxy: ProxyName, value: number): void {
  const entry = figures.get(row) ?? { unit, values: {} };
  (entry.values[proxy] ??= []).push(value);
  figures.set(row, entry);
}

await main();
