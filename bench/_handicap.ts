/**
 * Preloaded into a proxy whose cost is to be raised by a known amount: each connection it accepts burns so many
 * microseconds more (`BENCH_HANDICAP`). Postern asks for the peer's address once for each.
 */

import process from "node:process";

const burnt = Number(process.env["BENCH_HANDICAP"] ?? 0) / 1000;
const { binding } = process as unknown as { binding(name: "tcp_wrap"): { readonly TCP: { prototype: Handle } } };
const { prototype } = binding.call(process, "tcp_wrap").TCP;
const { getpeername } = prototype;

interface Handle {
  getpeername(into: object): number;
}

prototype.getpeername = function (this: Handle, into: object): number {
  const until = performance.now() + burnt;
  while (performance.now() < until);
  return getpeername.call(this, into);
};
