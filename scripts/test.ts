/**
 * `npm test`: the static steps, then the test suite under Node, Deno and Bun, then one line that sums all three.
 *
 *     npm test                                                 everything
 *     npm test -- --runtime bun                                the whole suite under one runtime
 *     npm test -- --runtime node,deno test/core/imap.test.ts   some files, or folders, under some
 *     npm test -- --filter 'refuses PASS' test/core            only tests whose name matches
 *
 * With any of these arguments the static steps are left out; `npm run check` runs them alone.
 */

import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import type { Runner } from "./_junit.ts";
import { ROOT, run } from "./_run.ts";
import { runSuite, type SuiteResult, testFiles } from "./_suites.ts";
import { check } from "./check.ts";

const RUNNERS: readonly Runner[] = ["node", "deno", "bun"];

interface Options {
  readonly runners: readonly Runner[];
  readonly files: readonly string[];
  readonly pattern: string | undefined;
  readonly isPartial: boolean;
}

async function main(): Promise<number> {
  const options = readOptions();
  let failedSteps = 0;
  if (!options.isPartial) failedSteps = await check();
  const results: SuiteResult[] = [];
  for (const runner of options.runners) {
    console.log(`\n${await versionOf(runner)}`);
    const result = await runSuite(runner, options.files, {
      verbose: options.isPartial,
      pattern: options.pattern,
      limit: Number(process.env["POSTERN_TEST_LIMIT"] ?? 1200),
    });
    results.push(result);
  }
  const differences = options.isPartial ? [] : compare(results);
  printEnd(results, differences, failedSteps);
  const failed = failedSteps + differences.length + sum(results, "failed");
  const passed = sum(results, "passed");
  const skipped = sum(results, "skipped");
  console.log(`${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

function readOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { runtime: { type: "string" }, filter: { type: "string" } },
  });
  const names = values.runtime?.split(",") ?? RUNNERS;
  const runners = RUNNERS.filter((runner) => names.includes(runner));
  if (runners.length !== names.length) throw new Error(`--runtime takes ${RUNNERS.join(", ")}: got ${values.runtime}`);
  return {
    runners,
    files: chooseFiles(positionals),
    pattern: values.filter,
    isPartial: positionals.length > 0 || values.runtime !== undefined || values.filter !== undefined,
  };
}

function chooseFiles(paths: readonly string[]): string[] {
  const all = testFiles();
  if (paths.length === 0) return all;
  const wanted = paths.map((path) => relative(ROOT, resolve(path)));
  for (const path of wanted) {
    if (!existsSync(join(ROOT, path))) throw new Error(`No such test file or folder: ${path}`);
  }
  return all.filter((file) => wanted.some((path) => file === path || file.startsWith(`${path}/`)));
}

async function versionOf(runner: Runner): Promise<string> {
  const { output } = await run(runner, ["--version"], { capture: true, limit: 30 });
  return `${runner} ${/\d+\.\d+\.\d+/.exec(output)?.[0] ?? "(no version)"}`;
}

/** Each test must have run under each runtime: a runner that loses some in silence shows here. */
function compare(results: readonly SuiteResult[]): string[] {
  const lists = results.map(({ runner, cases }) => ({ runner, names: tally(cases.map(({ name }) => name)) }));
  const all = new Set(lists.flatMap(({ names }) => [...names.keys()]));
  const different = [...all].filter((name) => new Set(lists.map(({ names }) => names.get(name) ?? 0)).size > 1);
  if (different.length === 0 || results.some(({ broken }) => broken.length > 0)) return [];
  const lines = different.slice(0, 10).map((name) => {
    return `  ${name}: ${lists.map(({ runner, names }) => `${runner} ${names.get(name) ?? 0}`).join(", ")}`;
  });
  return [`Not the same tests ran under each runtime (${different.length} differ):\n${lines.join("\n")}`];
}

function tally(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function printEnd(results: readonly SuiteResult[], differences: readonly string[], failedSteps: number): void {
  console.log("");
  for (const text of differences) console.log(text);
  for (const { runner, cases, broken } of results) {
    for (const { name, result } of cases) if (result === "failed") console.log(`failed under ${runner}: ${name}`);
    for (const text of broken) console.log(`failed: ${text}`);
  }
  printSkipped(results);
  if (failedSteps > 0) console.log(`static steps: ${failedSteps} failed`);
  for (const { runner, passed, failed, skipped, seconds } of results) {
    const skips = skipped === 0 ? "" : `, ${skipped} skipped`;
    console.log(`${runner}: ${passed} passed, ${failed} failed${skips} (${seconds.toFixed(1)} s)`);
  }
}

/** Only Node's report has the reasons, so the others borrow them by the test's name. */
function printSkipped(results: readonly SuiteResult[]): void {
  const reasons = new Map<string, string>();
  const runners = new Map<string, Runner[]>();
  for (const { runner, cases } of results) {
    for (const { name, result, reason } of cases) {
      if (result !== "skipped") continue;
      if (reason !== "") reasons.set(name, reason);
      runners.set(name, [...(runners.get(name) ?? []), runner]);
    }
  }
  for (const [name, where] of runners) {
    const reason = reasons.get(name) ?? "the reason stands at the test (only Node reports it)";
    console.log(`skipped under ${where.join(", ")}: ${name}: ${reason}`);
  }
}

function sum(results: readonly SuiteResult[], key: "passed" | "failed" | "skipped"): number {
  return results.reduce((total, result) => total + result[key], 0);
}

process.exitCode = await main();
