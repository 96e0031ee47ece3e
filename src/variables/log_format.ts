/**
 * Lines of an access log: texts with variables in them, whose values are made harmless for whoever reads the log.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import type { Facts } from "./facts.ts";
import type { Part } from "./table.ts";

/** How the values of variables are written: `escape=` of `log_format`. */
export type Escaping = "default" | "json" | "none";

/** One line, its newline left out. */
export type LineWriter = (facts: Facts) => Octets;

/** Puts a line together. What is no variable is written as it is. */
export function lineWriter(parts: readonly Part[], escaping: Escaping): LineWriter {
  const write = WRITERS[escaping];
  return (facts) => {
    let line = "";
    for (const part of parts) line += typeof part === "string" ? part : write(part.value(facts));
    return line;
  };
}

/** As nginx's `escape=default`: `\xHH` for what could end a quoted text, a line, or the patience of a terminal. */
export function escapeDefault(value: Octets): Octets {
  return escaped(value, (code) => {
    if (code >= 0x20 && code < 0x7f && code !== QUOTE && code !== BACKSLASH) return undefined;
    return `\\x${hex(code)}`;
  });
}

/** As nginx's `escape=json`, for between double quotes. Octets above 0x7f stay: what was UTF-8 still is. */
export function escapeJson(value: Octets): Octets {
  return escaped(value, (code) => {
    if (code === QUOTE || code === BACKSLASH) return `\\${String.fromCharCode(code)}`;
    return code >= 0x20 ? undefined : SHORT[code] ?? `\\u00${hex(code)}`;
  });
}

function escaped(value: Octets, replacement: (code: number) => Octets | undefined): Octets {
  let text = "";
  let start = 0;
  for (let at = 0; at < value.length; at++) {
    const other = replacement(value.charCodeAt(at));
    if (other === undefined) continue;
    text += value.slice(start, at) + other;
    start = at + 1;
  }
  return start === 0 ? value : text + value.slice(start);
}

function hex(code: number): string {
  return code.toString(16).toUpperCase().padStart(2, "0");
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const SHORT: Readonly<Record<number, Octets>> = { 8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r" };

/** nginx writes a variable that has no value as `-`, in the default escaping alone. */
const WRITERS: Readonly<Record<Escaping, (value: Octets | undefined) => Octets>> = {
  default: (value) => value === undefined ? "-" : escapeDefault(value),
  json: (value) => value === undefined ? "" : escapeJson(value),
  none: (value) => value ?? "",
};
