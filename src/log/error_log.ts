import type { ErrorLogConfig, LogLevel } from "../config/types.ts";
import type { LogFile, Octets, Runtime, SystemFailure } from "../runtime.ts";
import { describeFailure, isFailure } from "../runtime.ts";
import { formatLine, TimeStamp } from "./line.ts";

/** What a log needs of the runtime. */
export type LogRuntime = Pick<Runtime, "date" | "utcOffset" | "files" | "process">;

interface Output {
  readonly rank: number;
  write(line: Octets): void;
}

/**
 * Every file that logs are written to, each open once however many logs name it, so that rotation reopens all of them
 * and two logs in one file cannot lose each other's lines.
 */
export class LogFiles {
  readonly #runtime: LogRuntime;
  readonly #files = new Map<Octets, LogFile>();
  readonly #time: TimeStamp;

  constructor(runtime: LogRuntime) {
    this.#runtime = runtime;
    this.#time = new TimeStamp(runtime);
  }

  /** A log that writes to all of `configs`, or why one of its files cannot be opened. */
  open(configs: readonly ErrorLogConfig[]): ErrorLog | LogFailure {
    const outputs: Output[] = [];
    for (const { target, level } of configs) {
      const file = target.type === "stderr" ? this.#stderr() : this.#file(target.path);
      if (target.type === "file" && isFailure(file)) return new LogFailure(target.path, file);
      if (!isFailure(file)) outputs.push({ rank: RANKS[level], write: (line) => file.write(line) });
    }
    return new ErrorLog(this.#runtime, this.#time, outputs);
  }

  /** Closes every file and opens its path anew; gives back those that cannot be opened. */
  reopen(): LogFailure[] {
    const failures: LogFailure[] = [];
    for (const [path, file] of this.#files) {
      const failure = file.reopen();
      if (failure !== undefined) failures.push(new LogFailure(path, failure));
    }
    return failures;
  }

  close(): void {
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
  }

  #stderr(): { write(line: Octets): void } {
    return { write: (line) => this.#runtime.process.stderr(line) };
  }

  #file(path: Octets): LogFile | SystemFailure {
    const open = this.#files.get(path);
    if (open !== undefined) return open;
    const file = this.#runtime.files.openLog(path);
    if (!isFailure(file)) this.#files.set(path, file);
    return file;
  }
}

/** A log file that cannot be written. */
export class LogFailure {
  readonly text: Octets;

  constructor(path: Octets, failure: SystemFailure) {
    this.text = `open() "${path}" failed ${describeFailure(failure)}`;
  }
}

/** The error log of one server block, or the main one: nginx's format, level and all. */
export class ErrorLog {
  readonly #time: TimeStamp;
  readonly #pid: number;
  readonly #outputs: readonly Output[];
  readonly #highestRank: number;

  constructor(runtime: Pick<LogRuntime, "process">, time: TimeStamp, outputs: readonly Output[]) {
    this.#time = time;
    this.#pid = runtime.process.pid;
    this.#outputs = outputs;
    this.#highestRank = outputs.reduce((highest, { rank }) => Math.max(highest, rank), -1);
  }

  /** Whether anybody reads lines of a level; spares building the text of those that nobody does. */
  takes(level: LogLevel): boolean {
    return RANKS[level] <= this.#highestRank;
  }

  /** Writes one line. `connection` is the number of the client's connection, if the line belongs to one. */
  write(level: LogLevel, text: Octets, connection?: number): void {
    if (!this.takes(level)) return;
    const line = formatLine(this.#time.now(), { level, pid: this.#pid, connection, text });
    for (const output of this.#outputs) if (RANKS[level] <= output.rank) output.write(line);
  }
}

const RANKS: Readonly<Record<LogLevel, number>> = {
  emerg: 0,
  alert: 1,
  crit: 2,
  error: 3,
  warn: 4,
  notice: 5,
  info: 6,
  debug: 7,
};
