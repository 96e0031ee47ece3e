/**
 * How many sockets a process may have: `worker_connections`, and never more than the descriptors last for, since some
 * runtimes do not survive running out of them.
 *
 * @module
 */

import type { Config } from "../config/types.ts";
import type { ErrorLog } from "../log/error_log.ts";
import { type Cancel, describeFailure, type Millis, type Runtime, type SystemFailure } from "../runtime.ts";
import { StartError } from "./start_error.ts";

type RoomRuntime = Pick<Runtime, "descriptors" | "sockets" | "now" | "onShortage">;

/** What a process has room for. */
export class Room {
  readonly #runtime: RoomRuntime;
  /** How many sockets the descriptors last for, beside those that were open at the start. */
  readonly #descriptors: number;
  /** How many descriptors are kept for whatever else needs one. */
  readonly spare: number;
  #toldAt: Millis = -Infinity;
  /** How many had to stay outside since the log heard of it. */
  #untold = 0;
  /** When the descriptors ran out, as long as there are none. */
  #shortSince: Millis | undefined;
  #shortageToldAt: Millis = -Infinity;
  #isShortageTold = false;
  #cancel: Cancel = () => {};

  constructor(runtime: RoomRuntime) {
    const { limit, open } = runtime.descriptors();
    this.#runtime = runtime;
    this.spare = spareDescriptors(limit);
    this.#descriptors = limit - open - this.spare;
  }

  /** Whether no descriptor can be had at all, in spite of those that are kept. */
  get isShort(): boolean {
    return this.#shortSince !== undefined;
  }

  /** Looks out for a shortage of descriptors, until {@linkcode close}. */
  watch(log: () => ErrorLog): void {
    this.#cancel = this.#runtime.onShortage((failure) => this.#shortage(failure, log()));
  }

  close(): void {
    this.#cancel();
  }

  /** Throws {@linkcode StartError} where there is none left beside the listeners. */
  check({ main: { workerConnections } }: Config, listeners: number): void {
    // Listeners count too, and one more makes the least that nginx starts with.
    if (workerConnections > listeners) return;
    throw new StartError([`${workerConnections} worker_connections are not enough for ${listeners} listening sockets`]);
  }

  /** Says so where the descriptors do not last for all that was asked for. */
  announce(config: Config, log: ErrorLog): void {
    const { workerConnections } = config.main;
    const most = this.#most(config);
    if (most >= workerConnections) return;
    const { limit } = this.#runtime.descriptors();
    const text = `${workerConnections} worker_connections exceed open file resource limit: ${limit}, using ${most}`;
    log.write("warn", text);
  }

  /** Whether there is room for so many sockets beside those of now. The log hears once a second that there is none. */
  has(count: number, config: Config, log: ErrorLog): boolean {
    if (this.isShort) return false;
    const most = this.#most(config);
    if (this.#runtime.sockets() + count <= most) return true;
    this.#untold++;
    const now = this.#runtime.now();
    if (now - this.#toldAt < PERIOD) return false;
    const times = this.#untold > 1 ? `, ${this.#untold} times since it was last told` : "";
    log.write("alert", `${most} worker_connections are not enough${times}`);
    this.#toldAt = now;
    this.#untold = 0;
    return false;
  }

  /** One that comes and goes with every client is told of once in a while. */
  #shortage(failure: SystemFailure | undefined, log: ErrorLog): void {
    const now = this.#runtime.now();
    if (failure !== undefined) {
      this.#shortSince = now;
      this.#isShortageTold = now - this.#shortageToldAt >= SHORTAGE_PERIOD;
      if (!this.#isShortageTold) return;
      this.#shortageToldAt = now;
      const text = `no descriptor is left ${describeFailure(failure)}: nobody is accepted until there are some again`;
      return log.write("crit", text);
    }
    const since = this.#shortSince ?? now;
    this.#shortSince = undefined;
    if (!this.#isShortageTold) return;
    log.write("notice", `there are descriptors again after ${Math.round((now - since) / 1000)}s, accepting`);
  }

  #most({ main: { workerConnections } }: Config): number {
    return Math.max(1, Math.min(workerConnections, this.#descriptors));
  }
}

/**
 * For logs, name look-ups, and the connections that are accepted only to be closed: as many as a full accept queue may
 * bring at once, where the limit allows it. A listener of Deno's that meets the limit once never accepts again.
 */
function spareDescriptors(limit: number): number {
  return Math.max(16, Math.min(512, Math.floor(limit / 4)));
}

/** nginx tells it for every connection: a flood of them is one of lines, and hides what else there is. */
const PERIOD: Millis = 1_000;

const SHORTAGE_PERIOD: Millis = 10_000;
