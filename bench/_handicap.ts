/**
 * Preloaded into a proxy on Node whose cost is to be raised by a known amount: each client that it accepts burns so many
 * microseconds more (`BENCH_HANDICAP`).
 */

import process from "node:process";

interface Foreign {
  dlopen(path: string | null, functions: object): { readonly functions: Record<string, Call> };
}

type Call = (...args: readonly unknown[]) => number;

const burnt = Number(process.env["BENCH_HANDICAP"] ?? 0) / 1000;
const foreign = process.getBuiltinModule("node:ffi") as unknown as Foreign;
const { dlopen } = foreign;

foreign.dlopen = (path, signatures) => {
  const library = dlopen(path, signatures);
  const { accept4 } = library.functions;
  if (accept4 === undefined) return library;
  return { ...library, functions: { ...library.functions, accept4: slowed(accept4) } };
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
