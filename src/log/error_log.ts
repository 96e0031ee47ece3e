import type { ErrorLogConfig, LogLevel, SyslogConfig } from "../config/types.ts";
import type { LogFile, Octets, Runtime, SystemFailure } from "../runtime.ts";
import { describeFailure, isFailure } from "../runtime.ts";
import { formatLine, TimeStamp } from "./line.ts";
import { SEVERITIES, SyslogSender } from "./syslog.ts";

/** What a log needs of the runtime. */
export type LogRuntime = Pick<Runtime, "date" | "utcOffset" | "files" | "process" | "datagram">;

interface Output {
  readonly rank: number;
  write(line: Octets, level: LogLevel): void;
}

/**
 * Every file that logs are written to, each open once however many logs name it, so that rotation reopens all of them
 * and two logs in one file cannot lose each other's lines.
 */
export class LogFiles {
  readonly #runtime: LogRuntime;
  readonly #files = new Map<Octets, LogFile>();
  readonly #syslogs = new Map<string, SyslogSender>();
  readonly #time: TimeStamp;

  constructor(runtime: LogRuntime) {
    this.#runtime = runtime;
    this.#time = new TimeStamp(runtime);
  }

  /**
   * A log that writes to all of `configs`, or why one of its files cannot be opened. `hosts` has the addresses of
   * syslog servers that are given by name.
   */
  open(configs: readonly ErrorLogConfig[], hosts: ReadonlyMap<string, string> = new Map()): ErrorLog | LogFailure {
    const outputs: Output[] = [];
    for (const { target, level } of configs) {
      const write = this.#writer(target, hosts);
      if (write instanceof LogFailure) return write;
      outputs.push({ rank: SEVERITIES[level], write });
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

  /** Resolves when every line has been written. */
  async close(): Promise<void> {
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
    await Promise.all([...this.#syslogs.values()].map((syslog) => syslog.close()));
    this.#syslogs.clear();
  }

  #writer(target: ErrorLogConfig["target"], hosts: ReadonlyMap<string, string>): Output["write"] | LogFailure {
    switch (target.type) {
      case "stderr":
        return (line) => this.#runtime.process.stderr(line);
      case "file": {
        const file = this.#file(target.path);
        return isFailure(file) ? new LogFailure(target.path, file) : (line) => file.write(line);
      }
      case "syslog": {
        const syslog = this.#syslog(target, hosts);
        return (line, level) => syslog.send(line, level);
      }
    }
  }

  #syslog(config: SyslogConfig, hosts: ReadonlyMap<string, string>): SyslogSender {
    const key = JSON.stringify(config);
    const syslog = this.#syslogs.get(key) ?? new SyslogSender(config, hosts, this.#runtime);
    this.#syslogs.set(key, syslog);
    return syslog;
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
    return SEVERITIES[level] <= this.#highestRank;
  }

  /** Writes one line. `connection` is the number of the client's connection, if the line belongs to one. */
  write(level: LogLevel, text: Octets, connection?: number): void {
    if (!this.takes(level)) return;
    const line = formatLine(this.#time.now(), { level, pid: this.#pid, connection, text });
    for (const output of this.#outputs) if (SEVERITIES[level] <= output.rank) output.write(line, level);
  }
}
