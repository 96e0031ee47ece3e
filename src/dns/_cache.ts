import type { Millis } from "../runtime.ts";

/** Values that hold for a while. When it is full, what was not asked for the longest goes first. */
export class Cache<Value> {
  readonly #limit: number;
  readonly #entries = new Map<string, { readonly value: Value; readonly expires: Millis }>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The value, and how long it holds yet; `undefined` once that is over. */
  get(key: string, now: Millis): { readonly value: Value; readonly left: Millis } | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.expires <= now) return undefined;
    // A map keeps the order in which keys came: this one is the youngest again.
    this.#entries.set(key, entry);
    return { value: entry.value, left: entry.expires - now };
  }

  set(key: string, value: Value, expires: Millis): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, expires });
    if (this.#entries.size <= this.#limit) return;
    const oldest = this.#entries.keys().next();
    if (!oldest.done) this.#entries.delete(oldest.value);
  }
}
