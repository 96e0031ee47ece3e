/** The `$name` of a variable that a block makes. */

import type { Octets } from "../../runtime.ts";
import type { Call } from "../call.ts";

/** The name without its `$`. Throws {@linkcode ConfigError}. */
export function variableName(call: Call, text: Octets): Octets {
  if (text.startsWith("$")) return text.slice(1);
  throw call.error(`invalid variable name "${text}"`);
}
