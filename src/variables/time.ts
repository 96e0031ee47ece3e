/**
 * The time as logs have it.
 *
 * @module
 */

import type { Millis, Octets } from "../runtime.ts";
import type { Host } from "./facts.ts";

/** `2026-03-01T07:05:09+01:00`, in local time: now, unless another time is given. */
export function isoTime(clock: Clock, date = clock.date()): Octets {
  const { text, offset } = local(clock, date);
  return `${text.slice(0, 19)}${zone(offset, ":")}`;
}

/** `01/Mar/2026:07:05:09 +0100`, in local time. */
export function localTime(clock: Clock): Octets {
  const { text, offset } = local(clock, clock.date());
  const month = MONTHS[Number(text.slice(5, 7)) - 1] ?? "";
  return `${text.slice(8, 10)}/${month}/${text.slice(0, 4)}:${text.slice(11, 19)} ${zone(offset, "")}`;
}

type Clock = Pick<Host, "date" | "utcOffset">;

function local(clock: Clock, date: Millis): { readonly text: string; readonly offset: number } {
  const offset = clock.utcOffset(date);
  return { text: new Date(date + offset * 60_000).toISOString(), offset };
}

function zone(minutes: number, separator: string): string {
  const size = Math.abs(minutes);
  const [hours, rest] = [Math.floor(size / 60), size % 60].map((part) => String(part).padStart(2, "0"));
  return `${minutes < 0 ? "-" : "+"}${hours}${separator}${rest}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
