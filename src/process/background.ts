import type { ErrorLogConfig, MainConfig } from "../config/types.ts";
import type { Runtime } from "../runtime.ts";

/**
 * Starts the program once more in the background (`daemon on`). Returns the exit code: 0 once it is at work, and what it
 * had to say against its start is on our standard error.
 */
export function goToBackground(
  args: readonly string[],
  { errorLogs }: Pick<MainConfig, "errorLogs">,
  { runtime, errorLog }: { readonly runtime: Pick<Runtime, "process" | "workers">; readonly errorLog: ErrorLogConfig },
): Promise<number> {
  const logs = errorLogs.length > 0 ? errorLogs : [errorLog];
  // As with nginx, a log that is meant for the terminal goes on there.
  const keepsStderr = logs.some(({ target }) => target.type === "stderr");
  return new Promise((resolve) => {
    runtime.workers.startInBackground(args, { keepsStderr }, {
      said: (text) => runtime.process.stderr(text),
      started: () => resolve(0),
      ended: resolve,
    });
  });
}
