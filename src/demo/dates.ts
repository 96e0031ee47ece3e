/**
 * Dates as mail writes them. All of them are told in UTC, which spares the demo a time zone.
 *
 * @module
 */

import type { Millis, Octets } from "../runtime.ts";

/** `Mon, 03 Mar 2025 09:12:00 +0000`, as a header field has it (RFC 5322, 3.3). */
export function mailDate(date: Millis): Octets {
  const { weekday, day, month, year, time } = parts(date);
  return `${weekday}, ${day} ${month} ${year} ${time} +0000`;
}

/** `03-Mar-2025 09:12:00 +0000`, as IMAP's INTERNALDATE has it (RFC 3501, 9: date-time). */
export function internalDate(date: Millis): Octets {
  const { day, month, year, time } = parts(date);
  return `${day}-${month}-${year} ${time} +0000`;
}

/** Reads what {@linkcode internalDate} writes, in any zone; the day may have a blank for its first digit. */
export function parseInternalDate(text: Octets): Millis | undefined {
  const [date = "", time = "", zone = ""] = text.trim().split(" ");
  const day = parseDay(date);
  const [hours, minutes, seconds] = time.split(":").map(Number);
  const offset = parseZone(zone);
  if (day === undefined || hours === undefined || minutes === undefined || seconds === undefined) return undefined;
  const millis = day * DAY + ((hours * 60 + minutes) * 60 + seconds) * 1000;
  return offset === undefined || Number.isNaN(millis) ? undefined : millis - offset * 60_000;
}

/** The number of the day since 1970 that `3-Mar-2025` names, as SEARCH has it (RFC 3501, 9: date). */
export function parseDay(text: Octets): number | undefined {
  const [day, month, year] = text.split("-");
  return dayNumber(day, month, year);
}

/** The day since 1970 that a `Date` header field names, without regard to time and zone (RFC 3501, 6.4.4: SENTON). */
export function mailDay(field: Octets): number | undefined {
  const words = field.slice(0, 64).split(" ").filter((word) => word !== "");
  if (words[0]?.endsWith(",")) words.shift();
  return dayNumber(words[0], words[1], words[2]);
}

/** The day since 1970 of a moment. */
export function dayOf(date: Millis): number {
  return Math.floor(date / DAY);
}

function parts(date: Millis): { weekday: Octets; day: Octets; month: Octets; year: number; time: Octets } {
  const at = new Date(date);
  return {
    weekday: WEEKDAYS[at.getUTCDay()] ?? "",
    day: String(at.getUTCDate()).padStart(2, "0"),
    month: MONTHS[at.getUTCMonth()] ?? "",
    year: at.getUTCFullYear(),
    time: at.toISOString().slice(11, 19),
  };
}

function dayNumber(day = "", month = "", year = ""): number | undefined {
  const at = MONTHS.findIndex((name) => name.toLowerCase() === month.toLowerCase());
  const number = Date.UTC(Number(year), at, Number(day)) / DAY;
  return at < 0 || day === "" || year.length !== 4 || Number.isNaN(number) ? undefined : number;
}

/** Minutes east of UTC, from `+0130`. */
function parseZone(zone: Octets): number | undefined {
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3));
  if (zone.length !== 5 || Number.isNaN(minutes)) return undefined;
  return zone.startsWith("-") ? -minutes : minutes;
}

const DAY = 86_400_000;
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
