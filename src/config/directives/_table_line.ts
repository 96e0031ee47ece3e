/** A line of a block that is a table: `map`, `geo` and `split_clients`. */

import type { Call } from "../call.ts";

/** Throws {@linkcode ConfigError} for a line with too few words or too many; `block` is what nginx calls the table. */
export function checkPair(call: Call, block: "map" | "geo" | "split_clients"): void {
  if (call.args.length === 1) return;
  throw call.error(`invalid number of the ${block} parameters`, 'a line is two words and a ";"');
}
