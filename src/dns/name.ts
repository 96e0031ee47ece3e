/**
 * Domain names. As text a name is an octet string of labels with dots between and none at the end; the root is empty.
 * Letters are in lower case. A dot, a quotation mark or a backslash inside a label has a backslash before it, and what
 * is not printable ASCII stands as `\DDD` (RFC 1035, 5.1): so a name from the wire can neither pass for another one nor
 * break a line that it is printed in.
 *
 * @module
 */

import { parseIpv4, parseIpv6 } from "../config/ip.ts";
import type { Octets } from "../runtime.ts";

/** Octets of a label, at most (RFC 1035, 2.3.4). */
export const MAX_LABEL = 63;

/** Octets of a name on the wire, at most, its length octets and the root's included (RFC 1035, 2.3.4). */
export const MAX_NAME = 255;

/** A name that was read, and where the octets behind it begin. */
export interface ReadName {
  readonly name: Octets;
  readonly end: number;
}

/** The name as it is sent (RFC 1035, 3.1). One dot at its end means nothing; `undefined` for what is no name. */
export function encodeName(text: Octets): Uint8Array | undefined {
  const wire = new Uint8Array(MAX_NAME);
  let label = 0;
  let at = 1;
  for (let i = 0; i < text.length; i++) {
    if (at >= MAX_NAME) return undefined;
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (!closeLabel(wire, label, at)) return undefined;
      label = at++;
    } else if (code === BACKSLASH) {
      const escaped = unescape(text, i + 1);
      if (escaped === undefined) return undefined;
      wire[at++] = escaped.octet;
      i = escaped.last;
    } else {
      wire[at++] = code;
    }
  }
  // The length octet that waits for a label behind the last dot is the root's.
  const isEnded = at === label + 1;
  if (!isEnded && !closeLabel(wire, label, at)) return undefined;
  const length = isEnded ? at : at + 1;
  return length > MAX_NAME ? undefined : wire.slice(0, length);
}

/**
 * Reads the name at `start` of a message (RFC 1035, 4.1.4). `undefined` when it leaves the message, is too long, or has
 * a pointer that does not point back: each must point before the part that it ends, so that no chain of them has a
 * loop.
 */
export function readName(message: Uint8Array, start: number): ReadName | undefined {
  let name = "";
  let octets = 1;
  let part = start;
  let at = start;
  let end = -1;
  let jumps = 0;
  for (;;) {
    const length = message[at];
    if (length === undefined) return undefined;
    if (length === 0) return { name, end: end < 0 ? at + 1 : end };
    if (length >= POINTER) {
      const low = message[at + 1];
      if (low === undefined) return undefined;
      if (end < 0) end = at + 2;
      at = (length - POINTER) * 256 + low;
      if (at >= part || at < FIRST_NAME || ++jumps > MAX_JUMPS) return undefined;
      part = at;
    } else {
      octets += length + 1;
      const next = at + 1 + length;
      if (length > MAX_LABEL || octets > MAX_NAME || next > message.length) return undefined;
      name += (name === "" ? "" : ".") + labelText(message, at + 1, next);
      at = next;
    }
  }
}

/** The name in the form that all names here have; `undefined` for what is none. */
export function normalizeName(text: Octets): Octets | undefined {
  const wire = encodeName(text);
  return wire === undefined ? undefined : readName(wire, 0)?.name;
}

/** The name that an address has in the DNS (RFC 1035, 3.5; RFC 3596, 2.5); `undefined` for what is no address. */
export function reverseName(address: string): Octets | undefined {
  if (!address.includes(":")) {
    const octets = parseIpv4(address);
    return octets === undefined ? undefined : `${[...octets].reverse().join(".")}.in-addr.arpa`;
  }
  const words = parseIpv6(address);
  if (words === undefined) return undefined;
  const nibbles = words.map((word) => word.toString(16).padStart(4, "0")).join("");
  return `${[...nibbles].reverse().join(".")}.ip6.arpa`;
}

/** Writes the length of the label whose octets end before `end`; `false` when no label has that length. */
function closeLabel(wire: Uint8Array, label: number, end: number): boolean {
  const length = end - label - 1;
  wire[label] = length;
  return length >= 1 && length <= MAX_LABEL;
}

/** What stands behind a backslash: three digits for any octet, else the octet itself. */
function unescape(text: Octets, at: number): { readonly octet: number; readonly last: number } | undefined {
  if (at >= text.length) return undefined;
  const code = text.charCodeAt(at);
  if (!isDigit(code)) return { octet: code, last: at };
  const digits = text.slice(at, at + 3);
  if (digits.length < 3 || !isDigit(digits.charCodeAt(1)) || !isDigit(digits.charCodeAt(2))) return undefined;
  const octet = Number(digits);
  return octet > 255 ? undefined : { octet, last: at + 2 };
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function labelText(message: Uint8Array, start: number, end: number): Octets {
  let text = "";
  for (let i = start; i < end; i++) {
    const octet = message[i] ?? 0;
    if (octet >= 0x41 && octet <= 0x5a) text += String.fromCharCode(octet + 0x20);
    else if (octet <= 0x20 || octet >= 0x7f) text += `\\${octet.toString().padStart(3, "0")}`;
    else if (octet === DOT || octet === BACKSLASH || octet === QUOTE) text += `\\${String.fromCharCode(octet)}`;
    else text += String.fromCharCode(octet);
  }
  return text;
}

const DOT = 0x2e;
const BACKSLASH = 0x5c;
const QUOTE = 0x22;
/** From here on a length octet is the first of a pointer. */
const POINTER = 0xc0;
/** Before it stands the header, where no name can be. */
const FIRST_NAME = 12;
/** No honest name needs more: it has at most 127 labels. */
const MAX_JUMPS = 127;
