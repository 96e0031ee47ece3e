/**
 * Preloaded into a proxy whose cost is to be raised by a known amount: each connection it accepts burns so many
 * microseconds more (`BENCH_HANDICAP`).
 */

import { Server } from "node:net";
import process from "node:process";

const burnt = Number(process.env["BENCH_HANDICAP"] ?? 0) / 1000;
const { emit } = Server.prototype;

Server.prototype.emit = function (this: Server, event: string | symbol, ...args: unknown[]): boolean {
  const until = event === "connection" ? performance.now() + burnt : 0;
  while (performance.now() < until);
  return Reflect.apply(emit, this, [event, ...args]);
};
