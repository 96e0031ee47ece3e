import type { MainConfig } from "../config/types.ts";
import type { Octets, Runtime, SignalName } from "../runtime.ts";
import { describeFailure, isFailure } from "../runtime.ts";
import { decode } from "../session/bytes.ts";

/** What `-s` takes. */
export const SIGNAL_WORDS = ["stop", "quit", "reopen", "reload"] as const;
export type SignalWord = typeof SIGNAL_WORDS[number];

/** The running process cannot be told. */
export class SignalError extends Error {
  override readonly name = "SignalError";
  readonly level: "error" | "alert";

  constructor(level: "error" | "alert", message: Octets) {
    super(message);
    this.level = level;
  }
}

/** Sends what `-s` stands for to the process in the pid file. Returns the exit code; throws {@linkcode SignalError}. */
export function sendSignal(
  word: SignalWord,
  main: MainConfig,
  { files, process }: Pick<Runtime, "files" | "process">,
): 0 {
  const content = files.read(main.pid);
  if (isFailure(content)) throw new SignalError("error", `open() "${main.pid}" failed ${describeFailure(content)}`);
  const text = decode(content).trim();
  const pid = /^[1-9][0-9]{0,9}$/.test(text) ? Number(text) : undefined;
  if (pid === undefined) throw new SignalError("error", `invalid PID number "${text}" in "${main.pid}"`);
  const failure = process.kill(pid, SIGNALS[word].name);
  if (failure === undefined) return 0;
  throw new SignalError("alert", `kill(${pid}, ${SIGNALS[word].number}) failed ${describeFailure(failure)}`);
}

const SIGNALS: Readonly<Record<SignalWord, { readonly name: SignalName; readonly number: number }>> = {
  stop: { name: "SIGTERM", number: 15 },
  quit: { name: "SIGQUIT", number: 3 },
  reopen: { name: "SIGUSR1", number: 10 },
  reload: { name: "SIGHUP", number: 1 },
};

/** Runs something at every call, one at a time; calls that come meanwhile are one more. */
export class OneAtATime {
  readonly #act: () => Promise<void>;
  #isRunning = false;
  #isWanted = false;

  constructor(act: () => Promise<void>) {
    this.#act = act;
  }

  run(): void {
    this.#isWanted = true;
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      while (this.#isWanted) {
        this.#isWanted = false;
        await this.#act();
      }
    } finally {
      this.#isRunning = false;
    }
  }
}
