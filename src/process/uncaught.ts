import { describeDefect } from "../proxy/defect.ts";
import type { Server } from "../proxy/mod.ts";
import { logLines } from "../proxy/start_error.ts";
import type { Octets, Runtime } from "../runtime.ts";
import { describeFailure, isFailure } from "../runtime.ts";
import type { Running } from "./mod.ts";

/** What a driver cannot catch, an auth server's connection for one, must not cost the other sessions their lives. */
export function outliveErrors({ process }: Pick<Runtime, "process">, server: Pick<Server, "log">): void {
  process.onUncaught((error) => {
    server.log.write("alert", describeDefect(error));
  });
}

/** What a failed reload has to say. A defect is told as well: whatever waits for the end of the reload must not miss it. */
export function linesOf(error: unknown, { explain }: Pick<Running, "explain">): readonly Octets[] {
  try {
    return logLines(explain(error));
  } catch (defect) {
    return [describeDefect(defect)];
  }
}

/** As nginx: there was no process to be had. */
export function describeFailedFork(name: string, error: unknown): Octets {
  const text = `fork() failed while spawning "${name}"`;
  if (isFailure(error)) return `${text} ${describeFailure(error)}`;
  return `${text}: ${error instanceof Error ? error.message : String(error)}`;
}
