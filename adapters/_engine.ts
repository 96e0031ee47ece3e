/**
 * How a worker's engine treats its code. By an engine's own measure a function is worth its best compiler when it has run
 * in a loop for long; a session runs each of ours once or twice, so that it took 10,000 sessions and more until all were
 * compiled. And V8 throws compiled code away when the objects that it was compiled for are gone: at a collection in a
 * moment without sessions all of it was lost, and the next thousands of sessions cost two to three times as much
 * (`bench/README.md`).
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
    return { args: [], environment: { [DENO]: [...V8, ...others === "" ? [] : [others]].join(",") } };
  }
  return { args: knowsThem(versions) ? V8 : [], environment: {} };
}

/**
 * Options of V8 for a process that has been started already, with `args` before the program, which go first. Deno and Bun
 * take none by then.
 */
export function lateSettings(
  versions: Readonly<Record<string, string | undefined>>,
  args: readonly string[],
): readonly string[] {
  if (versions["bun"] !== undefined || versions["deno"] !== undefined || !knowsThem(versions)) return [];
  const given = args.map(nameOf);
  return V8.filter((setting) => !given.includes(nameOf(setting)));
}

function knowsThem(versions: Readonly<Record<string, string | undefined>>): boolean {
  return Number.parseInt(versions["v8"] ?? "", 10) >= 12;
}

function nameOf(option: string): string {
  return option.replace(/^--(no-)?/, "").replace(/=.*/, "").replaceAll("_", "-");
}

/** Node has all of them since version 22. */
const V8: readonly string[] = [
  // Calls before TurboFan compiles; 3000 otherwise.
  "--invocation-count-for-turbofan=1000",
  // Collections for which the shape of an object outlives the last of them; 2 otherwise, and none when idle memory is
  // collected.
  "--retain-maps-for-n-gc=100000",
  "--no-memory-reducer",
];
/** What a function must have counted before FTL compiles it, 15 for each call; 64,000 otherwise. */
const JSC_THRESHOLD = "10000";
const JSC = "BUN_JSC_thresholdForFTLOptimizeAfterWarmUp";
const DENO = "DENO_V8_FLAGS";
