/**
 * nginx's numbers, sizes and times. Each reader returns `undefined` for what nginx refuses.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";

/** Digits and nothing else, up to 2^63 - 1; beyond 2^53 the value is not exact. */
export function parseNumber(text: Octets): number | undefined {
  const digits = digitsAt(text, 0);
  if (digits === "" || digits !== text) return undefined;
  const significant = digits.replace(/^0+/, "");
  const { length } = significant;
  const fits = length < LARGEST.length || (length === LARGEST.length && significant <= LARGEST);
  return fits ? Number(digits) : undefined;
}

/** Octets: digits, and `k` or `m` for 2^10 and 2^20 in either case. */
export function parseSize(text: Octets): number | undefined {
  return scaled(text, { k: 2 ** 10, m: 2 ** 20 });
}

/** A size that may also be in `g`, 2^30. */
export function parseBigSize(text: Octets): number | undefined {
  return scaled(text, { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 });
}

function scaled(text: Octets, units: Readonly<Record<string, number>>): number | undefined {
  const scale = units[text.slice(-1).toLowerCase()];
  const count = parseNumber(scale === undefined ? text : text.slice(0, -1));
  return count === undefined ? undefined : bounded(count * (scale ?? 1));
}

/** A time, in milliseconds. Years and months are refused: nginx has them for whole seconds only. */
export function parseMillis(text: Octets): number | undefined {
  return parseTime(text, { after: MONTH, smallest: MILLISECOND });
}

/** A time, in seconds. Milliseconds are refused. */
export function parseSeconds(text: Octets): number | undefined {
  const millis = parseTime(text, { after: -1, smallest: SECOND });
  return millis === undefined ? undefined : millis / 1000;
}

/**
 * Groups of digits and a unit, each unit smaller than the one before: `1h30m`, `1h 30m`, `1m500ms`. Digits at the end
 * without a unit are seconds, and so are digits before a blank, which only such a last group may follow. A unit without
 * digits is nothing of it: nginx accepts that once there is a digit anywhere.
 */
function parseTime(text: Octets, limits: { readonly after: number; readonly smallest: number }): number | undefined {
  let total = 0;
  let previous = limits.after;
  let hasDigits = false;
  for (let at = 0; at < text.length;) {
    const digits = digitsAt(text, at);
    hasDigits ||= digits !== "";
    at += digits.length;
    const sign = text.startsWith("ms", at) ? "ms" : text.charAt(at);
    const unit = UNITS[sign];
    if (unit === undefined) return undefined;
    if (sign !== "" && (unit.rank <= previous || unit.rank > limits.smallest)) return undefined;
    previous = sign === " " ? LAST : unit.rank;
    total += Number(digits) * unit.millis;
    at += sign.length;
    while (text.charAt(at) === " ") at++;
  }
  return hasDigits ? bounded(total) : undefined;
}

function digitsAt(text: Octets, from: number): Octets {
  let end = from;
  while (isDigit(text.charCodeAt(end))) end++;
  return text.slice(from, end);
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** What fits into nginx's signed 64 bits. */
function bounded(value: number): number | undefined {
  return value < 2 ** 63 ? value : undefined;
}

const LARGEST = "9223372036854775807";

const MONTH = 1;
const SECOND = 6;
const MILLISECOND = 7;
const LAST = 8;
const DAY = 24 * 60 * 60 * 1000;

const UNITS: Readonly<Record<string, { readonly rank: number; readonly millis: number }>> = {
  y: { rank: 0, millis: 365 * DAY },
  M: { rank: MONTH, millis: 30 * DAY },
  w: { rank: 2, millis: 7 * DAY },
  d: { rank: 3, millis: DAY },
  h: { rank: 4, millis: 60 * 60 * 1000 },
  m: { rank: 5, millis: 60 * 1000 },
  s: { rank: SECOND, millis: 1000 },
  ms: { rank: MILLISECOND, millis: 1 },
  " ": { rank: SECOND, millis: 1000 },
  "": { rank: LAST, millis: 1000 },
};
