/**
 * Lines for a syslog server (RFC 3164), as nginx writes them.
 *
 * @module
 */

import type { LogLevel, SyslogConfig } from "../config/types.ts";
import type { DatagramSocket, DatagramTarget, Millis, Octets, Runtime, SystemFailure } from "../runtime.ts";
import { describeFailure } from "../runtime.ts";
import { encode } from "../session/bytes.ts";
import type { LogNote } from "./line_buffer.ts";

/**
 * Sends lines to one syslog server. A line that cannot be sent is lost, for a log must not hold up mail; who hears of that may
 * log it here, too.
 */
export class SyslogSender {
  readonly #config: SyslogConfig;
  readonly #target: DatagramTarget;
  readonly #runtime: SyslogRuntime;
  readonly #note: LogNote;
  #socket: DatagramSocket | undefined;
  #isClosed = false;
  /** When it was told last that lines are lost. */
  #told: Millis = -Infinity;

  constructor(
    config: SyslogConfig,
    hosts: ReadonlyMap<string, string>,
    { runtime, note }: { readonly runtime: SyslogRuntime; readonly note: LogNote },
  ) {
    this.#config = config;
    this.#note = note;
    const { server } = config;
    this.#target = "path" in server ? server : { host: hosts.get(server.host) ?? server.host, port: server.port };
    this.#runtime = runtime;
  }

  /** Sends a whole line of the log, newline included. */
  send(line: Octets, level: LogLevel): void {
    if (this.#isClosed) return;
    const { facility, tag, hasHostname } = this.#config;
    const date = this.#runtime.date();
    const hostname = hasHostname ? this.#runtime.process.hostname.toLowerCase() : undefined;
    const text = syslogDatagram(
      { facility, tag, hostname },
      { level, text: line.slice(0, -1) },
      { date, utcOffset: this.#runtime.utcOffset(date) },
    );
    this.#socket ??= this.#runtime.datagram(this.#target, {
      received() {},
      failed: (failure) => {
        // The next line has another socket.
        this.#socket = undefined;
        this.#tell(failure);
      },
      lost: (failure) => this.#tell(failure),
    });
    this.#socket.send(encode(text));
  }

  #tell(failure: SystemFailure): void {
    const now = this.#runtime.date();
    // A clock may be set back.
    if (now >= this.#told && now - this.#told < SILENCE) return;
    this.#told = now;
    this.#note(
      "alert",
      `send() to syslog server "${this.#config.text}" failed ${describeFailure(failure)}, lines are lost`,
    );
  }

  /** Sends no more. Resolves when all lines have left. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const socket = this.#socket;
    this.#socket = undefined;
    await socket?.end();
  }
}

/** What a sender needs of a runtime. */
type SyslogRuntime = Pick<Runtime, "date" | "utcOffset" | "datagram" | "process">;

/** What the parameters of `error_log syslog:…` say. */
export interface SyslogStyle {
  /** The facility's number, 23 for `local7`. */
  readonly facility: number;
  readonly tag: Octets;
  /** `undefined` with `nohostname`. */
  readonly hostname: Octets | undefined;
}

/** One datagram: `<PRI>Mon DD HH:MM:SS HOST TAG: LINE`. `line` is the whole line of the log, without its newline. */
export function syslogDatagram(
  style: SyslogStyle,
  line: { readonly level: LogLevel; readonly text: Octets },
  time: { readonly date: Millis; readonly utcOffset: number },
): Octets {
  const priority = style.facility * 8 + SEVERITIES[line.level];
  const host = style.hostname === undefined ? "" : `${style.hostname} `;
  return `<${priority}>${timeStamp(time.date, time.utcOffset)} ${host}${style.tag}: ${line.text}`;
}

/** RFC 3164, 4.1.2: the day of the month has a blank where it has one digit. */
function timeStamp(date: Millis, utcOffset: number): string {
  const local = new Date(date + utcOffset * 60_000);
  const day = String(local.getUTCDate()).padStart(2, " ");
  return `${MONTHS[local.getUTCMonth()] ?? ""} ${day} ${local.toISOString().slice(11, 19)}`;
}

/** How long nothing is said of lines that are lost: that they arrive again nobody tells. */
const SILENCE: Millis = 60_000;

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** How important each level is: the smaller, the more (RFC 3164, 4.1.1). */
export const SEVERITIES: Readonly<Record<LogLevel, number>> = {
  emerg: 0,
  alert: 1,
  crit: 2,
  error: 3,
  warn: 4,
  notice: 5,
  info: 6,
  debug: 7,
};
