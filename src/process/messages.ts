/**
 * What the main process and its workers say to each other.
 *
 * @module
 */

import type { Account, Octets } from "../runtime.ts";
import type { Snapshot } from "./snapshot.ts";

/** What a worker is told first: all that it needs to begin. */
export interface WorkOrder {
  readonly type: "work";
  /** The worker's number, unique among those alive. */
  readonly number: number;
  /** The arguments of the program: those of a worker may not be the same in a compiled binary. */
  readonly args: readonly string[];
  readonly files: Snapshot;
  /** The sockets that the main process was given: what for, and their descriptors there. */
  readonly inherited: readonly (readonly [key: string, descriptor: number])[];
  /** Whose rights it takes on once it has opened its files; `undefined` for those it has. */
  readonly account: Account | undefined;
  /** `worker_rlimit_nofile`. */
  readonly descriptors: number | undefined;
  /** Encrypt session tickets, the same in all workers, 48 octets each: the one in use, and the one before. */
  readonly ticketKeys: readonly Octets[];
  /** What is in the files that the main process reads for all: those of TLS, and users files. */
  readonly secretFiles: Snapshot["texts"];
  /** Whether no terminal sends signals of its own. */
  readonly isDaemon: boolean;
}

export type ToWorker =
  | WorkOrder
  /** Whether it is the one now that does what only one has to do. */
  | { readonly type: "first"; readonly isFirst: boolean }
  /** Something that another worker has published. `isEarlier`: one that serves an earlier configuration. */
  | {
    readonly type: "news";
    readonly topic: Octets;
    readonly value: unknown;
    readonly from: number;
    readonly isEarlier?: boolean;
  }
  /** Another worker is gone. */
  | { readonly type: "gone"; readonly number: number }
  | { readonly type: "stop"; readonly how: "fast" | "graceful" }
  | { readonly type: "reopen" }
  /** It may open its sockets; nothing is said to it until it listens. */
  | { readonly type: "open" }
  /** Session tickets are made with this key from now on. */
  | { readonly type: "ticketKey"; readonly key: Octets }
  /** Some of the secret files have changed. */
  | { readonly type: "secretFiles"; readonly texts: Snapshot["texts"] };

export type FromWorker =
  /** It hears now. What is said before that, some runtimes lose. */
  | { readonly type: "ready" }
  /** It is about to open its sockets, and waits for the consent to do so. */
  | { readonly type: "opening" }
  /** It accepts connections. `logs` are the log files that it has open. */
  | { readonly type: "listening"; readonly logs: readonly Octets[] }
  /** It cannot begin; each line says why. */
  | { readonly type: "failed"; readonly lines: readonly Octets[]; readonly hint?: Octets | undefined }
  /** It accepts no more, and waits for its sessions to end. */
  | { readonly type: "closed" }
  | { readonly type: "news"; readonly topic: Octets; readonly value: unknown };

/** Both ends are the same program, so that anything else is not for us: test runners send messages, too. */
export function isMessage<M extends ToWorker | FromWorker>(
  message: unknown,
  ...types: readonly M["type"][]
): message is M {
  return typeof message === "object" && message !== null && "type" in message &&
    (types as readonly unknown[]).includes(message.type);
}

export const TO_WORKER: readonly ToWorker["type"][] = [
  ...["work", "first", "news", "gone", "stop", "reopen", "open", "ticketKey", "secretFiles"] as const,
];
export const FROM_WORKER: readonly FromWorker["type"][] = [
  ...["ready", "opening", "listening", "failed", "closed", "news"] as const,
];
