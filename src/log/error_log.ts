import type { LogLevel } from "../config/types.ts";
import type { Octets, Runtime } from "../runtime.ts";
import { formatLine, type TimeStamp } from "./line.ts";
import { SEVERITIES } from "./syslog.ts";

/** What logs need of the runtime. */
export type LogRuntime = Pick<Runtime, "date" | "utcOffset" | "files" | "process" | "datagram" | "timer">;

/** One `error_log` line: what takes lines from a level on. */
export interface ErrorOutput {
  readonly rank: number;
  /** Takes a whole line, newline included. */
  readonly write: (line: Octets, level: LogLevel) => void;
}

/** The error log of one server block, or the main one: nginx's format, level and all. */
export class ErrorLog {
  readonly #time: TimeStamp;
  readonly #pid: number;
  readonly #outputs: readonly ErrorOutput[];
  readonly #highestRank: number;

  constructor(runtime: Pick<LogRuntime, "process">, time: TimeStamp, outputs: readonly ErrorOutput[]) {
    this.#time = time;
    this.#pid = runtime.process.pid;
    this.#outputs = outputs;
    this.#highestRank = outputs.reduce((highest, { rank }) => Math.max(highest, rank), -1);
  }

  /** Whether anybody reads lines of a level; spares building the text of those that nobody does. */
  takes(level: LogLevel): boolean {
    return SEVERITIES[level] <= this.#highestRank;
  }

  /** Writes one line. `connection` is the number of the client's connection, if the line belongs to one. */
  write(level: LogLevel, text: Octets, connection?: number): void {
    if (!this.takes(level)) return;
    const line = formatLine(this.#time.now(), { level, pid: this.#pid, connection, text });
    for (const output of this.#outputs) if (SEVERITIES[level] <= output.rank) output.write(line, level);
  }
}
