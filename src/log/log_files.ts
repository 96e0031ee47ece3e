import { inPlace } from "../config/error.ts";
import type { AccessLogConfig, ErrorLogConfig, LogBuffer, LogTarget, Place, SyslogConfig } from "../config/types.ts";
import type { LogFile, Octets, SystemFailure } from "../runtime.ts";
import { describeFailure, isFailure } from "../runtime.ts";
import { AccessLog, type AccessOutput } from "./access_log.ts";
import { ErrorLog, type ErrorOutput, type LogRuntime } from "./error_log.ts";
import { TimeStamp } from "./line.ts";
import { LineBuffer, type LogNote } from "./line_buffer.ts";
import { SEVERITIES, SyslogSender } from "./syslog.ts";

/** The addresses of syslog servers that are given by name. */
export type SyslogHosts = ReadonlyMap<string, string>;

/** What the logs of one configuration keep open. */
export class LogUse {
  readonly hosts: SyslogHosts;
  /** The keys of what is open. */
  readonly keys = new Set<string>();
  /** What hears of their troubles, by these keys. */
  readonly notes = new Map<string, LogNote>();

  constructor(hosts: SyslogHosts = new Map()) {
    this.hosts = hosts;
  }
}

/**
 * Every file that logs are written to, each open once however many logs name it, so that rotation reopens all of them
 * and two logs in one file cannot lose each other's lines; and no longer than a configuration has a use for it.
 */
export class LogFiles {
  readonly #runtime: LogRuntime;
  readonly #files = new Map<Octets, LogFile>();
  /** Those of access logs, by the path of their file. */
  readonly #buffers = new Map<Octets, LineBuffer>();
  readonly #syslogs = new Map<string, SyslogSender>();
  /** The latest comes last. */
  readonly #uses = new Set<LogUse>();
  readonly #time: TimeStamp;
  /** Resolves when what was said to syslog servers that are closed has left. */
  #sent: Promise<void> = Promise.resolve();

  constructor(runtime: LogRuntime) {
    this.#runtime = runtime;
    this.#time = new TimeStamp(runtime);
  }

  /** Those that are open. */
  get paths(): readonly Octets[] {
    return [...this.#files.keys()];
  }

  /** A log that writes to all of `configs`, or why one of its files cannot be opened. */
  open(configs: readonly ErrorLogConfig[], use: LogUse): ErrorLog | LogFailure {
    this.#uses.add(use);
    const outputs: ErrorOutput[] = [];
    const note: LogNote = (level, text) => log.write(level, text);
    for (const { target, level } of configs) {
      const write = this.#errorWriter(target, { use, note });
      if (write instanceof LogFailure) return write;
      outputs.push({ rank: SEVERITIES[level], write });
    }
    const log = new ErrorLog(this.#runtime, this.#time, outputs);
    return log;
  }

  /** The same for an access log. `undefined` where nothing is to be logged. */
  openAccess(
    configs: readonly AccessLogConfig[],
    { use, note }: Opening,
  ): AccessLog | LogFailure | undefined {
    this.#uses.add(use);
    const outputs: AccessOutput[] = [];
    for (const { target, buffer, write, condition } of configs) {
      const take = this.#lineTaker(target, { use, note, buffer });
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
      if (failure !== undefined) failures.push(new LogFailure({ path }, failure));
    }
    return failures;
  }

  /** Closes what only `use` has a use for. Resolves when every line has been written. */
  async release(use: LogUse): Promise<void> {
    this.#uses.delete(use);
    const isUseless = (key: string) => use.keys.has(key) && ![...this.#uses].some(({ keys }) => keys.has(key));
    await this.#closeThose(isUseless);
  }

  /** Resolves when every line has been written. */
  close(): Promise<void> {
    return this.#closeThose(() => true);
  }

  /** All that are files are closed when it returns. */
  async #closeThose(isMeant: (key: string) => boolean): Promise<void> {
    for (const path of this.paths.filter(isMeant)) {
      this.#buffers.get(path)?.flush();
      this.#buffers.delete(path);
      this.#files.get(path)?.close();
      this.#files.delete(path);
    }
    const syslogs = [...this.#syslogs].filter(([key]) => isMeant(key));
    for (const [key] of syslogs) this.#syslogs.delete(key);
    this.#sent = Promise.all([this.#sent, ...syslogs.map(([, syslog]) => syslog.close())]).then(() => {});
    await this.#sent;
  }

  #errorWriter(target: LogTarget, opening: Opening): ErrorOutput["write"] | LogFailure {
    switch (target.type) {
      case "stderr":
        return (line) => this.#runtime.process.stderr(line);
      case "file": {
        const file = this.#file(target.path, opening.use);
        return isFailure(file) ? new LogFailure(target, file) : (line) => void file.write(line);
      }
      case "syslog": {
        const syslog = this.#syslog(target, opening);
        return (line, level) => syslog.send(line, level);
      }
    }
  }

  #lineTaker(
    target: LogTarget,
    { use, note, buffer: settings }: Opening & { readonly buffer: LogBuffer | undefined },
  ): AccessOutput["take"] | LogFailure {
    switch (target.type) {
      case "stderr":
        return (line) => this.#runtime.process.stderr(line);
      case "file": {
        const file = this.#file(target.path, use);
        if (isFailure(file)) return new LogFailure(target, file);
        use.notes.set(target.path, note);
        const buffer = this.#buffer(target.path, file);
        return (line) => buffer.add(line, settings);
      }
      case "syslog": {
        const syslog = this.#syslog(target, { use, note });
        return (line) => syslog.send(line, target.severity);
      }
    }
  }

  #buffer(path: Octets, file: LogFile): LineBuffer {
    const known = this.#buffers.get(path);
    if (known !== undefined) return known;
    const note: LogNote = (level, text) => this.#noteOf(path)?.(level, text);
    const buffer = new LineBuffer(path, file, { runtime: this.#runtime, note });
    this.#buffers.set(path, buffer);
    return buffer;
  }

  /** That of the latest configuration. */
  #noteOf(key: string): LogNote | undefined {
    return [...this.#uses].flatMap(({ notes }) => notes.get(key) ?? []).at(-1);
  }

  /** A server that is given by name is another one when the name has another address. */
  #syslog(config: SyslogConfig, { use: { hosts, keys, notes }, note }: Opening): SyslogSender {
    const { server } = config;
    const key = JSON.stringify([config, "path" in server ? "" : hosts.get(server.host)]);
    keys.add(key);
    notes.set(key, note);
    const known = this.#syslogs.get(key);
    if (known !== undefined) return known;
    const syslog = new SyslogSender(config, hosts, {
      runtime: this.#runtime,
      note: (level, text) => this.#noteOf(key)?.(level, text),
    });
    this.#syslogs.set(key, syslog);
    return syslog;
  }

  #file(path: Octets, { keys }: LogUse): LogFile | SystemFailure {
    const file = this.#files.get(path) ?? this.#runtime.files.openLog(path);
    if (isFailure(file)) return file;
    this.#files.set(path, file);
    keys.add(path);
    return file;
  }
}

/** What a log takes to be opened; `note` hears of its troubles. */
interface Opening {
  readonly use: LogUse;
  readonly note: LogNote;
}

/** A log file that cannot be written: which, and where the configuration names it. */
export class LogFailure {
  readonly text: Octets;
  /** What may help, once the file is to be opened for the first time. */
  readonly hint: Octets | undefined;

  constructor({ path, place }: { readonly path: Octets; readonly place?: Place }, failure: SystemFailure) {
    this.text = `open() "${path}" failed ${describeFailure(failure)}${place === undefined ? "" : inPlace(place)}`;
    this.hint = place === undefined ? UNNAMED_HINT : failure.number === NO_SUCH_FILE ? HINT : undefined;
  }
}

/** ENOENT: where a file may be made, that is its folder. */
const NO_SUCH_FILE = 2;
const UNNAMED_HINT = 'name another log by "error_log" or -e, or make its folder one that is there and can be written';
const HINT = "a log's folder has to be there; where its path is relative, it starts from the prefix, see -p";
