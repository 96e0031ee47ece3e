/**
 * Finds out where we run, and loads that one adapter.
 *
 * @module
 */

import type { Runtime } from "../src/runtime.ts";

/** The adapter for the runtime that runs this. Called once, by the composition root and by tests. */
export async function loadRuntime(): Promise<Runtime> {
  if ("Deno" in globalThis) return (await import("./deno.ts")).createDenoRuntime();
  if ("Bun" in globalThis) return (await import("./bun.ts")).createBunRuntime();
  return (await import("./node.ts")).createNodeRuntime();
}
