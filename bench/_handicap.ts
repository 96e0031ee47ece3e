/**
 * Preloaded into a proxy on Node whose cost is to be raised by a known amount: each client that it accepts burns so many
 * microseconds more (`BENCH_HANDICAP`).
 */

import process from "node:process";
import { nodeForeign } from "../adapters/_kernel.ts";

type Call = (...args: readonly unknown[]) => number;

const burnt = Number(process.env["BENCH_HANDICAP"] ?? 0) / 1000;
const foreign = nodeForeign();
const { dlopen } = foreign;

foreign.dlopen = (path, signatures) => {
  const library = dlopen(path, signatures);
  const { accept4 } = library.functions;
  if (accept4 === undefined) return library;
  return { ...library, functions: { ...library.functions, accept4: slowed(accept4 as Call) } };
};

function slowed(accept4: Call): Call {
  return (...args) => {
    const socket = accept4(...args);
    if (socket >= 0) {
      const until = performance.now() + burnt;
      while (performance.now() < until);
    }
    return socket;
  };
}
