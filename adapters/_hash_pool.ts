/** The threads that hash passwords. There is none before the first password, and none a while after the last. */

import type { Cancel, DerivationHandler, Hashing, KeyDerivation, Octets } from "../src/runtime.ts";
import type { HashAnswer, HashTask } from "./_hash_thread.ts";
import type { HashWorker, StartHashWorker } from "./_hash_worker.ts";
import { expectAnswer, startTimer } from "./_timer.ts";

/** Derivations on threads, see {@linkcode Hashing}. */
export class HashPool implements Pick<Hashing, "derive"> {
  readonly #start: StartHashWorker;
  readonly #waiting = new Set<Job>();
  readonly #threads = new Set<Thread>();

  constructor(start: StartHashWorker) {
    this.#start = start;
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
    if (free !== undefined || this.#threads.size >= MOST_THREADS) return free;
    const thread = new Thread(this.#start, {
      freed: () => this.#assign(),
      gone: () => this.#threads.delete(thread),
    });
    this.#threads.add(thread);
    return thread;
  }
}

interface Job {
  readonly task: HashTask;
  /** `undefined` once nobody waits for it. */
  handler: DerivationHandler | undefined;
}

/** One thread. It keeps the process alive while it works. */
class Thread {
  readonly #worker: HashWorker;
  readonly #freed: () => void;
  readonly #gone: () => void;
  #job: Job | undefined;
  #rest: Cancel = () => {};
  #answer: Cancel = () => {};

  constructor(start: StartHashWorker, { freed, gone }: { readonly freed: () => void; readonly gone: () => void }) {
    this.#freed = freed;
    this.#gone = gone;
    this.#worker = start({
      answered: (answer) => this.#answered(answer),
      broke: (reason) => this.#broke(reason),
    });
  }

  get isFree(): boolean {
    return this.#job === undefined;
  }

  run(job: Job): void {
    this.#rest();
    this.#job = job;
    this.#answer = expectAnswer();
    this.#worker.ref();
    this.#worker.post(job.task);
  }

  #answered(answer: HashAnswer): void {
    const handler = this.#job?.handler;
    this.#job = undefined;
    this.#answer();
    this.#worker.unref();
    // What hashing took stays with the thread, 64 MiB and more, until the thread ends.
    this.#rest = startTimer(LONGEST_REST, () => this.#end());
    this.#freed();
    if ("digest" in answer) handler?.derived(answer.digest);
    else handler?.failed(answer.failure);
  }

  #broke(reason: string): void {
    const handler = this.#job?.handler;
    this.#job = undefined;
    this.#end();
    this.#freed();
    handler?.failed(`the hashing thread broke: ${reason}`);
  }

  #end(): void {
    this.#answer();
    this.#rest();
    this.#gone();
    this.#worker.terminate();
  }
}

/** Enough for two cores; where there is one, the system shares it with the sessions. */
const MOST_THREADS = 2;

/** What two threads get through before clients give up, at a tenth of a second for each. */
export const MOST_WAITING = 256;

const LONGEST_REST = 60_000;
