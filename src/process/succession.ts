/**
 * The replacement of the program by itself, as nginx does it at USR2: the pid file makes way, a new run of the program
 * gets the listening sockets, and both serve until one of them is told to end.
 *
 * @module
 */

import type { ErrorLog } from "../log/error_log.ts";
import { inheritedBy } from "../proxy/inherited.ts";
import type { Exit, Octets, Runtime } from "../runtime.ts";
import { describeFailure } from "../runtime.ts";
import { describeFailedFork } from "./uncaught.ts";

/** What a {@linkcode Succession} works with. */
export interface SuccessionOptions {
  readonly runtime: Pick<Runtime, "name" | "capabilities" | "files" | "workers">;
  /** The arguments of the program. */
  readonly args: readonly string[];
  readonly log: () => ErrorLog;
  /** The path of the pid file. */
  readonly pidFile: () => Octets;
  /** Whether a new run is to have the socket with this key. */
  readonly isWanted: (key: string) => boolean;
  /** A file for what a new run has to say against its start, where our standard error leads nowhere. */
  readonly stderr: () => Octets | undefined;
  /** The new run is over, and this process has its pid file again. */
  readonly failed: () => void;
}

/** The one other run of the program that there may be. */
export class Succession {
  readonly #options: SuccessionOptions;
  /** Where the pid file was when the successor began. */
  #pidFile: Octets | undefined;

  constructor(options: SuccessionOptions) {
    this.#options = options;
  }

  /** Whether there is a successor now. */
  get isUnderWay(): boolean {
    return this.#pidFile !== undefined;
  }

  /** Why no new run may begin; `undefined` when it may. */
  get hindrance(): Octets | undefined {
    const { runtime } = this.#options;
    const ability = runtime.capabilities["process.replace"];
    if (ability.state === "no") return `USR2 cannot replace the program: ${ability.reason}; ${INSTEAD}`;
    if (!this.isUnderWay && runtime.workers.predecessor?.isAlive() !== true) return undefined;
    return "the changing binary signal is ignored: you should shutdown or terminate before either old or new binary's " +
      "process";
  }

  /** Starts it. Whatever is in the way of that is in the log, and nothing has changed. */
  begin(): void {
    const { runtime, args, log, isWanted, stderr } = this.#options;
    const pidFile = this.#options.pidFile();
    const held = inheritedBy(runtime.workers.heldSockets());
    const descriptors = [...held].filter(([key]) => isWanted(key)).map(([, descriptor]) => descriptor);
    const failure = runtime.files.rename(pidFile, `${pidFile}${OLD}`);
    if (failure !== undefined) {
      const text = `rename() ${pidFile} to ${pidFile}${OLD} failed before executing new binary process "postern"`;
      return log().write("alert", `${text} ${describeFailure(failure)}`);
    }
    this.#pidFile = pidFile;
    let pid = NOBODY;
    try {
      const legacy = { descriptors, stderr: stderr() };
      pid = runtime.workers.startSuccessor(args, legacy, (exit) => this.#ended(pid, exit));
    } catch (error) {
      log().write("alert", describeFailedFork("new binary process", error));
      this.#ended(NOBODY, { code: undefined, signal: undefined });
    }
    if (pid !== NOBODY) log().write("notice", `start new binary process ${pid}`);
  }

  /** Removes the pid file of this process, whatever its name is. */
  removePidFile(): void {
    const { runtime, pidFile } = this.#options;
    runtime.files.remove(this.#pidFile === undefined ? pidFile() : `${this.#pidFile}${OLD}`);
  }

  #ended(pid: number, exit: Exit): void {
    const { runtime, log, failed } = this.#options;
    const pidFile = this.#pidFile;
    if (pidFile === undefined) return;
    this.#pidFile = undefined;
    if (pid !== NOBODY) log().write("notice", `signal 17 (SIGCHLD) received from ${pid}`);
    const { level, text } = describeEnd(pid, exit);
    log().write(level, text);
    const failure = runtime.files.rename(`${pidFile}${OLD}`, pidFile);
    if (failure !== undefined) {
      const back = `rename() ${pidFile}${OLD} back to ${pidFile} failed after the new binary process "postern" exited`;
      log().write("alert", `${back} ${describeFailure(failure)}`);
    }
    failed();
  }
}

function describeEnd(
  pid: number,
  { code, signal, failure }: Exit,
): { readonly level: "notice" | "alert"; readonly text: Octets } {
  if (pid === NOBODY) {
    const why = failure === undefined ? "" : ` ${describeFailure(failure)}`;
    return { level: "alert", text: `the new binary process could not be started${why}` };
  }
  if (signal !== undefined) return { level: "alert", text: `new binary process ${pid} exited on signal ${signal}` };
  return { level: "notice", text: `new binary process ${pid} exited with code ${code ?? "unknown"}` };
}

/** What a process without a successor has to say about USR2. */
export const INSTEAD =
  "let the service manager hold the sockets (socket activation, LISTEN_FDS) and restart the program";

/** The number of a process that could not be started. */
const NOBODY = 0;

/** As nginx: what is added to the name of the old run's pid file. */
const OLD = ".oldbin";
