import type { ErrorLog } from "../log/error_log.ts";
import type { Octets } from "../runtime.ts";

/** How the log tells of a defect of ours: with its stack. */
export function describeDefect(error: unknown): Octets {
  return `internal error: ${error instanceof Error ? error.stack ?? error.message : String(error)}`;
}

/** Calls what somebody else wrote. A fault in it is told to the log, and ends nothing of ours. */
export function callOut(log: ErrorLog, call: () => unknown): void {
  const failed = (error: unknown) => log.write("alert", describeDefect(error));
  try {
    const outcome = call();
    // A rejection that nobody hears of ends the program.
    if (outcome instanceof Promise) outcome.catch(failed);
  } catch (error) {
    failed(error);
  }
}
