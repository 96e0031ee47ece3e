import type { Config, ErrorLogConfig } from "../config/types.ts";
import type { ErrorLog } from "../log/error_log.ts";
import { LogFailure, LogFiles } from "../log/log_files.ts";
import { Names } from "../proxy/names.ts";
import { StartError } from "../proxy/mod.ts";
import type { Runtime } from "../runtime.ts";

/** The error log of the main process: what it writes goes where the workers' lines of no server block go. */
export class MainLog {
  log: ErrorLog;
  readonly #runtime: Runtime;
  readonly #files: LogFiles;
  readonly #fallback: ErrorLogConfig;

  /** Throws {@linkcode StartError} when a file cannot be opened. */
  static async open(config: Config, fallback: ErrorLogConfig, runtime: Runtime): Promise<MainLog> {
    const files = new LogFiles(runtime);
    return new MainLog(await openLog(config, { files, fallback, runtime }), { files, fallback, runtime });
  }

  private constructor(log: ErrorLog, { files, fallback, runtime }: Opening) {
    this.log = log;
    this.#files = files;
    this.#fallback = fallback;
    this.#runtime = runtime;
  }

  /** Opens the logs of another configuration, which are used once {@linkcode log} is set to them. */
  open(config: Config): Promise<ErrorLog> {
    return openLog(config, { files: this.#files, fallback: this.#fallback, runtime: this.#runtime });
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

async function openLog(config: Config, { files, fallback, runtime }: Opening): Promise<ErrorLog> {
  const { errorLogs } = config.main;
  const hosts = await new Names(runtime).syslogServers(config);
  const log = files.open(errorLogs.length > 0 ? errorLogs : [fallback], hosts);
  if (log instanceof LogFailure) throw new StartError([log.text]);
  return log;
}
