/**
 * The static steps: format, lint, types, purity, generated documents. `npm run check` runs them alone, `npm test`
 * before the tests.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { impurities } from "./_purity.ts";
import { ROOT, run } from "./_run.ts";

interface Step {
  readonly name: string;
  readonly perform: () => Promise<string | undefined>;
}

/** Runs every static step, prints a line for each, and returns how many failed. */
export async function check(): Promise<number> {
  const results = await Promise.all(steps().map(async ({ name, perform }) => ({ name, problem: await perform() })));
  for (const { name, problem } of results) {
    console.log(problem === undefined ? `${name}: ok` : `${name}: FAILED\n${problem.trimEnd()}\n`);
  }
  return results.filter(({ problem }) => problem !== undefined).length;
}

function steps(): Step[] {
  return [
    { name: "format", perform: () => command("deno", ["fmt", "--check", "--quiet"]) },
    { name: "lint", perform: () => command("deno", ["lint", "--quiet"]) },
    { name: "types", perform: () => command("tsc", ["-p", "tsconfig.json"]) },
    { name: "types of the core", perform: () => command("tsc", ["-p", "tsconfig.core.json"]) },
    { name: "purity", perform: () => Promise.resolve(impurities().join("\n") || undefined) },
    ...(existsSync(join(ROOT, DIRECTIVES_DOC))
      ? [{ name: "docs/directives.md", perform: () => command("node", [DIRECTIVES_DOC, "--check"]) }]
      : []),
  ];
}

const DIRECTIVES_DOC = "scripts/directives_doc.ts";

async function command(program: string, args: readonly string[]): Promise<string | undefined> {
  const { status, output } = await run(program, args, { capture: true, limit: 300 });
  return status === 0 ? undefined : output || `${program} ended with ${status}`;
}

if (import.meta.main) process.exitCode = await check() === 0 ? 0 : 1;
