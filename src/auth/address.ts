/**
 * Where a source of logins says that somebody's mail lives.
 *
 * @module
 */

import { parseIp } from "../config/ip.ts";
import type { Octets } from "../runtime.ts";

/**
 * The host that an answer names, ready for a connect: an IPv4 address, an IPv6 address with or without brackets, or
 * a host name of letters, digits, `-`, `.` and `_`. `undefined` for anything else.
 */
export function parseServer(text: Octets): string | undefined {
  if (text.length === 0 || text.length > MAX_NAME) return undefined;
  const isBracketed = text.startsWith("[") && text.endsWith("]");
  const bare = isBracketed ? text.slice(1, -1) : text;
  if (isBracketed && !bare.includes(":")) return undefined;
  return parseIp(bare) ?? (isHostName(bare) ? bare : undefined);
}

/**
 * The path that `unix:PATH` names, absolute and short enough for a socket (sun_path has 108 octets, its NUL included);
 * `undefined` for anything else.
 */
export function parsePath(text: Octets): Octets | undefined {
  const path = text.startsWith("unix:/") ? text.slice("unix:".length) : "";
  return path !== "" && path.length <= LONGEST_PATH ? path : undefined;
}

/** The port that an answer names, 1 to 65535 in decimal; `undefined` for anything else. */
export function parsePort(text: Octets): number | undefined {
  const port = decimal(text);
  return port !== undefined && port >= 1 && port <= 65535 ? port : undefined;
}

/** The value of a decimal number, or `undefined` for anything else and for what no number holds exactly. */
export function decimal(text: Octets): number | undefined {
  if (text.length === 0) return undefined;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return undefined;
    value = value * 10 + (code - 0x30);
  }
  return Number.isSafeInteger(value) ? value : undefined;
}

/**
 * A name that is looked up as one. The C library takes `127.1` and `0x7f.1` for addresses, so a last label that is a
 * number makes no name.
 */
function isHostName(text: Octets): boolean {
  const name = text.endsWith(".") ? text.slice(0, -1) : text;
  const labels = name.split(".");
  const last = labels[labels.length - 1] ?? "";
  return labels.every(isLabel) && decimal(last) === undefined && !last.toLowerCase().startsWith("0x");
}

function isLabel(label: Octets): boolean {
  if (label.length === 0 || label.length > MAX_LABEL) return false;
  for (let i = 0; i < label.length; i++) if (!LABEL.includes(label.charAt(i))) return false;
  return true;
}

/** RFC 1035, 2.3.4, without the length octets at both ends. */
const MAX_NAME = 253;
const MAX_LABEL = 63;
const LABEL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const LONGEST_PATH = 107;
