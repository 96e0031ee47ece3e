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

/** A start that fails is told on stderr; a log that is elsewhere hears it too. */
export function tellLog(
  { config, log }: { readonly config: Config; readonly log: ErrorLog },
  error: StartError,
): void {
  const isElsewhere = config.main.errorLogs.length > 0 &&
    config.main.errorLogs.every(({ target }) => target.type !== "stderr");
  if (isElsewhere) { for (const line of logLines(error)) log.write("emerg", line); }
}

/** What a log is told: a hint is a line of the same level there, or it would be lost on its way. */
export function logLines({ lines, hint }: Pick<StartError, "lines" | "hint">): readonly Octets[] {
  return hint === undefined ? lines : [...lines, hint];
}
