import type { AccessLogConfig } from "../config/types.ts";
import type { Octets } from "../runtime.ts";
import type { Facts } from "../variables/mod.ts";

/** One `access_log` line, and what takes its lines. */
export interface AccessOutput extends Pick<AccessLogConfig, "write" | "condition"> {
  /** Takes a whole line, newline included. */
  readonly take: (line: Octets) => void;
}

/** The access log of one server block. Where there is none, nothing is worked out. */
export class AccessLog {
  readonly #outputs: readonly AccessOutput[];

  constructor(outputs: readonly AccessOutput[]) {
    this.#outputs = outputs;
  }

  /** Writes what has just happened to a connection: `facts.event` says what that is. */
  write(facts: Facts): void {
    for (const { condition, write, take } of this.#outputs) {
      if (condition === undefined || isTrue(condition(facts))) take(`${write(facts)}\n`);
    }
  }
}

/** As nginx's `if=`. */
function isTrue(value: Octets): boolean {
  return value !== "" && value !== "0";
}
