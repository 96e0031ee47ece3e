/**
 * The load of the benchmark, a program of its own under Bun: clients, and on a second thread the servers that they are
 * let in to. It says first what it has started; then it takes one order per line of its standard input, in JSON, and
 * gives one answer per line of its standard output.
 */

import { createInterface } from "node:readline";
import { once } from "node:events";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { bulk, commands, hold, sessions, type Target } from "./clients.ts";

/** What can be asked for. */
export type Order =
  | { readonly do: "sessions"; readonly target: Target; readonly count: number; readonly atOnce: number }
  | { readonly do: "commands"; readonly target: Target; readonly count: number; readonly streams: number }
  | {
    readonly do: "bulk";
    readonly target: Target;
    readonly way: "down" | "up";
    readonly octets: number;
    readonly streams: number;
  }
  | { readonly do: "hold"; readonly target: Target; readonly count: number }
  | { readonly do: "release" };

let release: () => void = () => {};

async function perform(order: Order): Promise<unknown> {
  switch (order.do) {
    case "sessions":
      return await sessions(order.target, order.count, order.atOnce);
    case "commands":
      return await commands(order.target, order.count, order.streams);
    case "bulk":
      return await bulk(order.target, order.way, order.octets, order.streams);
    case "hold":
      release = await hold(order.target, order.count);
      return;
    case "release":
      return release();
  }
}

const [servers] = await once(new Worker(new URL("./servers.ts", import.meta.url)), "message");
console.log(JSON.stringify(servers));
for await (const line of createInterface({ input: process.stdin })) {
  const started = performance.now();
  try {
    const result = await perform(JSON.parse(line) as Order);
    console.log(JSON.stringify({ result: result ?? null, took: performance.now() - started }));
  } catch (error) {
    console.log(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
  }
}
