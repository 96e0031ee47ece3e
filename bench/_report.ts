/** Figures as people read them, and as the next run compares with them. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { PROXIES, type ProxyName } from "./_proxies.ts";
import type { Quantity } from "./_quantities.ts";

/** All that was measured: by row, by proxy, in the order of the rounds. */
export type Figures = Map<string, { readonly unit: string; readonly values: Partial<Record<ProxyName, number[]>> }>;

const LAST = join(import.meta.dirname, "last.json");

/** The middle one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2;
}

/** A proxy's ratios to nginx, each within its round. */
function ratios(entry: { readonly values: Partial<Record<ProxyName, number[]>> }, name: ProxyName): number[] {
  const nginx = entry.values.nginx ?? [];
  return (entry.values[name] ?? []).map((value, round) => value / (nginx[round] ?? NaN));
}

/** How far a row's ratios scatter around their median: the half of the middle half, in percent. */
function noise(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.round(part * (sorted.length - 1))] ?? NaN;
  return (at(0.75) - at(0.25)) / 2 / median(values) * 100;
}

/** A table in Markdown: nginx's own figure, then each runtime's ratio to it with its noise, and whether a bound is met. */
export function report(figures: Figures, rows: readonly Quantity[]): string {
  const runtimes = PROXIES.filter((name) => name !== "nginx");
  const lines = [
    `| quantity | nginx | ${runtimes.join(" | ")} | goal, bound of the best, of each |`,
    `|---|---|${runtimes.map(() => "---|").join("")}---|`,
  ];
  for (const [row, entry] of figures) {
    const { limits } = rows.find(({ name }) => name === row) ?? {};
    const own = (entry.values.nginx ?? []).length > 0 ? median(entry.values.nginx ?? []).toPrecision(3) : "–";
    const cells = runtimes.map((name) => {
      const values = ratios(entry, name);
      return values.length === 0 ? "–" : `${median(values).toFixed(2)} ±${noise(values).toFixed(0)} %`;
    });
    const medians = runtimes.map((name) => ratios(entry, name)).filter((each) => each.length > 0).map(median);
    lines.push(`| ${row} | ${own} ${entry.unit} | ${cells.join(" | ")} | ${verdict(limits, medians)} |`);
  }
  return lines.join("\n");
}

function verdict(limits: Quantity["limits"], medians: readonly number[]): string {
  if (limits === undefined) return "";
  const { goal, best, each } = limits;
  const isMissed = Math.min(...medians) > best || Math.max(...medians) > each;
  const word = isMissed ? "**missed**" : Math.min(...medians) <= goal ? "goal" : "within";
  return `${goal}, ${best}, ${each}: ${word}`;
}

/** What differs by more than a tenth from the figures of the last saved run. */
export function compareWithLast(figures: Figures): string {
  if (!existsSync(LAST)) return "";
  const last = JSON.parse(readFileSync(LAST, "utf8")).ratios as Record<string, Partial<Record<ProxyName, number>>>;
  const changes: string[] = [];
  for (const [row, entry] of figures) {
    for (const name of PROXIES) {
      const before = last[row]?.[name];
      const now = median(ratios(entry, name));
      if (before === undefined || Number.isNaN(now) || Math.abs(now / before - 1) < 0.1) continue;
      changes.push(`${row}, ${name}: ${before.toFixed(2)} → ${now.toFixed(2)}`);
    }
  }
  return changes.length === 0 ? "No row differs from the last saved run by a tenth." : changes.join("\n");
}

/** Keeps the medians for the next run. */
export function save(figures: Figures): void {
  const rows = [...figures];
  const by = (value: (entry: (typeof rows)[number][1], name: ProxyName) => number) =>
    Object.fromEntries(rows.map(([row, entry]) => [
      row,
      Object.fromEntries(
        PROXIES.filter((name) => (entry.values[name] ?? []).length > 0).map((
          name,
        ) => [name, round(value(entry, name))]),
      ),
    ]));
  const saved = {
    machine: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`,
    ratios: by((entry, name) => median(ratios(entry, name))),
    figures: by((entry, name) => median(entry.values[name] ?? [])),
  };
  writeFileSync(LAST, `${JSON.stringify(saved, undefined, 2)}\n`);
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
