import type { LogLevel } from "../config/types.ts";
import type { Millis, Octets, Runtime } from "../runtime.ts";

/** `2026/03/01 07:05:09`, in local time, as nginx writes it. It remembers the last second: a busy log asks often. */
export class TimeStamp {
  readonly #clock: Pick<Runtime, "date" | "utcOffset">;
  #second = -1;
  #text = "";

  constructor(clock: Pick<Runtime, "date" | "utcOffset">) {
    this.#clock = clock;
  }

  now(): string {
    const date = this.#clock.date();
    const second = Math.floor(date / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = formatDate(date, this.#clock.utcOffset(date));
    }
    return this.#text;
  }
}

/** What stands in one line of the error log. */
export interface LogEntry {
  readonly level: LogLevel;
  readonly pid: number;
  /** The number behind `*`; `undefined` for what belongs to no connection. */
  readonly connection: number | undefined;
  readonly text: Octets;
}

/** The line with its newline: at most `LONGEST_LINE` octets, and no octet in it that could end or forge a line. */
export function formatLine(time: string, entry: LogEntry): Octets {
  const connection = entry.connection === undefined ? "" : `*${entry.connection} `;
  const line = `${time} [${entry.level}] ${entry.pid}#0: ${connection}${printable(entry.text)}`;
  return `${line.length < LONGEST_LINE ? line : line.slice(0, LONGEST_LINE - 1)}\n`;
}

/** The text with control characters as `\xHH`. */
export function printable(text: Octets): Octets {
  let clean = "";
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const octet = text.charCodeAt(i);
    if (octet >= 0x20 && octet !== 0x7f) continue;
    clean += `${text.slice(start, i)}\\x${octet.toString(16).toUpperCase().padStart(2, "0")}`;
    start = i + 1;
  }
  return start === 0 ? text : clean + text.slice(start);
}

function formatDate(date: Millis, utcOffset: number): string {
  const iso = new Date(date + utcOffset * 60_000).toISOString();
  return `${iso.slice(0, 10).replaceAll("-", "/")} ${iso.slice(11, 19)}`;
}

/** nginx's NGX_MAX_ERROR_STR, newline included. */
const LONGEST_LINE = 2048;
