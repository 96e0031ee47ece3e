import type { AccessLogConfig, ErrorLogConfig, LogBuffer, LogTarget, SyslogConfig } from "../config/types.ts";
import type { LogFile, Octets, SystemFailure } from "../runtime.ts";
import { describeFailure, isFailure } from "../runtime.ts";
import { AccessLog, type AccessOutput } from "./access_log.ts";
import { ErrorLog, type ErrorOutput, type LogRuntime } from "./error_log.ts";
import { TimeStamp } from "./line.ts";
import { LineBuffer, type LogNote } from "./line_buffer.ts";
import { SEVERITIES, SyslogSender } from "./syslog.ts";

/** The addresses of syslog servers that are given by name. */
export type SyslogHosts = ReadonlyMap<string, string>;

/**
 * Every file that logs are written to, each open once however many logs name it, so that rotation reopens all of them
 * and two logs in one file cannot lose each other's lines.
 */
export class LogFiles {
  readonly #runtime: LogRuntime;
  readonly #files = new Map<Octets, LogFile>();
  /** Those of access logs, by the path of their file. */
  readonly #buffers = new Map<Octets, LineBuffer>();
  readonly #syslogs = new Map<string, SyslogSender>();
  readonly #time: TimeStamp;

  constructor(runtime: LogRuntime) {
    this.#runtime = runtime;
    this.#time = new TimeStamp(runtime);
  }

  /** Those that are open. */
  get paths(): readonly Octets[] {
    return [...this.#files.keys()];
  }

  /** A log that writes to all of `configs`, or why one of its files cannot be opened. */
  open(configs: readonly ErrorLogConfig[], hosts: SyslogHosts = new Map()): ErrorLog | LogFailure {
    const outputs: ErrorOutput[] = [];
    const note: LogNote = (level, text) => log.write(level, text);
    for (const { target, level } of configs) {
      const write = this.#errorWriter(target, { hosts, note });
      if (write instanceof LogFailure) return write;
      outputs.push({ rank: SEVERITIES[level], write });
    }
    const log = new ErrorLog(this.#runtime, this.#time, outputs);
    return log;
  }

  /** The same for an access log. `undefined` where nothing is to be logged. */
  openAccess(
    configs: readonly AccessLogConfig[],
    { hosts, note }: LogUse,
  ): AccessLog | LogFailure | undefined {
    const outputs: AccessOutput[] = [];
    for (const { target, buffer, write, condition } of configs) {
      const take = this.#lineTaker(target, { hosts, note, buffer });
      if (take instanceof LogFailure) return take;
      outputs.push({ write, condition, take });
    }
    return outputs.length === 0 ? undefined : new AccessLog(outputs);
  }

  /** Closes every file and opens its path anew; gives back those that cannot be opened. */
  reopen(): LogFailure[] {
    const failures: LogFailure[] = [];
    // What was logged before the rotation belongs to the old file.
    for (const buffer of this.#buffers.values()) buffer.flush();
    for (const [path, file] of this.#files) {
      const failure = file.reopen();
      if (failure !== undefined) failures.push(new LogFailure(path, failure));
    }
    return failures;
  }

  /** Resolves when every line has been written. */
  async close(): Promise<void> {
    for (const buffer of this.#buffers.values()) buffer.flush();
    this.#buffers.clear();
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
    await Promise.all([...this.#syslogs.values()].map((syslog) => syslog.close()));
    this.#syslogs.clear();
  }

  #errorWriter(target: LogTarget, use: LogUse): ErrorOutput["write"] | LogFailure {
    switch (target.type) {
      case "stderr":
        return (line) => this.#runtime.process.stderr(line);
      case "file": {
        const file = this.#file(target.path);
        return isFailure(file) ? new LogFailure(target.path, file) : (line) => void file.write(line);
      }
      case "syslog": {
        const syslog = this.#syslog(target, use);
        return (line, level) => syslog.send(line, level);
      }
    }
  }

  #lineTaker(
    target: LogTarget,
    use: LogUse & { readonly buffer: LogBuffer | undefined },
  ): AccessOutput["take"] | LogFailure {
    switch (target.type) {
      case "stderr":
        return (line) => this.#runtime.process.stderr(line);
      case "file": {
        const file = this.#file(target.path);
        if (isFailure(file)) return new LogFailure(target.path, file);
        const buffer = this.#buffer(target.path, file, use.note);
        return (line) => buffer.add(line, use.buffer);
      }
      case "syslog": {
        const syslog = this.#syslog(target, use);
        return (line) => syslog.send(line, target.severity);
      }
    }
  }

  #buffer(path: Octets, file: LogFile, note: LogNote): LineBuffer {
    const known = this.#buffers.get(path);
    if (known !== undefined) {
      known.note = note;
      return known;
    }
    const buffer = new LineBuffer(path, file, { runtime: this.#runtime, note });
    this.#buffers.set(path, buffer);
    return buffer;
  }

  #syslog(config: SyslogConfig, { hosts, note }: LogUse): SyslogSender {
    const key = JSON.stringify(config);
    const syslog = this.#syslogs.get(key) ?? new SyslogSender(config, hosts, this.#runtime);
    syslog.note = note;
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

/** What a log takes to be opened; `note` hears of its troubles. */
interface LogUse {
  readonly hosts: SyslogHosts;
  readonly note: LogNote;
}

/** A log file that cannot be written. */
export class LogFailure {
  readonly text: Octets;

  constructor(path: Octets, failure: SystemFailure) {
    this.text = `open() "${path}" failed ${describeFailure(failure)}`;
  }
}
