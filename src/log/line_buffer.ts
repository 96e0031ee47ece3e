import type { LogBuffer } from "../config/types.ts";
import type { Cancel, LogFile, Octets, Runtime, SystemFailure } from "../runtime.ts";
import { describeFailure } from "../runtime.ts";

/** Hears what an operator should know of a log. */
export type LogNote = (level: "alert" | "notice", text: Octets) => void;

/**
 * The lines of an access log on their way to its file: written at once, or gathered. It holds no more than its size; what
 * a disk does not take is lost, for a log must not hold up mail, and the error log hears of that once.
 */
export class LineBuffer {
  readonly #path: Octets;
  readonly #file: LogFile;
  readonly #runtime: Pick<Runtime, "timer">;
  readonly #note: LogNote;
  #lines = "";
  #timer: Cancel | undefined;
  /** How many lines could not be written since the last that could. */
  #lost = 0;

  constructor(
    path: Octets,
    file: LogFile,
    { runtime, note }: { readonly runtime: Pick<Runtime, "timer">; readonly note: LogNote },
  ) {
    this.#path = path;
    this.#file = file;
    this.#runtime = runtime;
    this.#note = note;
  }

  /** Takes a whole line, newline included, to be gathered as `settings` say, or written at once without any. */
  add(line: Octets, settings: LogBuffer | undefined): void {
    if (settings === undefined || this.#lines.length + line.length > settings.size) this.flush();
    if (settings === undefined || line.length > settings.size) return this.#write(line);
    this.#lines += line;
    if (settings.flush !== undefined) this.#timer ??= this.#runtime.timer(settings.flush, () => this.flush());
  }

  /** Writes what has been gathered. */
  flush(): void {
    this.#timer?.();
    this.#timer = undefined;
    const lines = this.#lines;
    this.#lines = "";
    if (lines !== "") this.#write(lines);
  }

  #write(lines: Octets): void {
    const failure = this.#file.write(lines);
    const lost = this.#lost;
    if (failure !== undefined) {
      this.#lost += failure.lost;
      if (lost === 0) this.#tellOf(failure);
    } else if (lost > 0) {
      this.#lost = 0;
      this.#note("notice", `write() to "${this.#path}" succeeds again, ${lost} lines were lost`);
    }
  }

  #tellOf(failure: SystemFailure): void {
    const text = `write() to "${this.#path}" failed ${describeFailure(failure)}, lines are lost until it succeeds`;
    this.#note("alert", text);
  }
}
