import type { Config, ErrorLogConfig } from "../config/types.ts";
import type { ErrorLog } from "../log/error_log.ts";
import { LogFailure, LogFiles, LogUse } from "../log/log_files.ts";
import { Names } from "../proxy/names.ts";
import { StartError } from "../proxy/mod.ts";
import type { Runtime } from "../runtime.ts";

/** The log of one configuration. */
export interface OpenedLog {
  readonly log: ErrorLog;
  readonly use: LogUse;
}

/** The error log of the main process: what it writes goes where the workers' lines of no server block go. */
export class MainLog {
  readonly #runtime: Runtime;
  readonly #files: LogFiles;
  readonly #fallback: ErrorLogConfig;
  #present: OpenedLog;

  /** Throws {@linkcode StartError} when a file cannot be opened. */
  static async open(config: Config, fallback: ErrorLogConfig, runtime: Runtime): Promise<MainLog> {
    const files = new LogFiles(runtime);
    return new MainLog(await openLog(config, { files, fallback, runtime }), { files, fallback, runtime });
  }

  private constructor(opened: OpenedLog, { files, fallback, runtime }: Opening) {
    this.#present = opened;
    this.#files = files;
    this.#fallback = fallback;
    this.#runtime = runtime;
  }

  get log(): ErrorLog {
    return this.#present.log;
  }

  /** Opens the log of another configuration, which {@linkcode adopt} or {@linkcode discard} follows. */
  open(config: Config): Promise<OpenedLog> {
    return openLog(config, { files: this.#files, fallback: this.#fallback, runtime: this.#runtime });
  }

  /** Writes to it from now on, and closes what was written to so far. */
  adopt(opened: OpenedLog): void {
    const before = this.#present;
    this.#present = opened;
    void this.#files.release(before.use);
  }

  /** Closes it, unless it is in use. */
  discard(opened: OpenedLog): void {
    if (opened !== this.#present) void this.#files.release(opened.use);
  }

  reopen(): void {
    for (const failure of this.#files.reopen()) this.log.write("emerg", failure.text);
  }

  close(): Promise<void> {
    return this.#files.close();
  }
}

interface Opening {
  readonly files: LogFiles;
  readonly fallback: ErrorLogConfig;
  readonly runtime: Runtime;
}

async function openLog(config: Config, { files, fallback, runtime }: Opening): Promise<OpenedLog> {
  const { errorLogs } = config.main;
  const use = new LogUse(await new Names(runtime).syslogServers(config));
  const log = files.open(errorLogs.length > 0 ? errorLogs : [fallback], use);
  if (!(log instanceof LogFailure)) return { log, use };
  await files.release(use);
  throw new StartError([log.text], log.hint);
}
