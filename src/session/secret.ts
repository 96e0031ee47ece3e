import type { Octets } from "../runtime.ts";

/** A password, a token or another thing that must never be printed: it shows itself as `[redacted]` everywhere. */
export class Secret {
  readonly #octets: Octets;

  constructor(octets: Octets) {
    this.#octets = octets;
  }

  /** The octets themselves. Call it only where they go to a server that needs them. */
  reveal(): Octets {
    return this.#octets;
  }

  /** How many octets it has. */
  get length(): number {
    return this.#octets.length;
  }

  toString(): string {
    return "[redacted]";
  }

  toJSON(): string {
    return "[redacted]";
  }

  /** What Node, Deno and Bun print when an object that holds this one is inspected. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[redacted]";
  }

  [Symbol.for("Deno.customInspect")](): string {
    return "[redacted]";
  }
}
