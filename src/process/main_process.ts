/**
 * The life of the main process: it reads the configuration, has the pid file, hears the signals, and starts and ends the
 * workers. It never touches mail.
 *
 * @module
 */

import type { Config } from "../config/types.ts";
import type { ErrorLog } from "../log/error_log.ts";
import { type Binding, bindingKey, bindingsOf } from "../proxy/addresses.ts";
import { inheritedBy, strayLines } from "../proxy/inherited.ts";
import { probe } from "../proxy/listeners.ts";
import { createTicketKey, TICKET_KEY_LIFE } from "../proxy/mod.ts";
import { logLines } from "../proxy/start_error.ts";
import type { Account, Cancel, Millis, Octets, Runtime, SignalName } from "../runtime.ts";
import { decode } from "../session/bytes.ts";
import { Crew } from "./crew.ts";
import type { Explanation, Running } from "./mod.ts";
import { MainLog, type OpenedLog } from "./main_log.ts";
import type { ToWorker } from "./messages.ts";
import { movePidFile, tryPidFile, writePidFile } from "./pid_file.ts";
import { OneAtATime } from "./signal.ts";
import type { Snapshot } from "./snapshot.ts";
import { Succession } from "./succession.ts";
import { linesOf, outliveErrors } from "./uncaught.ts";
import { accountOf } from "./user.ts";

/** Starts the workers and looks after them until a signal ends it. Returns the exit code. Throws what a start would. */
export async function runMainProcess(running: Running): Promise<number> {
  const { config, runtime } = running;
  const mainLog = await MainLog.open(config, running.errorLog, runtime);
  try {
    return await new MainProcess(running, mainLog).run();
  } finally {
    await mainLog.close();
  }
}

class MainProcess {
  readonly #running: Running;
  readonly #runtime: Runtime;
  readonly #mainLog: MainLog;
  /** The one in use, and the one before. */
  #ticketKeys: readonly Octets[];
  /** The sockets that the service manager holds, or that the run before this one gave us. */
  readonly #inherited: Map<string, number>;
  readonly #succession: Succession;
  #config: Config;
  #files: Snapshot;
  #crew: Crew;
  /** All that have processes: those of earlier configurations with sessions left, the present one, one that begins. */
  readonly #crews = new Set<Crew>();
  #lastNumber = 0;
  /** What the present workers listen on. */
  #bound: ReadonlySet<string> = new Set();
  #stopping: "no" | "graceful" | "fast" = "no";
  /** Whether the workers were sent away and the main process stays (WINCH). */
  #isResting = false;
  /** Whether they were sent away since the last reload began, whose workers are to go as well. */
  #isToRest = false;
  /** Whether they come back, with the configuration that they had. */
  #isReturning = false;
  readonly #reloading = new OneAtATime(() => this.#reload());
  /** Whether whoever has started the program hears no more what it says. */
  #hasStarted = false;
  /** Whether neither the start nor a reload is under way. */
  #isSettled = false;
  readonly #waiting: (() => void)[] = [];

  constructor(running: Running, mainLog: MainLog) {
    this.#running = running;
    this.#runtime = running.runtime;
    this.#mainLog = mainLog;
    this.#config = running.config;
    this.#ticketKeys = [decode(createTicketKey(running.runtime))];
    this.#files = running.files;
    this.#inherited = new Map(inheritedBy(running.runtime.workers.inherited));
    this.#succession = new Succession({
      runtime: running.runtime,
      args: running.args,
      log: () => this.log,
      pidFile: () => this.#config.main.pid,
      stderr: () => this.#errorFile,
      isWanted: (key) => this.#bound.has(key) || this.#inherited.has(key),
      failed: () => this.#succeedNot(),
    });
    this.#crew = this.#createCrew(running.config, running.files);
  }

  async run(): Promise<number> {
    const { config, version, explain } = this.#running;
    // Before the pid file tells anybody whom to send signals to.
    this.#listenToSignals();
    try {
      tryPidFile(config.main, this.#runtime);
      await this.#begin(this.#crew, config);
      writePidFile(config.main, this.#runtime);
    } catch (error) {
      if (this.#stopping === "no") this.#tellLog(config, explain(error));
      await this.#dismissAll("fast");
      if (this.#stopping !== "no") return 0;
      throw error;
    }
    const { log } = this;
    log.write("notice", version);
    for (const { level, text } of config.warnings) log.write(level, text);
    this.#announceWorkers();
    this.#running.started();
    this.#hasStarted = true;
    outliveErrors(this.#runtime, this);
    this.#settle();
    const cancel = this.#rotateTicketKeys();
    await this.#until(() => this.#stopping !== "no" && this.#isAlone);
    cancel();
    this.log.write("notice", "exit");
    this.#succession.removePidFile();
    return 0;
  }

  /** Makes another key for session tickets now and then, for all workers; those of earlier configurations too. */
  #rotateTicketKeys(): Cancel {
    let cancel: Cancel = () => {};
    const wait = () => {
      cancel = this.#runtime.timer(TICKET_KEY_LIFE, () => {
        const key = decode(createTicketKey(this.#runtime));
        this.#ticketKeys = [key, ...this.#ticketKeys.slice(0, 1)];
        for (const crew of this.#crews) crew.tell({ type: "ticketKey", key });
        wait();
      });
    };
    wait();
    return () => cancel();
  }

  get log(): ErrorLog {
    return this.#mainLog.log;
  }

  get #isAlone(): boolean {
    return [...this.#crews].every(({ size }) => size === 0);
  }

  /** What is broken, or cannot even read its configuration, knows no log; nginx's standard error is its error log. */
  get #errorFile(): Octets | undefined {
    const { isDaemon, errorLog } = this.#running;
    const { errorLogs } = this.#config.main;
    const targets = (errorLogs.length > 0 ? errorLogs : [errorLog]).map(({ target }) => target);
    if (!isDaemon || targets.some(({ type }) => type === "stderr")) return undefined;
    return targets.flatMap((target) => target.type === "file" ? target.path : [])[0];
  }

  #createCrew(config: Config, files: Snapshot): Crew {
    const { runtime, args, isDaemon } = this.#running;
    const crew = new Crew({
      runtime,
      config,
      args,
      files,
      inherited: this.#inherited,
      account: this.#account(config),
      isDaemon,
      stderr: () => this.#hasStarted ? this.#errorFile : undefined,
      nextNumber: () => ++this.#lastNumber,
      ticketKeys: () => this.#ticketKeys,
      log: () => this.log,
      publish: (message, from, number) => this.#publish(message, from, number),
      changed: () => this.#changed(),
    });
    this.#crews.add(crew);
    return crew;
  }

  #account(config: Config): Account | undefined {
    if (!this.#runtime.process.isRoot) return undefined;
    const account = accountOf(config.main, this.#runtime.files);
    return account.uid === 0 ? undefined : account;
  }

  /** The addresses that nobody listens on so far are tried first: here it is told once, and before there are workers. */
  async #begin(crew: Crew, config: Config): Promise<void> {
    const bindings = await bindingsOf(config, this.#runtime);
    const isThere = (key: string) => this.#bound.has(key) || this.#inherited.has(key);
    const fresh = bindings.filter((binding) => !isThere(bindingKey(binding)));
    await probe(fresh, this.#runtime);
    if (this.#stopping === "no") await this.#startCrew(crew, bindings);
    const before = this.#bound;
    this.#bound = new Set(bindings.map(bindingKey));
    for (const { endpoint: { address } } of fresh) if ("path" in address) this.#runtime.files.openToAll(address.path);
    this.#letGo(bindings, before);
  }

  /** What its workers alone have listened on is closed with the last of them when they cannot begin. */
  async #startCrew(crew: Crew, bindings: readonly Binding[]): Promise<void> {
    try {
      await crew.start();
    } catch (error) {
      const fresh = bindings.map(bindingKey).filter((key) => !this.#bound.has(key));
      if (crew.hasOpened) { for (const key of fresh) this.#inherited.delete(key); }
      throw error;
    }
  }

  /**
   * What the service manager holds is its own, and told of; what an earlier run gave us and nobody wants is closed. One
   * that workers have listened on is closed with the last of them, and its number is anybody's then.
   */
  #letGo(bindings: readonly Binding[], before: ReadonlySet<string>): void {
    const { workers } = this.#runtime;
    const isOurs = workers.predecessor !== undefined;
    if (!isOurs) { for (const line of strayLines(this.#inherited, bindings)) this.log.write("warn", line); }
    for (const [key, descriptor] of this.#inherited) {
      if (this.#bound.has(key) || !(isOurs || before.has(key))) continue;
      this.#inherited.delete(key);
      if (!before.has(key)) workers.discard(descriptor);
    }
  }

  /** A start that fails is told on stderr; a log that is elsewhere hears it too. */
  #tellLog(config: Config, explanation: Explanation): void {
    const { errorLogs } = config.main;
    if (errorLogs.length === 0 || errorLogs.some(({ target }) => target.type === "stderr")) return;
    for (const line of logLines(explanation)) this.log.write("emerg", line);
  }

  #announceWorkers(): void {
    this.log.write("notice", "start worker processes");
    for (const pid of this.#crew.pids) this.log.write("notice", `start worker process ${pid}`);
  }

  #publish(message: ToWorker, from: Crew, number: number): void {
    let told = message;
    for (const crew of this.#crews) {
      crew.tell(told, crew === from ? number : undefined);
      // They stand in the order in which their configurations were read.
      if (crew === from && message.type === "news") told = { ...message, isEarlier: true };
    }
  }

  #changed(): void {
    for (const crew of this.#crews) if (crew.size === 0 && crew !== this.#crew) this.#crews.delete(crew);
    this.#crew.appoint(true);
    this.#wake();
  }

  /** Resolves once it is so. */
  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #listenToSignals(): void {
    const { process } = this.#runtime;
    const hear = (name: SignalName, number: number, text: string, act: () => void) =>
      process.onSignal(name, () => {
        this.log.write("notice", `signal ${number} (${name}) received, ${text}`);
        act();
      });
    hear("SIGTERM", 15, "exiting", () => this.#stop("fast"));
    hear("SIGINT", 2, "exiting", () => this.#stop("fast"));
    hear("SIGQUIT", 3, "shutting down", () => this.#stop("graceful"));
    hear("SIGHUP", 1, "reconfiguring", () => this.#reloading.run());
    process.onSignal("SIGUSR2", () => this.#changeBinary());
    hear("SIGUSR1", 10, "reopening logs", () => this.#reopenLogs());
    // A terminal sends it to whatever runs in it when its window changes.
    if (this.#running.isDaemon) hear("SIGWINCH", 28, "stop accepting connections", () => this.#rest());
    else process.onSignal("SIGWINCH", () => {});
  }

  #stop(how: "graceful" | "fast"): void {
    if (this.#stopping === "fast" || this.#stopping === how) return;
    this.#stopping = how;
    void this.#dismissAll(how);
    this.#wake();
  }

  async #dismissAll(how: "graceful" | "fast"): Promise<void> {
    // To close a unix socket means to remove its file, which is the new program's now.
    const holds = this.#succession.isUnderWay && [...this.#bound].some((key) => key.startsWith("unix "));
    for (const crew of this.#crews) crew.stop(how, holds);
    await this.#until(() => this.#isAlone);
  }

  #rest(): void {
    if (this.#stopping !== "no") return;
    this.#isToRest = true;
    if (this.#isResting) return;
    this.#isResting = true;
    this.#crew.stop("graceful", true);
  }

  /** Whose rights do not reach a new file finds it there, its own. */
  #reopenLogs(): void {
    this.log.write("notice", "reopening logs");
    this.#mainLog.reopen();
    const crews = [...this.#crews];
    const { account } = this.#crew;
    if (account !== undefined) {
      for (const path of new Set(crews.flatMap(({ logs }) => logs))) {
        const failure = this.#runtime.files.give(path, account);
        if (failure !== undefined) this.log.write("emerg", `chown("${path}", ${account.uid}) failed ${failure.text}`);
      }
    }
    for (const crew of crews) crew.tell({ type: "reopen" });
  }

  /** USR2. A start or a reload that is under way comes first. */
  #changeBinary(): void {
    const { hindrance } = this.#succession;
    const act = hindrance === undefined ? "changing binary" : "ignoring";
    this.log.write("notice", `signal 12 (SIGUSR2) received, ${act}`);
    if (hindrance !== undefined) return this.log.write("crit", hindrance);
    void this.#until(() => this.#isSettled || this.#stopping !== "no").then(() => {
      // Another signal may have come first.
      if (this.#stopping !== "no" || this.#succession.hindrance !== undefined) return;
      this.log.write("notice", "changing binary");
      this.#succession.begin();
    });
  }

  /** There is no new program: whoever was sent away for its sake comes back. */
  #succeedNot(): void {
    if (!this.#isResting || this.#succession.isUnderWay) return;
    this.#isReturning = true;
    this.#reloading.run();
  }

  /** As with nginx, workers that come back while there is a new program work as before: its files may not be for us. */
  async #reload(): Promise<void> {
    if (this.#stopping !== "no") return;
    this.log.write("notice", "reconfiguring");
    this.#isSettled = false;
    this.#isToRest = false;
    const { readConfig } = this.#running;
    const isReturning = this.#isReturning;
    const isAsBefore = this.#succession.isUnderWay || isReturning;
    this.#isReturning = false;
    let opened: OpenedLog | undefined;
    try {
      const { config, files } = isAsBefore ? { config: this.#config, files: this.#files } : readConfig();
      opened = await this.#mainLog.open(config);
      const crew = this.#createCrew(config, files);
      await movePidFile(this.#config, config, { runtime: this.#runtime, act: () => this.#begin(crew, config) });
      this.#files = files;
      await this.#handOver(crew, config, opened);
    } catch (error) {
      if (opened !== undefined) this.#mainLog.discard(opened);
      const lines = linesOf(error, this.#running);
      // A stop that came meanwhile is no fault of the configuration's.
      if (this.#stopping === "no") { for (const line of lines) this.log.write("emerg", line); }
      // Nobody else accepts.
      if (isReturning) this.#runtime.timer(SECOND_TRY, () => this.#succeedNot());
    }
    this.#settle();
  }

  #settle(): void {
    this.#isSettled = true;
    this.#wake();
  }

  /** The new workers listen; the old ones may go. */
  async #handOver(crew: Crew, config: Config, opened: OpenedLog): Promise<void> {
    const before = this.#crew;
    this.#crew = crew;
    this.#config = config;
    this.#mainLog.adopt(opened);
    const { log } = opened;
    this.#isResting = this.#isToRest;
    before.appoint(false);
    before.release();
    for (const { level, text } of config.warnings) log.write(level, text);
    this.#announceWorkers();
    before.stop("graceful");
    if (this.#stopping !== "no") crew.stop(this.#stopping);
    else if (this.#isResting) crew.stop("graceful", true);
    this.#changed();
    await this.#untilClosed(before);
    log.write("notice", "reconfigured");
  }

  /** A worker that hangs closes nothing, and must not keep the next reload waiting. */
  async #untilClosed(crew: Crew): Promise<void> {
    let isEnough = false;
    const cancel = this.#runtime.timer(CLOSING, () => {
      isEnough = true;
      this.#wake();
    });
    await this.#until(() => isEnough || !crew.isOpen);
    cancel();
  }
}

const CLOSING: Millis = 5_000;
const SECOND_TRY: Millis = 1_000;
