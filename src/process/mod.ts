/**
 * The program as a service: one process or several, their signals, and their end.
 *
 * @module
 */

import type { Config, ErrorLogConfig } from "../config/types.ts";
import type { Octets, Runtime, SignalName } from "../runtime.ts";
import { runMainProcess } from "./main_process.ts";
import { runSingleProcess } from "./single.ts";
import type { Snapshot } from "./snapshot.ts";

export { Recorder, type Snapshot } from "./snapshot.ts";
export { runWorker, type WorkerOptions } from "./worker_process.ts";

/** One reading of the configuration. */
export interface Reading {
  readonly config: Config;
  /** All files that were read for it. */
  readonly files: Snapshot;
}

/** Why something cannot be done, by the operator's fault. */
export interface Explanation {
  readonly lines: readonly Octets[];
  readonly hint: Octets | undefined;
}

/** What {@linkcode runService} looks after. */
export interface Running extends Reading {
  readonly runtime: Runtime;
  /** The arguments of the program. */
  readonly args: readonly string[];
  /** The log for a configuration that names none. */
  readonly errorLog: ErrorLogConfig;
  /** Whether it has no terminal. */
  readonly isDaemon: boolean;
  /** The line the log begins with. */
  readonly version: Octets;
  /** Reads the configuration anew. Throws what {@linkcode explain} can tell. */
  readonly readConfig: () => Reading;
  /** Tells an error which is the operator's; throws one that is ours. */
  readonly explain: (error: unknown) => Explanation;
  /** Called when every listener accepts and the pid file is there. */
  readonly started: () => void;
}

/** Serves until a signal ends it. Returns the exit code. Throws what {@linkcode Running.explain} can tell. */
export function runService(running: Running): Promise<number> {
  return running.config.main.masterProcess ? runMainProcess(running) : runSingleProcess(running);
}

/** Resolves at the first TERM, INT or QUIT. */
export function stopRequested(runtime: Pick<Runtime, "process">): Promise<void> {
  return new Promise((resolve) => {
    for (const name of STOPS) runtime.process.onSignal(name, resolve);
  });
}

const STOPS: readonly SignalName[] = ["SIGTERM", "SIGINT", "SIGQUIT"];
