/**
 * Finds out where we run, and loads that one adapter.
 *
 * @module
 */

import type { Runtime } from "../src/runtime.ts";
import type { AdapterOptions } from "./base.ts";

export type { AdapterOptions } from "./base.ts";

/** The adapter for the runtime that runs this. Called once, by the composition root and by tests. */
export async function loadRuntime(options: AdapterOptions = { sockets: "runtime" }): Promise<Runtime> {
  if ("Deno" in globalThis) return (await import("./deno.ts")).createDenoRuntime(options);
  if ("Bun" in globalThis) return (await import("./bun.ts")).createBunRuntime(options);
  return (await import("./node.ts")).createNodeRuntime(options);
}
