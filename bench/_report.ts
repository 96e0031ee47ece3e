/** Figures as people read them, and as the next run compares with them. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { PROXIES, type ProxyName } from "./_proxies.ts";
import type { Limits, LoadShares } from "./_quantities.ts";

/** All that was measured: by row, by proxy, in the order of the rounds. */
export type Figures = Map<string, Entry>;

interface Entry {
  readonly unit: string;
  readonly values: Partial<Record<ProxyName, number[]>>;
  readonly load: Partial<Record<ProxyName, LoadShares[]>>;
}

/** What the report has to know of a row. */
export interface ReportRow {
  readonly name: string;
  readonly limits?: Limits;
  readonly isGain?: boolean;
}

interface Saved {
  readonly machine: string;
  readonly ratios: Record<string, Partial<Record<ProxyName, number>>>;
  readonly figures: Record<string, Partial<Record<ProxyName, number>>>;
  /** What the load's clients and servers spent, as multiples of what the proxy spent. */
  readonly clients: Record<string, Partial<Record<ProxyName, number>>>;
  readonly servers: Record<string, Partial<Record<ProxyName, number>>>;
}

const LAST = join(import.meta.dirname, "last.json");
const LATEST = join(import.meta.dirname, "latest.json");
const RUNTIMES = PROXIES.filter((name) => name !== "nginx");

/** The middle one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2;
}

/** How far values scatter around their median: the half of the middle half, in percent. */
export function noise(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.round(part * (sorted.length - 1))] ?? NaN;
  return (at(0.75) - at(0.25)) / 2 / median(values) * 100;
}

/** A proxy's ratios to nginx, each within its round; a row that is a ratio itself stays what it is. */
function ratios({ values }: Entry, name: ProxyName, row: ReportRow | undefined): number[] {
  const own = values[name] ?? [];
  return row?.isGain === true ? own : own.map((value, round) => value / (values.nginx?.[round] ?? NaN));
}

/**
 * A table in Markdown: nginx's own figure, then each runtime's ratio to it with its noise, whether a bound is met, and
 * what the load's clients and servers spent on nginx, as multiples of what nginx spent.
 */
export function report(figures: Figures, rows: readonly ReportRow[]): string {
  const lines = [
    `| quantity | nginx | ${RUNTIMES.join(" | ")} | goal, bound of the best, of each | clients + servers |`,
    `|---|---|${RUNTIMES.map(() => "---|").join("")}---|---|`,
  ];
  for (const [name, entry] of figures) {
    const row = rows.find((each) => each.name === name);
    const measured = RUNTIMES.map((runtime) => ratios(entry, runtime, row));
    const cells = [
      name,
      `${shown(entry.values.nginx, (value) => value.toPrecision(3))} ${entry.unit}`.trim(),
      ...measured.map((values) => shown(values, (value) => `${value.toFixed(2)} ±${noise(values).toFixed(0)} %`)),
      verdict(row, measured.filter((values) => values.length > 0).map(median)),
      sharesShown(entry.load.nginx),
    ];
    lines.push(`| ${cells.join(" | ")} |`);
  }
  return lines.join("\n");
}

function shown(values: readonly number[] | undefined, write: (median: number) => string): string {
  return values === undefined || values.length === 0 ? "–" : write(median(values));
}

function sharesShown(shares: readonly LoadShares[] | undefined): string {
  if (shares === undefined) return "–";
  return [shares.map(({ clients }) => clients), shares.map(({ servers }) => servers)]
    .map((values) => median(values).toFixed(2)).join(" + ");
}

/** Where clients spent most beside the proxy that they measured: who is slower than what he measures measures himself. */
export function dearestClients(figures: Figures): string {
  const [dearest] = [...figures].flatMap(([row, { load }]) =>
    PROXIES.flatMap((name) => {
      const shares = load[name] ?? [];
      return shares.length === 0 ? [] : [{ row, name, part: median(shares.map(({ clients }) => clients)) }];
    })
  ).sort((one, other) => other.part - one.part);
  if (dearest === undefined) return "No row has been measured in which clients count.";
  const { row, name, part } = dearest;
  return `Clients spent at most ${part.toFixed(2)} of the proxy that they measured: ${row}, ${name}.`;
}

function verdict(row: ReportRow | undefined, medians: readonly number[]): string {
  if (row?.limits === undefined) return "";
  const { goal, best, each } = row.limits;
  const sign = row.isGain === true ? -1 : 1;
  const [ofBest, ofWorst] = [
    Math.min(...medians.map((value) => sign * value)),
    Math.max(...medians.map((value) => sign * value)),
  ];
  const isMissed = ofBest > sign * best || ofWorst > sign * each;
  const word = isMissed ? "**missed**" : ofBest <= sign * goal ? "goal" : "within";
  return `${goal}, ${best}, ${each}: ${word}`;
}

/** What differs by more than a tenth from the figures that were last committed. */
export function compareWithLast(figures: Figures): string {
  if (!existsSync(LAST)) return "There is no earlier run to compare with.";
  const last = (JSON.parse(readFileSync(LAST, "utf8")) as Saved).ratios;
  const changes: string[] = [];
  for (const [row, now] of Object.entries(condense(figures).ratios)) {
    for (const name of RUNTIMES) {
      const [before, after] = [last[row]?.[name], now[name]];
      if (before === undefined || after === undefined || Math.abs(after / before - 1) < 0.1) continue;
      changes.push(`${row}, ${name}: ${before.toFixed(2)} → ${after.toFixed(2)}`);
    }
  }
  return changes.length === 0 ? "No row differs from the last committed run by a tenth." : changes.join("\n");
}

/** Writes the medians down; where they are to be kept, rows that this run has not measured stay. */
export function save(figures: Figures, isToKeep: boolean): void {
  const now = condense(figures);
  write(LATEST, now);
  if (!isToKeep) return;
  const before = existsSync(LAST) ? JSON.parse(readFileSync(LAST, "utf8")) as Saved : now;
  write(LAST, {
    machine: now.machine,
    ratios: { ...before.ratios, ...now.ratios },
    figures: { ...before.figures, ...now.figures },
    clients: { ...before.clients, ...now.clients },
    servers: { ...before.servers, ...now.servers },
  });
}

function condense(figures: Figures): Saved {
  const by = (values: (entry: Entry, name: ProxyName, row: string) => readonly number[]) =>
    Object.fromEntries([...figures].map(([row, entry]) => {
      const found = PROXIES.map((name) => [name, values(entry, name, row)] as const);
      const kept = found.filter(([, each]) => each.length > 0);
      return [row, Object.fromEntries(kept.map(([name, each]) => [name, Number(median(each).toPrecision(4))]))];
    }));
  return {
    machine: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`,
    ratios: by((entry, name, row) => ratios(entry, name, { name: row, isGain: entry.unit === "" })),
    figures: by(({ values }, name) => values[name] ?? []),
    clients: by(({ load }, name) => (load[name] ?? []).map(({ clients }) => clients)),
    servers: by(({ load }, name) => (load[name] ?? []).map(({ servers }) => servers)),
  };
}

function write(path: string, saved: Saved): void {
  writeFileSync(path, `${JSON.stringify(saved, undefined, 2)}\n`);
}
