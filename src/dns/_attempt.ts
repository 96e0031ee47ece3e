/** What UDP and TCP have in common: one question to one server, once. */

import type { Runtime } from "../runtime.ts";
import type { Response } from "./message.ts";

/** What a resolver needs of a runtime. */
export type DnsRuntime = Pick<Runtime, "connect" | "datagram" | "now" | "random" | "timer">;

/** Where a name server listens: a numeric address without brackets, and a port. */
export interface NameServer {
  readonly host: string;
  readonly port: number;
}

/** Who asked. At most one of the two is called, once; neither when the attempt is cancelled. */
export interface AttemptOwner {
  /** The server's response to the question, which says no more than that it came from there. */
  answered(response: Response): void;
  /** No answer will come this way. */
  failed(): void;
}

/** A message id that nobody can guess (RFC 5452, 4.3). */
export function randomId(runtime: Pick<Runtime, "random">): number {
  const [high = 0, low = 0] = runtime.random(new Uint8Array(2));
  return high * 256 + low;
}
