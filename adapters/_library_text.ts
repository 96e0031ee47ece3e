/** What runtimes and their TLS libraries throw, in words. */

import type { Octets } from "../src/runtime.ts";

/** The library's text, without the thread in front and the source line behind it that Node adds. */
export function libraryText(error: unknown): Octets {
  const text = errorText(error);
  const parts = /error:([0-9A-F]{8}):([^:]*):[^:]*:([^:]*)/i.exec(text);
  if (parts === null) return firstLine(text);
  return `error:${parts[1]?.toUpperCase()}:${parts[2]}::${parts[3]?.toLowerCase().replaceAll("_", " ")}`;
}

/** The words of whatever was thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function firstLine(text: string): Octets {
  const line = text.split("\n", 1)[0] ?? "";
  return line.replace(/[^\x20-\xff]/g, "?");
}
