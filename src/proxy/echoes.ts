import type { ErrorLog } from "../log/error_log.ts";
import type { Millis, Octets, Runtime } from "../runtime.ts";

/** Has said once what several server blocks, which share a file, have to say at the same time. */
export class Echoes {
  readonly #clock: Pick<Runtime, "now">;
  readonly #said = new WeakMap<Pick<ErrorLog, "write">, Map<Octets, Millis>>();

  constructor(clock: Pick<Runtime, "now">) {
    this.#clock = clock;
  }

  /** Writes to a log what was not written there just before. */
  noteTo(log: Pick<ErrorLog, "write">): (level: "error" | "warn" | "notice", text: Octets) => void {
    return (level, text) => {
      const now = this.#clock.now();
      const said = this.#said.get(log) ?? new Map<Octets, Millis>();
      this.#said.set(log, said);
      for (const [old, at] of said) if (now - at > SPAN) said.delete(old);
      if (said.has(text)) return;
      said.set(text, now);
      log.write(level, text);
    };
  }
}

/** Server blocks look at their files within a moment of each other. */
const SPAN: Millis = 5_000;
