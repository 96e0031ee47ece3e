/** The two kinds of threads that `_hash_thread.ts` runs in. */

import { Worker } from "node:worker_threads";
import type { HashMessage, HashTask } from "./_hash_thread.ts";
import { errorText } from "./_library_text.ts";

/** A thread, which takes one task at a time. */
export interface HashWorker {
  post(task: HashTask): void;
  /** It keeps the process alive from now on. */
  ref(): void;
  unref(): void;
  /** Ends it. Its handler hears no more. */
  terminate(): void;
}

/** What hears a {@linkcode HashWorker}. */
export interface HashWorkerHandler {
  heard(message: HashMessage): void;
  /** It has ended, or is of no use any more. The reason is for the log. */
  broke(reason: string): void;
}

export type StartHashWorker = (handler: HashWorkerHandler) => HashWorker;

/** A thread of `node:worker_threads`. */
export function startNodeWorker(handler: HashWorkerHandler): HashWorker {
  const worker = new Worker(threadFile());
  worker.on("message", (message: HashMessage) => handler.heard(message));
  worker.on("messageerror", () => handler.broke(UNREADABLE));
  worker.on("error", (error) => handler.broke(errorText(error)));
  worker.on("exit", (code) => handler.broke(`it ended with ${code}`));
  return {
    post: (task) => worker.postMessage(task),
    ref: () => worker.ref(),
    unref: () => worker.unref(),
    terminate: () => {
      // An error that nobody listens for would end the process.
      worker.removeAllListeners().on("error", () => {});
      void worker.terminate();
    },
  };
}

/**
 * A thread of the web's kind, for who has them and cannot start the other. It keeps the process alive to its end, also
 * while it has nothing to do.
 */
export function startWebWorker(handler: HashWorkerHandler): HashWorker {
  const worker = new (globalThis as unknown as WebGlobal).Worker(threadFile(), { type: "module" });
  worker.onmessage = ({ data }) => handler.heard(data);
  worker.onmessageerror = () => handler.broke(UNREADABLE);
  worker.onerror = (event) => {
    // It would be thrown in this thread, too.
    event.preventDefault();
    handler.broke(event.message);
  };
  return {
    post: (task) => worker.postMessage(task),
    ref: () => {},
    unref: () => {},
    terminate: () => {
      worker.onmessage = worker.onmessageerror = null;
      worker.onerror = (event) => event.preventDefault();
      worker.terminate();
    },
  };
}

/** What the web calls a thread: no types of ours have it. */
interface WebGlobal {
  readonly Worker: new (file: URL | string, options: { readonly type: "module" }) => WebWorker;
}

interface WebWorker {
  onmessage: ((event: { readonly data: HashMessage }) => void) | null;
  onmessageerror: (() => void) | null;
  onerror: ((event: { readonly message: string; preventDefault(): void }) => void) | null;
  postMessage(task: HashTask): void;
  terminate(): void;
}

/** In the one file that `bun build --compile` makes, modules lie by their paths from the project's folder. */
function threadFile(): URL | string {
  const isCompiled = import.meta.url.includes("/$bunfs/");
  return isCompiled ? "./adapters/_hash_thread.ts" : new URL("./_hash_thread.ts", import.meta.url);
}

const UNREADABLE = "what it said cannot be read";
