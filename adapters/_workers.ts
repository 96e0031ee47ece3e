/**
 * Worker processes by way of `node:cluster`, which all three runtimes have. The main process binds the sockets and hands
 * each worker its own copy (`SCHED_NONE`): connections never pass through it.
 */

import { spawnSync } from "node:child_process";
import cluster, { type Worker } from "node:cluster";
import { availableParallelism, constants } from "node:os";
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import type {
  Account,
  ForkOptions,
  MainLink,
  SystemFailure,
  WorkerHandler,
  WorkerProcess,
  Workers,
} from "../src/runtime.ts";
import { failureOf, toFailure } from "./_errno.ts";
import { leaveLoggedStderr, LOGGED, startInBackground, takeBackground } from "./_background.ts";
import { engineSettings, lateSettings } from "./_engine.ts";
import { closeQuietly, openIfItCan } from "./_files.ts";
import { heldSockets, takeInheritedSockets } from "./_inherited.ts";
import { openToAll } from "./_listener.ts";
import { fromPath } from "./_octets.ts";
import { startSuccessor, takeInheritance } from "./_succession.ts";
import { setTimer } from "./_timer.ts";

export function createWorkers(): Workers {
  const inheritance = takeInheritance();
  const inherited = takeInheritedSockets();
  if (cluster.isWorker) leaveLoggedStderr();
  return {
    inherited: cluster.isWorker ? [] : inheritance?.sockets ?? inherited,
    predecessor: inheritance?.predecessor,
    heldSockets,
    startSuccessor,
    discard: closeQuietly,
    background: takeBackground(),
    startInBackground,
    main: cluster.isWorker ? new ClusterMain() : undefined,
    processors: availableParallelism(),
    fork,
    workAlone,
    become,
    allowDescriptors,
  };
}

function fork({ group, stderr }: ForkOptions, handler: WorkerHandler): WorkerProcess {
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  const { args, environment } = engineSettings(process.versions, process.env);
  const file = stderr === undefined ? undefined : openIfItCan(stderr);
  cluster.setupPrimary({
    args: process.argv.slice(2),
    ...args.length === 0 ? {} : { execArgv: [...args, ...process.execArgv] },
    // Root it stays until it has opened its files; without the other groups, which not every runtime can drop later.
    ...group === undefined ? {} : { uid: 0, gid: group },
    stdio: ["inherit", "inherit", file ?? "inherit", "ipc"],
  });
  try {
    return new ClusterWorker(cluster.fork({ ...environment, ...file === undefined ? {} : LOGGED }), handler);
  } finally {
    if (file !== undefined) closeQuietly(file);
  }
}

function workAlone(): void {
  for (const setting of lateSettings(process.versions, process.execArgv)) setFlagsFromString(setting);
}

class ClusterWorker implements WorkerProcess {
  readonly #worker: Worker;
  readonly #id: number;
  #hasExited = false;
  #isHeld = false;
  /** Whether it lets go of its sockets by itself. */
  #isLeaving = false;

  constructor(worker: Worker, handler: WorkerHandler) {
    this.#worker = worker;
    this.#id = worker.id;
    // Never empty, or it would be an error that sockets are held while there is no worker.
    if (cluster.workers !== undefined) cluster.workers[KEEPER] ??= worker;
    const { process: child } = worker;
    for (const event of ["disconnect", "exit"]) child.prependListener(event, () => this.#holdAtEnd());
    worker.on("message", (message: unknown) => handler.heard(message));
    worker.on("listening", ({ address, addressType }) => {
      // A unix socket that was closed, and is opened again in the middle of a worker's life, is bound by this process.
      if (addressType === UNIX) openToAll(fromPath(address));
    });
    worker.on("error", (error) => {
      // Otherwise it is an error of its channel, and none of the process.
      if (this.pid === 0) this.#neverWas(handler, toFailure(error));
    });
    worker.on("exit", (code: number | null, signal: NodeJS.Signals | null) => {
      const number = signal === null ? undefined : constants.signals[signal];
      this.#end(handler, { code: code ?? undefined, signal: number });
    });
  }

  get pid(): number {
    return this.#worker.process.pid ?? 0;
  }

  send(message: unknown): void {
    if (!this.#worker.isConnected()) return;
    try {
      this.#worker.process.send(message as object, () => {});
    } catch {
      // It ended just now.
    }
  }

  kill(name: NodeJS.Signals): void {
    if (this.#hasExited || this.pid === 0) return;
    try {
      process.kill(this.pid, name);
    } catch {
      // It ended just now.
    }
  }

  /**
   * The main process of a cluster closes a socket when the last worker that listens on it is gone, and knows workers by
   * their ids: one whose id is no longer known stays in its books.
   */
  hold(): void {
    if (this.#isHeld || this.pid === 0) return;
    this.#isHeld = true;
    this.#worker.id = -this.#id;
    delete cluster.workers?.[this.#id];
  }

  /** What a process that still lives holds it holds to its end: to let go means to be cut off from the main process. */
  release(): void {
    this.#isLeaving = true;
    if (!this.#isHeld || !this.#hasExited) return;
    this.#isHeld = false;
    this.#worker.id = this.#id;
    this.#worker.disconnect();
    delete cluster.workers?.[this.#id];
  }

  #holdAtEnd(): void {
    if (!this.#isLeaving) this.hold();
  }

  #end(handler: WorkerHandler, exit: Parameters<WorkerHandler["exited"]>[0]): void {
    if (this.#hasExited) return;
    this.#hasExited = true;
    if (this.#isLeaving) this.release();
    if (this.#worker.isConnected()) this.#closeChannel();
    handler.exited(exit);
  }

  /** It has neither sockets nor a channel. */
  #neverWas(handler: WorkerHandler, failure: SystemFailure): void {
    if (this.#hasExited) return;
    this.#hasExited = true;
    delete cluster.workers?.[this.#id];
    handler.exited({ code: undefined, signal: undefined, failure });
  }

  /**
   * A worker that ends with something unread resets its channel. Deno stops reading such a channel, and neither closes it
   * nor emits `disconnect` (denoland/deno#35961): a descriptor would stay for each, and in the books of the cluster a
   * worker for whom it keeps every socket open. What the worker said to the end is heard first.
   */
  #closeChannel(): void {
    const { process: child } = this.#worker;
    setTimer(LAST_WORDS, () => {
      if (child.connected) child.disconnect();
    });
  }
}

const KEEPER = -0.5;

/** How a cluster calls the kind of an address. */
const UNIX = -1;

/** Milliseconds to read what the worker left in the channel, some 200 KiB at most. */
const LAST_WORDS = 1_000;

class ClusterMain implements MainLink {
  send(message: unknown): boolean {
    if (!process.connected) return true;
    try {
      return process.send?.(message, undefined, undefined, () => {}) !== false;
    } catch {
      return true;
    }
  }

  onMessage(hear: (message: unknown) => void): () => void {
    process.on("message", hear);
    return () => process.off("message", hear);
  }

  onGone(hear: () => void): () => void {
    // The cluster's own listener ends the process.
    process.prependListener("disconnect", hear);
    return () => process.off("disconnect", hear);
  }
}

function become({ name, uid, gid }: Account): SystemFailure | undefined {
  try {
    process.setgid?.(gid);
    // Deno has none: there the other groups are gone since the fork.
    if ("initgroups" in process) (process.initgroups as (name: string, gid: number) => void)(name, gid);
    process.setuid?.(uid);
    return undefined;
  } catch (error) {
    return toFailure(error);
  }
}

/** No runtime has a call for it, util-linux has a program. */
function allowDescriptors(count: number): SystemFailure | undefined {
  const args = ["--pid", `${process.pid}`, `--nofile=${count}:${count}`];
  const { status, error } = spawnSync("prlimit", args, { stdio: "ignore" });
  if (error !== undefined) return toFailure(error);
  return status === 0 ? undefined : failureOf("EPERM");
}
