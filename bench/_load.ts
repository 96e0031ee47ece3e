/** The load program, seen from the side that gives the orders. */

import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Order } from "./load/main.ts";
import type { Servers } from "./load/servers.ts";

/** Clients, and the servers that they are let in to. */
export interface Load {
  readonly pid: number;
  readonly servers: Servers;
  /** Gives the result, and the milliseconds it took. */
  perform(order: Order): Promise<{ readonly result: unknown; readonly took: number }>;
  stop(): void;
}

/** Starts the load on a core, in the form of taskset. */
export async function startLoad(root: string, cpu: string): Promise<Load> {
  const child = spawn("taskset", ["-c", cpu, join(root, "node_modules/.bin/bun"), join(root, "bench/load/main.ts")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error("the load has ended");
    return JSON.parse(value);
  };
  const servers = await next() as Servers;
  return {
    pid: child.pid ?? 0,
    servers,
    perform: async (order) => {
      child.stdin.write(`${JSON.stringify(order)}\n`);
      const answer = await next();
      if ("error" in answer) throw new Error(answer.error);
      return answer;
    },
    stop: () => child.kill("SIGKILL"),
  };
}
