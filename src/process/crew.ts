/**
 * The workers that serve one reading of the configuration.
 *
 * @module
 */

import type { Config } from "../config/types.ts";
import type { ErrorLog } from "../log/error_log.ts";
import type { Inherited } from "../proxy/inherited.ts";
import { StartError } from "../proxy/mod.ts";
import { logLines } from "../proxy/start_error.ts";
import type {
  Account,
  Exit,
  Millis,
  Octets,
  Runtime,
  SystemFailure,
  WorkerHandler,
  WorkerProcess,
} from "../runtime.ts";
import { FROM_WORKER, type FromWorker, isMessage, type ToWorker } from "./messages.ts";
import { Restarts } from "./restarts.ts";
import type { Snapshot } from "./snapshot.ts";
import { TlsFiles } from "./tls_files.ts";
import { describeFailedFork } from "./uncaught.ts";
import { UsersFiles } from "./users_files.ts";

/** What a {@linkcode Crew} works with. */
export interface CrewOptions {
  readonly runtime: Runtime;
  readonly config: Config;
  /** The arguments of the program. */
  readonly args: readonly string[];
  readonly files: Snapshot;
  readonly inherited: Inherited;
  readonly account: Account | undefined;
  readonly isDaemon: boolean;
  /** A file for what a worker has to say that cannot begin at all, where our standard error leads nowhere. */
  readonly stderr: () => Octets | undefined;
  /** A number for a worker that no other has. */
  readonly nextNumber: () => number;
  /** What session tickets are encrypted with: the key in use, and the one before. */
  readonly ticketKeys: () => readonly Octets[];
  readonly log: () => ErrorLog;
  /** Something that is to reach all other workers. */
  readonly publish: (message: ToWorker, from: Crew, number: number) => void;
  /** A worker is gone, or there is one more. */
  readonly changed: () => void;
}

interface Member {
  readonly number: number;
  readonly process: WorkerProcess;
  readonly born: Millis;
  /** The log files that it has open. */
  logs: readonly Octets[];
  state: "starting" | "listening" | "closed";
  /** Whether it has its order. What it is told from then on waits in it until it has begun. */
  hears: boolean;
  /** While it opens its sockets, what it is to be told when it has. */
  held: ToWorker[] | undefined;
  /** Whether it was told to end. */
  isDismissed: boolean;
  isFirst: boolean;
}

/** Why a worker could not begin, in its own words. */
class CrewError extends StartError {}

/**
 * Tells a worker something, unless a socket may be on its way to it: Deno loses a socket that is read together with
 * another message, and the worker would wait for it for ever.
 */
function send(member: Member, message: ToWorker): void {
  if (member.held === undefined) member.process.send(message);
  else if (member.held.length < MOST_HELD) member.held.push(message);
}

/** Tells it what had to wait. */
function release(member: Member): void {
  const { held = [], process } = member;
  member.held = undefined;
  for (const message of held) process.send(message);
}

/** It takes a moment to open sockets. */
const MOST_HELD = 10_000;

/** Starts workers, replaces those that die, and ends them. */
export class Crew {
  readonly #options: CrewOptions;
  readonly #members = new Map<number, Member>();
  readonly #restarts = new Restarts();
  /** How long those have lived that are still to be replaced. */
  readonly #lost: Millis[] = [];
  /** Those that hold sockets which a worker that died listened on. */
  readonly #held = new Set<WorkerProcess>();
  /** What the main process reads for the workers, whose account may not. */
  readonly #secretFiles: (TlsFiles | UsersFiles)[] = [];
  #hasOpened = false;
  #state: "starting" | "working" | "leaving" = "starting";

  constructor(options: CrewOptions) {
    this.#options = options;
  }

  /** How many processes there are. */
  get size(): number {
    return this.#members.size;
  }

  /** Whether some still accept. */
  get isOpen(): boolean {
    return [...this.#members.values()].some(({ state }) => state !== "closed");
  }

  /** Whether one of them came to open sockets. */
  get hasOpened(): boolean {
    return this.#hasOpened;
  }

  get pids(): readonly number[] {
    return [...this.#members.values()].map(({ process }) => process.pid);
  }

  get logs(): readonly Octets[] {
    return [...new Set([...this.#members.values()].flatMap(({ logs }) => logs))];
  }

  /** Whose rights they take on, if not ours. */
  get account(): Account | undefined {
    return this.#options.account;
  }

  /** Resolves when all of them listen. Throws {@linkcode StartError} when one cannot, with none left that listens. */
  async start(): Promise<void> {
    const { workerProcesses } = this.#options.config.main;
    const count = workerProcesses === "auto" ? this.#options.runtime.workers.processors : workerProcesses;
    try {
      this.#openSecretFiles();
      // One goes first: what it cannot do nobody can, and needs to be told once.
      await this.#add();
      await Promise.all(Array.from({ length: count - 1 }, () => this.#add()));
    } catch (error) {
      this.stop("fast");
      throw error;
    }
    this.#state = "working";
    this.#replaceLost();
  }

  #openSecretFiles(): void {
    const { config, runtime, log } = this.#options;
    const options = {
      runtime,
      note: (level: "error" | "warn" | "notice", text: Octets) => log().write(level, text),
      changed: (texts: Snapshot["texts"]) => this.tell({ type: "secretFiles", texts }),
    };
    this.#secretFiles.push(new TlsFiles(config, options));
    this.#secretFiles.push(new UsersFiles(config, options));
  }

  tell(message: ToWorker, except?: number): void {
    for (const member of this.#members.values()) {
      if (member.number !== except && member.hears) send(member, message);
    }
  }

  /** Says which of them is the first, if one is: one that was told to end has ended its checks. */
  appoint(isAppointed: boolean): void {
    const begun = [...this.#members.values()].filter(({ state }) => state !== "starting");
    const first = isAppointed
      ? begun.find(({ state, isDismissed }) => state === "listening" && !isDismissed)
      : undefined;
    for (const member of begun) {
      const isFirst = member === first;
      if (member.isFirst !== isFirst) member.process.send({ type: "first", isFirst } satisfies ToWorker);
      member.isFirst = isFirst;
    }
  }

  /** Ends them; with `holds` their sockets stay open, for {@linkcode release} to close. */
  stop(how: "fast" | "graceful", holds = false): void {
    this.#state = "leaving";
    for (const files of this.#secretFiles) files.stop();
    for (const member of this.#members.values()) {
      member.isDismissed = true;
      if (holds) this.#hold(member.process);
      else if (!this.#held.has(member.process)) member.process.release();
      // One that has not begun yet has nothing to end.
      if (member.state === "starting") member.process.kill("SIGKILL");
      else send(member, { type: "stop", how });
    }
    if (!holds) this.release();
    if (how === "fast") {
      this.#options.runtime.timer(MOST_PATIENCE, () => {
        for (const { process } of this.#members.values()) process.kill("SIGKILL");
      });
    }
  }

  /** Lets go of the sockets that were kept open for workers to come. */
  release(): void {
    for (const process of this.#held) process.release();
    this.#held.clear();
  }

  #hold(process: WorkerProcess): void {
    process.hold();
    this.#held.add(process);
  }

  /** Starts one more. Resolves when it listens. */
  #add(): Promise<Member> {
    return new Promise((resolve, reject) => {
      const { runtime, nextNumber } = this.#options;
      const number = nextNumber();
      const process = this.#fork({
        heard: (message) => {
          if (!isMessage<FromWorker>(message, ...FROM_WORKER)) return;
          if (message.type === "failed") reject(new CrewError(message.lines, message.hint));
          this.#heard(member, message);
          if (message.type === "listening") resolve(member);
        },
        exited: (exit) => {
          if (exit.failure !== undefined) return this.#neverWas(number, reject, exit.failure);
          reject(new StartError([`a worker process ended before it could listen: ${describeExit(exit)}`], BROKEN));
          this.#exited(member, exit);
        },
      });
      const born = runtime.now();
      const member: Member = {
        number,
        process,
        born,
        logs: [],
        state: "starting",
        hears: false,
        held: undefined,
        isDismissed: false,
        isFirst: false,
      };
      this.#members.set(number, member);
    });
  }

  /** There was no process to be had. */
  #neverWas(number: number, reject: (error: CrewError) => void, failure: SystemFailure): void {
    this.#members.delete(number);
    reject(new CrewError([describeFailedFork("worker process", failure)]));
    this.#options.changed();
  }

  #fork(handler: WorkerHandler): WorkerProcess {
    const { runtime, account } = this.#options;
    try {
      return runtime.workers.fork({ group: account?.gid, stderr: this.#options.stderr() }, handler);
    } catch (error) {
      throw new CrewError([describeFailedFork("worker process", error)]);
    }
  }

  #orderFor(number: number): ToWorker {
    const { config, args, files, account, isDaemon } = this.#options;
    const inherited = [...this.#options.inherited];
    const descriptors = config.main.workerRlimitNofile;
    const secretFiles = this.#secretFiles.flatMap(({ texts }) => texts);
    const secrets = { ticketKeys: this.#options.ticketKeys(), secretFiles };
    return { type: "work", number, args, files, inherited, account, descriptors, ...secrets, isDaemon };
  }

  #heard(member: Member, message: FromWorker): void {
    switch (message.type) {
      case "ready":
        if (member.isDismissed) return;
        member.process.send(this.#orderFor(member.number));
        member.hears = true;
        return;
      case "opening":
        this.#hasOpened = true;
        member.process.send({ type: "open" } satisfies ToWorker);
        member.held = [];
        return;
      case "failed":
        member.isDismissed = true;
        return;
      case "listening":
        member.state = "listening";
        release(member);
        member.logs = message.logs;
        return this.#options.changed();
      case "closed":
        member.state = "closed";
        return this.#options.changed();
      case "news": {
        // The others were told that it is gone, and nobody would ever take back what they believed from now on.
        if (!this.#members.has(member.number)) return;
        const { topic, value } = message;
        return this.#options.publish({ type: "news", topic, value, from: member.number }, this, member.number);
      }
    }
  }

  #exited(member: Member, exit: Exit): void {
    const { log, publish, runtime, changed } = this.#options;
    const { pid } = member.process;
    this.#members.delete(member.number);
    // What one had to say that could not begin was told already.
    if (member.state !== "starting" || !member.isDismissed) {
      log().write("notice", `signal 17 (SIGCHLD) received from ${pid}`);
      const level = exit.signal === undefined ? "notice" : "alert";
      log().write(level, `worker process ${pid} exited ${describeExit(exit)}`);
    }
    if (member.state !== "starting") publish({ type: "gone", number: member.number }, this, member.number);
    if (member.isDismissed || !this.#isMissed(member)) {
      if (!this.#held.has(member.process)) member.process.release();
    } else {
      this.#hold(member.process);
      this.#lost.push(runtime.now() - member.born);
      if (this.#state === "working") this.#replaceLost();
    }
    changed();
  }

  /** One that ends while the crew begins and has not come to listen puts an end to that; one that has is missed later. */
  #isMissed({ state }: Member): boolean {
    return this.#state === "working" || this.#state === "starting" && state !== "starting";
  }

  #replaceLost(): void {
    for (const lifetime of this.#lost.splice(0)) this.#replace(this.#restarts.delayAfter(lifetime));
  }

  #replace(delay: Millis): void {
    const { log, runtime } = this.#options;
    if (delay > 0) log().write("warn", `worker processes keep ending, the next one is started in ${delay} ms`);
    runtime.timer(delay, () => void this.#startAgain());
  }

  async #startAgain(): Promise<void> {
    const { log } = this.#options;
    if (this.#state !== "working") return;
    try {
      const { process } = await this.#add();
      log().write("notice", `start worker process ${process.pid}`);
      this.release();
    } catch (error) {
      // One that ended without a word was noticed already, and is being replaced.
      if (!(error instanceof CrewError)) return;
      for (const line of logLines(error)) log().write("emerg", line);
      if (this.#state === "working") this.#replace(this.#restarts.delayAfter(0) || SECOND_TRY);
    }
  }
}

function describeExit({ code, signal }: Exit): string {
  return signal === undefined ? `with code ${code ?? "unknown"}` : `on signal ${signal}`;
}

/** Where its standard error leads nowhere, somebody has to look. */
const BROKEN = 'the program may be broken: run it with "-t" to see what it says';

/** How long sessions may take to be told that they are over. */
const MOST_PATIENCE: Millis = 10_000;
const SECOND_TRY: Millis = 1_000;
