/**
 * What an adapter must offer so that several processes can do the work: a main process that starts workers and talks to
 * them, and from inside a worker the way back. Every worker runs the same program with the same arguments. A socket that
 * several workers listen on is one socket: it is bound by the main process, with the main process's rights.
 *
 * @module
 */

import type { Cancel, Octets, SignalName, SocketAddress, SystemFailure } from "./runtime.ts";

/** Whose rights a process has. */
export interface Account {
  readonly name: Octets;
  readonly uid: number;
  readonly gid: number;
}

/** How a process came to its end. */
export interface Exit {
  readonly code: number | undefined;
  /** The number of the signal that ended it, if one did. */
  readonly signal: number | undefined;
  /** Why there has been no process at all, if so. */
  readonly failure?: SystemFailure;
}

/** What a worker process tells the main process. */
export interface WorkerHandler {
  heard(message: unknown): void;
  /** It is gone, and this is its last call. */
  exited(exit: Exit): void;
}

/** What a worker process is started with. */
export interface ForkOptions {
  /** What only root may ask for: the worker has that group and no other from its start. */
  readonly group: number | undefined;
  /**
   * A file for what a program that is broken says on standard error before it can say anything else, in place of ours. A
   * runtime that could not let go of it leaves it alone.
   */
  readonly stderr: Octets | undefined;
}

/** A worker process, seen from the main process. */
export interface WorkerProcess {
  /** 0 for a process that could not be started; `exited` follows. */
  readonly pid: number;
  /** Tells it something that JSON can carry. Does nothing once it is gone. */
  send(message: unknown): void;
  kill(name: SignalName | "SIGKILL"): void;
  /**
   * Its end leaves the sockets that it listens on open, and who connects meanwhile waits for another worker: until
   * {@linkcode release}. That is so anyhow for a worker that ends without having been told to.
   */
  hold(): void;
  /** Closes what nobody else listens on. */
  release(): void;
}

/** The main process, seen from a worker. */
export interface MainLink {
  /** Tells it something that JSON can carry. Returns `false` when it is slow to listen, so that messages pile up. */
  send(message: unknown): boolean;
  onMessage(hear: (message: unknown) => void): Cancel;
  /** Hears of the end of the main process. The runtimes end the worker right behind it. */
  onGone(hear: () => void): Cancel;
}

/** A listening socket that the process was given by whoever started it. */
export interface InheritedSocket {
  readonly descriptor: number;
  readonly address: SocketAddress;
}

/** The run of this program that this one was started to replace. */
export interface Predecessor {
  isAlive(): boolean;
}

/** What a run of the program leaves to the one that replaces it. */
export interface Legacy {
  /** Those of its sockets. */
  readonly descriptors: readonly number[];
  /** A file for what that one has to say on standard error until it is at work, in place of our own standard error. */
  readonly stderr: Octets | undefined;
}

/** What becomes of a program that is started in the background. */
export interface BackgroundHandler {
  /** It prints something on standard error while it starts. */
  said(text: Octets): void;
  /** It is at work. */
  started(): void;
  /** It is over. */
  ended(code: number): void;
}

/** Whoever started this process in the background. */
export interface Background {
  /** Tells that it is at work, and has nothing more to say on standard error. */
  started(): void;
}

/** The way to other processes of this program. */
export interface Workers {
  /** Whoever waits for this process to be at work in the background; `undefined` where it is in the foreground. */
  readonly background: Background | undefined;
  /**
   * Starts this program once more with these arguments, in a session of its own and without standard input and output,
   * nor standard error unless that is kept.
   */
  startInBackground(
    args: readonly string[],
    options: { readonly keepsStderr: boolean },
    handler: BackgroundHandler,
  ): void;
  /** The sockets that whoever started the program holds for it (`LISTEN_FDS`), or its {@linkcode predecessor} does. */
  readonly inherited: readonly InheritedSocket[];
  /** The run that this one was started to replace; `undefined` for a start of its own. */
  readonly predecessor: Predecessor | undefined;
  /** All listening sockets that this process has now, those that only its workers accept on included. */
  heldSockets(): readonly InheritedSocket[];
  /**
   * Starts this program anew, from its file as that is now, with these arguments and our standard streams, and gives it
   * these of our sockets, for which it takes the capability `process.replace`. Returns its process id; 0 where it could
   * not be started, which `ended` follows, as its end does.
   */
  startSuccessor(args: readonly string[], legacy: Legacy, ended: (exit: Exit) => void): number;
  /** Closes one of the {@linkcode inherited} sockets, which nobody has listened on. */
  discard(descriptor: number): void;
  /** The way to the main process; `undefined` where this process is no worker. */
  readonly main: MainLink | undefined;
  /** How many processors there are to work on. */
  readonly processors: number;
  /** Starts a worker. */
  fork(options: ForkOptions, handler: WorkerHandler): WorkerProcess;
  /** Has this process work as a worker does, where there is no other: its engine is set for that, as far as it can still be. */
  workAlone(): void;
  /** Takes on the rights of an account for good, its other groups included where the runtime can. */
  become(account: Account): SystemFailure | undefined;
  /** Allows this process so many open files. */
  allowDescriptors(count: number): SystemFailure | undefined;
}
