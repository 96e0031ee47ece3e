/**
 * The threads that hash passwords. There is none before the first password, and none a while after the last, but for
 * a process that was prepared.
 */

import type { Cancel, DerivationHandler, Hashing, KeyDerivation, Millis, Octets } from "../src/runtime.ts";
import type { HashAnswer, HashTask } from "./_hash_thread.ts";
import type { HashWorker, HashWorkerHandler, StartHashWorker } from "./_hash_worker.ts";
import { errorText } from "./_library_text.ts";
import { expectAnswer, setLater, startTimer } from "./_timer.ts";

/** Derivations on threads, see {@linkcode Hashing}. */
export class HashPool implements Pick<Hashing, "prepare" | "derive"> {
  readonly #start: StartHashWorker;
  readonly #longestRest: Millis;
  readonly #forbearance: Millis;
  readonly #waiting = new Set<Job>();
  readonly #threads = new Set<Thread>();
  #isPrepared = false;
  /** How many threads there may be: fewer once it is known that no more can be started. */
  #most = MOST_THREADS;

  constructor(start: StartHashWorker, { longestRest = LONGEST_REST, forbearance = FORBEARANCE }: HashPoolOptions = {}) {
    this.#start = start;
    this.#longestRest = longestRest;
    this.#forbearance = forbearance;
  }

  async prepare(): Promise<void> {
    this.#isPrepared = true;
    await this.#startThread().isUsable;
  }

  derive(password: Octets, derivation: KeyDerivation, handler: DerivationHandler): Cancel {
    if (this.#waiting.size >= MOST_WAITING) {
      return startTimer(0, () => handler.failed(`${MOST_WAITING} passwords are waiting to be hashed already`));
    }
    const job: Job = { task: { password, derivation }, handler };
    this.#waiting.add(job);
    this.#assign();
    return () => {
      this.#waiting.delete(job);
      job.handler = undefined;
    };
  }

  #assign(): void {
    const [job] = this.#waiting;
    const thread = job && this.#freeThread();
    if (job === undefined || thread === undefined) return;
    this.#waiting.delete(job);
    thread.run(job);
  }

  #freeThread(): Thread | undefined {
    const free = [...this.#threads].find(({ isFree }) => isFree);
    return free ?? (this.#threads.size < this.#most ? this.#startThread() : undefined);
  }

  #startThread(): Thread {
    const thread = new Thread(this.#start, {
      freed: () => this.#assign(),
      rests: () => startTimer(this.#longestRest, () => void this.#relieve(thread)),
      ended: () => this.#threads.delete(thread),
      givenBack: (job) => this.#takeBack(job),
    });
    this.#threads.add(thread);
    return thread;
  }

  /** What hashing took stays with a thread, 64 MiB and more, until the thread ends. Who must have one has another first. */
  async #relieve(thread: Thread): Promise<void> {
    const isNeeded = this.#isPrepared && this.#threads.size === 1;
    if (isNeeded && (this.#most === 1 || !await this.#startThread().isUsable)) return;
    if (thread.isFree) thread.end();
  }

  /** A thread could not be started: others do its work, where there are any. */
  #takeBack(job: Job | undefined): boolean {
    if (!this.#isPrepared || this.#threads.size === 0) return false;
    this.#most = this.#threads.size;
    // Perhaps there were no descriptors left, or no memory.
    startTimer(this.#forbearance, () => this.#most = MOST_THREADS);
    if (job?.handler !== undefined) this.#waiting.add(job);
    return true;
  }
}

/** How patient a pool is. */
export interface HashPoolOptions {
  /** How long a thread may have nothing to do before it ends. */
  readonly longestRest?: Millis;
  /** How long no other thread is started behind one that could not be. */
  readonly forbearance?: Millis;
}

interface Job {
  readonly task: HashTask;
  /** `undefined` once nobody waits for it. */
  handler: DerivationHandler | undefined;
}

/** What a {@linkcode Thread} tells its pool. */
interface ThreadHandler {
  /** It may be given something to do. */
  freed(): void;
  /** It has nothing to do from now on, until the function that this returns is called. */
  rests(): Cancel;
  ended(): void;
  /** It broke before it was of any use. Whether somebody else does its job. */
  givenBack(job: Job | undefined): boolean;
}

/** One thread. It keeps the process alive while it starts and while it works. */
class Thread {
  /** Whether it has started; known when it has or cannot. */
  readonly isUsable: Promise<boolean>;
  readonly #worker: HashWorker;
  readonly #handler: ThreadHandler;
  #hasStarted = false;
  #job: Job | undefined;
  #rest: Cancel = () => {};
  #answer: Cancel = expectAnswer();
  #settle: (isUsable: boolean) => void = () => {};

  constructor(start: StartHashWorker, handler: ThreadHandler) {
    this.#handler = handler;
    this.isUsable = new Promise((resolve) => this.#settle = resolve);
    this.#worker = begin(start, {
      heard: (message) => message === "started" ? this.#started() : this.#answered(message),
      broke: (reason) => this.#broke(reason),
    });
  }

  get isFree(): boolean {
    return this.#job === undefined;
  }

  run(job: Job): void {
    this.#rest();
    this.#job = job;
    this.#answer();
    this.#answer = expectAnswer();
    this.#worker.ref();
    this.#worker.post(job.task);
  }

  end(): void {
    this.#answer();
    this.#rest();
    this.#handler.ended();
    this.#worker.terminate();
  }

  #started(): void {
    this.#hasStarted = true;
    this.#settle(true);
    if (this.isFree) this.#idle();
  }

  #answered(answer: HashAnswer): void {
    const handler = this.#job?.handler;
    this.#job = undefined;
    this.#idle();
    this.#rest = this.#handler.rests();
    this.#handler.freed();
    if ("digest" in answer) handler?.derived(answer.digest);
    else handler?.failed(answer.failure);
  }

  #idle(): void {
    this.#answer();
    this.#worker.unref();
  }

  #broke(reason: string): void {
    const job = this.#job;
    this.#job = undefined;
    this.end();
    this.#settle(false);
    const isGivenBack = !this.#hasStarted && this.#handler.givenBack(job);
    this.#handler.freed();
    if (!isGivenBack) job?.handler?.failed(`the hashing thread broke: ${reason}`);
  }
}

/** Where the system has no thread left the start itself throws: then it is one that breaks in a later turn. */
function begin(start: StartHashWorker, handler: HashWorkerHandler): HashWorker {
  try {
    return start(handler);
  } catch (error) {
    setLater(() => handler.broke(errorText(error)));
    return NO_WORKER;
  }
}

const NO_WORKER: HashWorker = { post() {}, ref() {}, unref() {}, terminate() {} };

/** Enough for two cores; where there is one, the system shares it with the sessions. */
const MOST_THREADS = 2;

/** What two threads get through before clients give up, at a tenth of a second for each. */
export const MOST_WAITING = 256;

const LONGEST_REST: Millis = 60_000;
const FORBEARANCE: Millis = 600_000;
