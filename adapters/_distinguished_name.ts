/**
 * Distinguished names as RFC 2253 writes them, octet for octet like OpenSSL's `XN_FLAG_RFC2253`, which is what nginx
 * sends to auth servers. The runtimes print names each in their own order and with their own escapes.
 */

import type { Octets } from "../src/runtime.ts";
import { childrenOf, type DerValue, hexOf, objectIdentifier, textOf } from "./_der.ts";

/** The text of a `Name`. */
export function distinguishedName(name: DerValue | undefined): Octets {
  const parts = childrenOf(name).map((set) => childrenOf(set).map(attribute).reverse().join("+"));
  return parts.reverse().join(",");
}

function attribute(pair: DerValue): Octets {
  const [type, value] = childrenOf(pair);
  const oid = objectIdentifier(type);
  const name = SHORT_NAMES.get(oid);
  if (value === undefined) return `${name ?? oid}=`;
  const octets = name === undefined ? undefined : toUtf8(value);
  return `${name ?? oid}=${octets === undefined ? `#${hexOf(value.whole).toUpperCase()}` : escape(octets)}`;
}

/** The octets in UTF-8; `undefined` for what is no string. */
function toUtf8({ tag, content }: DerValue): Octets | undefined {
  if (tag === UTF8_STRING) return textOf(content);
  const width = WIDTHS.get(tag);
  if (width === undefined || content.length % width !== 0) return undefined;
  let text = "";
  for (let at = 0; at < content.length; at += width) {
    const code = content.subarray(at, at + width).reduce((sum, octet) => sum * 256 + octet, 0);
    text += code > 0x10ffff ? "\ufffd" : String.fromCodePoint(code);
  }
  return textOf(new TextEncoder().encode(text));
}

/** RFC 2253, 2.4, and everything that is not printable ASCII as `\XX`. */
function escape(octets: Octets): Octets {
  let text = "";
  for (let i = 0; i < octets.length; i++) {
    const octet = octets.charAt(i);
    const code = octets.charCodeAt(i);
    const isEdge = octet === " " && (i === 0 || i === octets.length - 1) || octet === "#" && i === 0;
    if (code < 0x20 || code > 0x7e) text += `\\${code.toString(16).toUpperCase().padStart(2, "0")}`;
    else text += isEdge || SPECIAL.has(octet) ? `\\${octet}` : octet;
  }
  return text;
}

const SPECIAL: ReadonlySet<string> = new Set(',+"\\<>;');
const UTF8_STRING = 12;
/** Octets of a character, by string type: NumericString to BMPString. */
const WIDTHS: ReadonlyMap<number, number> = new Map([
  [18, 1],
  [19, 1],
  [20, 1],
  [22, 1],
  [26, 1],
  [28, 4],
  [30, 2],
]);

/** OpenSSL's short names; an attribute that has none is written with its number and its value in hex. */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ["2.5.4.3", "CN"],
  ["2.5.4.4", "SN"],
  ["2.5.4.5", "serialNumber"],
  ["2.5.4.6", "C"],
  ["2.5.4.7", "L"],
  ["2.5.4.8", "ST"],
  ["2.5.4.9", "street"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
  ["2.5.4.12", "title"],
  ["2.5.4.13", "description"],
  ["2.5.4.15", "businessCategory"],
  ["2.5.4.16", "postalAddress"],
  ["2.5.4.17", "postalCode"],
  ["2.5.4.18", "postOfficeBox"],
  ["2.5.4.20", "telephoneNumber"],
  ["2.5.4.41", "name"],
  ["2.5.4.42", "GN"],
  ["2.5.4.43", "initials"],
  ["2.5.4.44", "generationQualifier"],
  ["2.5.4.45", "x500UniqueIdentifier"],
  ["2.5.4.46", "dnQualifier"],
  ["2.5.4.65", "pseudonym"],
  ["2.5.4.97", "organizationIdentifier"],
  ["1.2.840.113549.1.9.1", "emailAddress"],
  ["1.2.840.113549.1.9.2", "unstructuredName"],
  ["1.2.840.113549.1.9.8", "unstructuredAddress"],
  ["0.9.2342.19200300.100.1.1", "UID"],
  ["0.9.2342.19200300.100.1.3", "mail"],
  ["0.9.2342.19200300.100.1.25", "DC"],
  ["1.3.6.1.4.1.311.60.2.1.1", "jurisdictionL"],
  ["1.3.6.1.4.1.311.60.2.1.2", "jurisdictionST"],
  ["1.3.6.1.4.1.311.60.2.1.3", "jurisdictionC"],
]);
