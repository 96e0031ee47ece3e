/**
 * When a worker's engine compiles. By an engine's own measure a function is worth its best compiler when it has run in a
 * loop for long; a session runs each of ours once or twice, so that it took 10,000 sessions and more until all were
 * compiled, and as long again whenever sessions of another kind came. Compiled a third as late, the thousands of sessions
 * after the first one cost 15 to 40 % less (`bench/README.md`).
 */

/** What a worker is started with. */
export interface EngineSettings {
  /** Options of the runtime, before the program. */
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** The settings for a runtime of these `versions` (`process.versions`). What the operator's environment says goes first. */
export function engineSettings(
  versions: Readonly<Record<string, string | undefined>>,
  environment: Readonly<Record<string, string | undefined>>,
): EngineSettings {
  if (versions["bun"] !== undefined) return { args: [], environment: { [JSC]: environment[JSC] ?? JSC_THRESHOLD } };
  if (versions["deno"] !== undefined) {
    const others = environment[DENO] ?? "";
    return { args: [], environment: { [DENO]: others === "" ? V8_THRESHOLD : `${V8_THRESHOLD},${others}` } };
  }
  const knowsIt = Number.parseInt(versions["v8"] ?? "", 10) >= 12;
  return { args: knowsIt ? [V8_THRESHOLD] : [], environment: {} };
}

/** Calls before TurboFan compiles; V8's own figure is 3000. Node has it since version 22. */
const V8_THRESHOLD = "--invocation-count-for-turbofan=1000";
/** What a function must have counted before FTL compiles it, 15 for each call; JavaScriptCore's own figure is 64,000. */
const JSC_THRESHOLD = "10000";
const JSC = "BUN_JSC_thresholdForFTLOptimizeAfterWarmUp";
const DENO = "DENO_V8_FLAGS";
