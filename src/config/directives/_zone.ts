/** `zone=name:size`, as several of nginx's modules have it. */

import type { Octets } from "../../runtime.ts";
import type { Call } from "../call.ts";
import { parseSize } from "../values.ts";

/** Reads the word. Throws {@linkcode ConfigError} in nginx's words. */
export function readZone(call: Call, word: Octets): { readonly name: Octets; readonly size: number } {
  if (!word.startsWith(START)) throw call.error(`invalid parameter "${word}"`);
  const [name = "", ...sizes] = word.slice(START.length).split(":");
  const size = parseSize(sizes.join(":"));
  if (size === undefined) {
    throw call.error(`invalid zone size "${word}"`, "a zone has a name and a size: zone=name:10m");
  }
  if (name === "") throw call.error(`"${call.name}" must have "zone" parameter`);
  if (size < LEAST_SIZE) throw call.error(`zone "${name}" is too small`);
  return { name, size };
}

const START = "zone=";

/** Eight pages of memory, as nginx has it. */
const LEAST_SIZE = 8 * 4096;
