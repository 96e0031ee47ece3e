/** What TLS libraries say, in one form. */

import type { Octets } from "../src/runtime.ts";

/** The library's text, without the thread in front and the source line behind it that Node adds. */
export function libraryText(error: unknown): Octets {
  const text = error instanceof Error ? error.message : String(error);
  const parts = /error:([0-9A-F]{8}):([^:]*):[^:]*:([^:]*)/i.exec(text);
  if (parts === null) return firstLine(text);
  return `error:${parts[1]?.toUpperCase()}:${parts[2]}::${parts[3]?.toLowerCase().replaceAll("_", " ")}`;
}

function firstLine(text: string): Octets {
  const line = text.split("\n", 1)[0] ?? "";
  return line.replace(/[^\x20-\xff]/g, "?");
}
