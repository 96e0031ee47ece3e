import type { Octets } from "../runtime.ts";

/**
 * What belongs to a name, as `server_name` has names: exact, `*.example.com` for all names below, `.example.com` for
 * both. The longest match counts. However many names are asked for, nothing is kept of them.
 */
export class ServerNames<Value> {
  readonly #exact = new Map<Octets, Value>();
  readonly #below = new Map<Octets, Value>();

  /** Adds a name; the first to have one keeps it. */
  add(name: Octets, value: Value): void {
    const lower = name.toLowerCase();
    if (lower.startsWith("*.")) addFirst(this.#below, lower.slice(2), value);
    else if (lower.startsWith(".")) {
      addFirst(this.#exact, lower.slice(1), value);
      addFirst(this.#below, lower.slice(1), value);
    } else addFirst(this.#exact, lower, value);
  }

  find(name: Octets): Value | undefined {
    const lower = name.toLowerCase();
    const exact = this.#exact.get(lower);
    if (exact !== undefined || this.#below.size === 0) return exact;
    for (let dot = lower.indexOf("."); dot >= 0; dot = lower.indexOf(".", dot + 1)) {
      const value = this.#below.get(lower.slice(dot + 1));
      if (value !== undefined) return value;
    }
    return undefined;
  }
}

function addFirst<Value>(map: Map<Octets, Value>, name: Octets, value: Value): void {
  if (!map.has(name)) map.set(name, value);
}
