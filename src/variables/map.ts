/**
 * The table of a `map`: from a text to a value, exactly, by host names with `*`, by regular expressions.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { lowerAscii } from "./case.ts";
import type { Regex } from "./regex.ts";
import type { Captures } from "./table.ts";

/** What was found for a text. */
export interface Found<V> {
  readonly value: V;
  /** The expression that fitted, and what it caught, where it was one. */
  readonly regex?: Regex;
  readonly captures?: Captures;
}

/** Values by texts. Looking one up takes as long as the text has dots, and as there are regular expressions. */
export class MapTable<V> {
  /** Whether names may begin or end in `*`, and whether a dot at the end of a text does not count. */
  takesHostnames = false;
  default: V | undefined;
  readonly #exact = new Map<Octets, V>();
  /** Of `*.example.com` and `.example.com`, by what follows the first dot. */
  readonly #heads = new Map<Octets, V>();
  /** Of `www.example.*`, by what stands before the last dot. */
  readonly #tails = new Map<Octets, V>();
  readonly #regexes: { readonly regex: Regex; readonly value: V }[] = [];

  /** Adds a text, in any case; what is wrong with it if it cannot be added. */
  add(text: Octets, value: V): "invalid" | "conflict" | undefined {
    const key = lowerAscii(text);
    return this.takesHostnames ? this.#addName(key, value) : this.#put(this.#exact, key, value);
  }

  addRegex(regex: Regex, value: V): void {
    this.#regexes.push({ regex, value });
  }

  /** The value for a text, the default included. */
  find(text: Octets): Found<V> | undefined {
    const subject = this.takesHostnames && text.endsWith(".") ? text.slice(0, -1) : text;
    const value = this.#byText(lowerAscii(subject));
    if (value !== undefined) return { value };
    for (const { regex, value } of this.#regexes) {
      const captures = subject === "" ? undefined : regex.match(subject);
      if (captures !== undefined) return { value, regex, captures };
    }
    return this.default === undefined ? undefined : { value: this.default };
  }

  #byText(key: Octets): V | undefined {
    const exact = this.#exact.get(key);
    if (exact !== undefined || !this.takesHostnames) return exact;
    return this.#byHead(key) ?? this.#byTail(key);
  }

  /** The longest name with `*` at its beginning. */
  #byHead(key: Octets): V | undefined {
    if (this.#heads.size === 0) return undefined;
    for (let dot = key.indexOf("."); dot !== -1; dot = key.indexOf(".", dot + 1)) {
      const value = this.#heads.get(key.slice(dot + 1));
      if (value !== undefined) return value;
    }
    return undefined;
  }

  #byTail(key: Octets): V | undefined {
    if (this.#tails.size === 0) return undefined;
    for (let dot = key.lastIndexOf("."); dot > 0; dot = key.lastIndexOf(".", dot - 1)) {
      const value = this.#tails.get(key.slice(0, dot));
      if (value !== undefined) return value;
    }
    return undefined;
  }

  #addName(key: Octets, value: V): "invalid" | "conflict" | undefined {
    const stars = key.split("*").length - 1;
    if (stars > 1 || key.includes("..") || key.includes("\0")) return "invalid";
    if (key.length > 1 && key.startsWith(".")) {
      const name = key.slice(1);
      if (this.#exact.has(name) || this.#heads.has(name)) return "conflict";
      this.#exact.set(name, value);
      this.#heads.set(name, value);
      return undefined;
    }
    if (key.length > 2 && key.startsWith("*.")) return this.#put(this.#heads, key.slice(2), value);
    if (key.length > 2 && key.endsWith(".*")) return this.#put(this.#tails, key.slice(0, -2), value);
    return stars > 0 ? "invalid" : this.#put(this.#exact, key, value);
  }

  #put(entries: Map<Octets, V>, key: Octets, value: V): "conflict" | undefined {
    if (entries.has(key)) return "conflict";
    entries.set(key, value);
    return undefined;
  }
}
