import type { Octets } from "../runtime.ts";

/** How the log tells of a defect of ours: with its stack. */
export function describeDefect(error: unknown): Octets {
  return `internal error: ${error instanceof Error ? error.stack ?? error.message : String(error)}`;
}
