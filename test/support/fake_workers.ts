/** Worker processes in memory: the test plays what they say and how they end. */

import type {
  Account,
  Background,
  Exit,
  ForkOptions,
  InheritedSocket,
  Legacy,
  MainLink,
  Predecessor,
  SystemFailure,
  WorkerHandler,
  WorkerProcess,
  Workers,
} from "../../src/runtime.ts";

/** A worker that was started. */
export class FakeWorkerProcess implements WorkerProcess {
  readonly pid: number;
  readonly group: number | undefined;
  /** All that it was told, as it comes out of JSON. */
  readonly told: unknown[] = [];
  readonly kills: string[] = [];
  /** Whether its sockets outlive it. */
  isHeld = false;
  hasExited = false;
  readonly #handler: WorkerHandler;

  constructor(pid: number, group: number | undefined, handler: WorkerHandler) {
    this.pid = pid;
    this.group = group;
    this.#handler = handler;
  }

  send(message: unknown): void {
    if (!this.hasExited) this.told.push(JSON.parse(JSON.stringify(message)));
  }

  kill(name: string): void {
    this.kills.push(name);
  }

  hold(): void {
    this.isHeld = true;
  }

  release(): void {
    this.isHeld = false;
  }

  /** It says something. */
  says(message: unknown): void {
    this.#handler.heard(message);
  }

  listens(): void {
    this.says({ type: "listening", logs: [] });
  }

  /** It ends. */
  exits(exit: Partial<Exit> = { code: 0 }): void {
    this.hasExited = true;
    this.#handler.exited({ code: undefined, signal: undefined, ...exit });
  }
}

/** The way to other processes, none of which exists. */
export class FakeWorkers implements Workers {
  background: Background | undefined = undefined;
  inherited: readonly InheritedSocket[] = [];
  predecessor: Predecessor | undefined = undefined;
  /** The descriptors that were closed. */
  readonly discarded: number[] = [];
  /** What this process listens on. */
  held: readonly InheritedSocket[] = [];
  /** The program that was started last to replace this one. */
  successor: Legacy & { readonly ended: (exit: Exit) => void } | undefined;
  /** The process id of such a program; 0 where it does not come to be. */
  pid = 7000;
  main: MainLink | undefined = undefined;
  readonly processors = 2;
  /** Every worker that was started, in order, alive or not. */
  readonly started: FakeWorkerProcess[] = [];
  /** Why no process can be started, if so. */
  failure: Error | undefined;
  /** Whose rights were taken on. */
  readonly accounts: Account[] = [];
  readonly limits: number[] = [];

  fork({ group }: ForkOptions, handler: WorkerHandler): WorkerProcess {
    if (this.failure !== undefined) throw this.failure;
    const process = new FakeWorkerProcess(5000 + this.started.length, group, handler);
    this.started.push(process);
    return process;
  }

  workAlone(): void {}

  heldSockets(): readonly InheritedSocket[] {
    return this.held;
  }

  startSuccessor(_args: readonly string[], legacy: Legacy, ended: (exit: Exit) => void): number {
    if (this.failure !== undefined) throw this.failure;
    this.successor = { ...legacy, ended };
    return this.pid;
  }

  discard(descriptor: number): void {
    this.discarded.push(descriptor);
  }

  startInBackground(): void {
    throw new Error("There is no background here");
  }

  become(account: Account): SystemFailure | undefined {
    this.accounts.push(account);
    return undefined;
  }

  allowDescriptors(count: number): SystemFailure | undefined {
    this.limits.push(count);
    return undefined;
  }
}
