/**
 * The load of the benchmark, a program of its own under Bun: one order per line of its standard input, in JSON, and one
 * answer per line of its standard output.
 */

import { createInterface } from "node:readline";
import process from "node:process";
import { bulk, commands, hold, sessions, type Target } from "./clients.ts";
import { startServers } from "./servers.ts";

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

console.log(JSON.stringify(startServers()));
for await (const line of createInterface({ input: process.stdin })) {
  const started = performance.now();
  try {
    const result = await perform(JSON.parse(line) as Order);
    console.log(JSON.stringify({ result: result ?? null, took: performance.now() - started }));
  } catch (error) {
    console.log(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
  }
}
