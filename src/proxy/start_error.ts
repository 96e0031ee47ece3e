import { ConfigError } from "../config/error.ts";
import type { Config } from "../config/types.ts";
import type { ErrorLog } from "../log/error_log.ts";
import type { Octets } from "../runtime.ts";

/** The proxy cannot start, or cannot go on with another configuration; each line says why as nginx would. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly lines: readonly Octets[];
  /** What may help; to be shown on a line of its own, in a log too: nobody sees what a daemon writes to standard error. */
  readonly hint: Octets | undefined;

  constructor(lines: readonly Octets[], hint?: Octets) {
    super(lines.join("\n"));
    this.lines = lines;
    this.hint = hint;
  }
}

/** A start that fails is told on stderr; a log that is elsewhere hears it too, unless the fault is ours. */
export function tellLog(
  { config, log }: { readonly config: Config; readonly log: ErrorLog },
  error: unknown,
): void {
  const lines = linesOf(error);
  const isElsewhere = config.main.errorLogs.length > 0 &&
    config.main.errorLogs.every(({ target }) => target.type !== "stderr");
  if (isElsewhere) { for (const line of lines) log.write("emerg", line); }
}

function linesOf(error: unknown): readonly Octets[] {
  if (error instanceof StartError) return logLines(error);
  return error instanceof ConfigError ? logLines({ lines: [error.message], hint: error.hint }) : [];
}

/** What a log is told: a hint is a line of the same level there, or it would be lost on its way. */
export function logLines({ lines, hint }: Pick<StartError, "lines" | "hint">): readonly Octets[] {
  return hint === undefined ? lines : [...lines, hint];
}
