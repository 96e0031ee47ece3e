/** Runs test files under one runtime and counts what came of it. */

import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readReport, type Runner, type TestCase } from "./_junit.ts";
import { ROOT, run } from "./_run.ts";

export interface SuiteResult {
  readonly runner: Runner;
  readonly cases: readonly TestCase[];
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Runs that ended in another way than their tests say: crashed, hung, or ran nothing. Each counts as failed. */
  readonly broken: readonly string[];
  readonly seconds: number;
}

export interface SuiteOptions {
  /** Whether each test is named, not only those that fail. */
  readonly verbose: boolean;
  /** Runs only tests whose name matches this. */
  readonly pattern: string | undefined;
  /** Seconds for one run of one runtime. */
  readonly limit: number;
}

/** All test files, by their path in the repository. */
export function testFiles(): string[] {
  return globSync("test/{core,adapter,e2e,regression}/**/*.test.ts", { cwd: ROOT }).sort();
}

/** Runs these files under a runtime: first the core's, which under Deno have no permission at all, then the rest. */
export async function runSuite(
  runner: Runner,
  files: readonly string[],
  options: SuiteOptions,
): Promise<SuiteResult> {
  const groups = [
    { name: "core", files: files.filter((file) => file.startsWith("test/core/")) },
    { name: "rest", files: files.filter((file) => !file.startsWith("test/core/")) },
  ];
  const cases: TestCase[] = [];
  const broken: string[] = [];
  let seconds = 0;
  for (const group of groups) {
    if (group.files.length === 0) continue;
    const result = await runGroup(runner, group, options);
    cases.push(...result.cases);
    if (result.broken !== undefined) broken.push(result.broken);
    seconds += result.seconds;
  }
  const count = (wanted: string) => cases.filter(({ result }) => result === wanted).length;
  return {
    runner,
    cases,
    passed: count("passed"),
    failed: count("failed") + broken.length,
    skipped: count("skipped"),
    broken,
    seconds,
  };
}

interface Group {
  readonly name: string;
  readonly files: readonly string[];
}

interface GroupResult {
  readonly cases: readonly TestCase[];
  readonly broken: string | undefined;
  readonly seconds: number;
}

async function runGroup(runner: Runner, group: Group, options: SuiteOptions): Promise<GroupResult> {
  const folder = mkdtempSync(join(tmpdir(), "postern-test-"));
  try {
    const report = join(folder, "report.xml");
    const args = commandLine(runner, group, report, options);
    const { status, seconds } = await run(runner, args, { capture: false, limit: options.limit });
    const cases = readReport(runner, readIfThere(report));
    return { cases, broken: whatBroke(runner, group, status, cases, options), seconds };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function whatBroke(
  runner: Runner,
  group: Group,
  status: number | string,
  cases: readonly TestCase[],
  options: SuiteOptions,
): string | undefined {
  const where = `${runner}, ${group.name} tests`;
  if (status !== 0 && !cases.some(({ result }) => result === "failed")) return `${where}: ended with ${status}`;
  if (typeof status === "string") return `${where}: ended with ${status}`;
  if (cases.length === 0 && options.pattern === undefined) return `${where}: no test ran`;
  return undefined;
}

function commandLine(runner: Runner, group: Group, report: string, options: SuiteOptions): string[] {
  const pattern = options.pattern;
  switch (runner) {
    case "node":
      return [
        "--test",
        `--test-reporter=${options.verbose ? "spec" : "dot"}`,
        "--test-reporter-destination=stdout",
        "--test-reporter=junit",
        `--test-reporter-destination=${report}`,
        // The others run one file after the other, too; end-to-end tests share the machine's mail servers.
        ...(group.name === "core" ? [] : ["--test-concurrency=1"]),
        ...(pattern === undefined ? [] : [`--test-name-pattern=${pattern}`]),
        ...group.files,
      ];
    case "deno":
      return [
        "test",
        "--no-check",
        // npm ci has run: no need to ask the registry again.
        "--node-modules-dir=manual",
        `--reporter=${options.verbose ? "pretty" : "dot"}`,
        `--junit-path=${report}`,
        ...(group.name === "core" ? [] : ["--allow-all"]),
        ...(pattern === undefined ? [] : [`--filter=/${pattern}/`]),
        ...group.files,
      ];
    case "bun":
      return [
        "test",
        // A test that names no limit has five seconds otherwise, which a busy machine may need; the others give it all.
        "--timeout=60000",
        "--reporter=junit",
        `--reporter-outfile=${report}`,
        ...(options.verbose ? [] : ["--only-failures"]),
        ...(pattern === undefined ? [] : [`--test-name-pattern=${pattern}`]),
        ...group.files.map((file) => `./${file}`),
      ];
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
