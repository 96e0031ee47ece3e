/**
 * Messages taken apart: header fields, MIME parts (RFC 2045, 2046) and addresses (RFC 5322), as far as IMAP tells its
 * clients about them. It takes whatever a message has, and is bounded in depth and number.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";

/** A message or a part of one. */
export interface Part {
  /** The header with the blank line that ends it. */
  readonly header: Octets;
  readonly body: Octets;
  readonly contentType: ParameterValue;
  /** The parts of a multipart. */
  readonly parts: readonly Part[];
  /** The message that a `message/rfc822` part holds. */
  readonly message: Part | undefined;
}

/** A value with parameters, such as `text/plain; charset=utf-8`. Values and names are in small letters. */
export interface ParameterValue {
  readonly value: Octets;
  readonly parameters: readonly (readonly [name: Octets, value: Octets])[];
}

/** One header field. */
export interface Field {
  readonly name: Octets;
  /** The whole field as it stands, with its line ends. */
  readonly text: Octets;
}

/** An address, or the beginning or the end of a group of them. */
export interface Address {
  readonly name: Octets | undefined;
  /** The group's name where `domain` is absent; both are absent at its end. */
  readonly local: Octets | undefined;
  readonly domain: Octets | undefined;
}

/** Takes a message apart. */
export function parseMessage(octets: Octets): Part {
  return parsePart(octets, "text/plain", 0);
}

/** The fields of a header, in order. A line that is none belongs to the field above it. */
export function fields(header: Octets): readonly Field[] {
  const found: Field[] = [];
  let start = 0;
  while (start < header.length) {
    let end = lineEnd(header, start);
    while (header[end] === " " || header[end] === "\t") end = lineEnd(header, end);
    const text = header.slice(start, end);
    const colon = text.indexOf(":");
    if (colon > 0) found.push({ name: text.slice(0, colon).trim(), text });
    start = end;
  }
  return found;
}

/** The unfolded value of the first field of that name. */
export function fieldValue(header: Octets, name: Octets): Octets | undefined {
  const wanted = name.toLowerCase();
  const field = fields(header).find((field) => field.name.toLowerCase() === wanted);
  if (field === undefined) return undefined;
  return field.text.slice(field.text.indexOf(":") + 1).replaceAll("\r\n", "").trim();
}

/** Reads `value; name=value; name="value"` (RFC 2045, 5.1). */
export function parseParameters(text: Octets): ParameterValue {
  const [value = "", ...rest] = split(text, ";");
  const parameters = rest.flatMap((item) => {
    const at = item.indexOf("=");
    return at < 0 ? [] : [[item.slice(0, at).trim().toLowerCase(), unquote(item.slice(at + 1).trim())] as const];
  });
  return { value: value.trim().toLowerCase(), parameters };
}

/** Reads an address list. What is no address at all is taken for a name. */
export function parseAddresses(text: Octets): readonly Address[] {
  return split(text, ",").flatMap((item) => {
    const found: Address[] = [];
    let rest = item.trim();
    const colon = split(rest, ":");
    const group = colon.length > 1 && !rest.startsWith("<") ? colon[0] : undefined;
    if (group !== undefined) {
      found.push({ name: undefined, local: unquote(group.trim()), domain: undefined });
      rest = rest.slice(group.length + 1).trim();
    }
    const isGroupEnd = rest.endsWith(";");
    if (isGroupEnd) rest = rest.slice(0, -1).trim();
    if (rest !== "") found.push(parseAddress(rest));
    if (isGroupEnd) found.push({ name: undefined, local: undefined, domain: undefined });
    return found;
  });
}

/** `Name <local@domain>`, `local@domain` or `local@domain (Name)`. */
function parseAddress(text: Octets): Address {
  const open = text.lastIndexOf("<");
  const comment = text.indexOf("(");
  let name: Octets | undefined;
  let address = text;
  if (open >= 0) {
    name = unquote(text.slice(0, open).trim());
    address = text.slice(open + 1).replace(">", "");
  } else if (comment >= 0) {
    name = text.slice(comment + 1).replace(")", "").trim();
    address = text.slice(0, comment);
  }
  const at = address.lastIndexOf("@");
  const local = (at < 0 ? address : address.slice(0, at)).trim();
  return { name: name === "" ? undefined : name, local, domain: at < 0 ? "" : address.slice(at + 1).trim() };
}

function parsePart(octets: Octets, defaultType: Octets, depth: number): Part {
  const bodyStart = startOfBody(octets);
  const header = octets.slice(0, bodyStart);
  const body = octets.slice(bodyStart);
  const contentType = parseParameters(fieldValue(header, "Content-Type") ?? defaultType);
  const type = contentType.value;
  const leaf = { header, body, contentType, parts: [], message: undefined };
  if (type === "message/rfc822" && depth < DEPTH_LIMIT) {
    return { ...leaf, message: parsePart(body, "text/plain", depth + 1) };
  }
  if (type.startsWith("multipart/") && depth < DEPTH_LIMIT) {
    const boundary = contentType.parameters.find(([name]) => name === "boundary")?.[1];
    const inner = type === "multipart/digest" ? "message/rfc822" : "text/plain";
    const parts = splitMultipart(body, boundary).map((part) => parsePart(part, inner, depth + 1));
    if (parts.length > 0) return { ...leaf, parts };
  }
  // RFC 2045, 5.2: what cannot be read is plain text. So is what should hold something and does not.
  const isSimple = type.indexOf("/") > 0 && !type.startsWith("multipart/") && type !== "message/rfc822";
  return isSimple ? leaf : { ...leaf, contentType: { value: "text/plain", parameters: [] } };
}

function startOfBody(octets: Octets): number {
  if (octets.startsWith("\r\n")) return 2;
  const end = octets.indexOf("\r\n\r\n");
  return end < 0 ? octets.length : end + 4;
}

/** What stands between the boundary lines (RFC 2046, 5.1.1); the line end in front of one belongs to it. */
function splitMultipart(body: Octets, boundary: Octets | undefined): readonly Octets[] {
  if (boundary === undefined) return [];
  const delimiter = "--" + boundary;
  const parts: Octets[] = [];
  let start = -1;
  for (let at = body.indexOf(delimiter); at >= 0 && parts.length < PART_LIMIT; at = body.indexOf(delimiter, at + 1)) {
    if (at > 0 && body[at - 1] !== "\n") continue;
    const end = lineEnd(body, at);
    const rest = body.slice(at + delimiter.length, end).trimEnd();
    if (rest !== "" && rest !== "--") continue;
    if (start >= 0) parts.push(body.slice(start, Math.max(start, at - 2)));
    start = end;
    if (rest === "--") return parts;
  }
  if (start >= 0 && parts.length < PART_LIMIT) parts.push(body.slice(start));
  return parts;
}

/** Splits at a character, but not inside of quotes, comments and angle brackets. */
function split(text: Octets, separator: Octets): Octets[] {
  const items: Octets[] = [];
  let isQuoted = false;
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === "\\") i++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (isQuoted) continue;
    else if (character === "(" || character === "<") depth++;
    else if (character === ")" || character === ">") depth = Math.max(0, depth - 1);
    else if (character === separator && depth === 0) {
      items.push(text.slice(start, i));
      start = i + 1;
    }
  }
  items.push(text.slice(start));
  return items;
}

function unquote(text: Octets): Octets {
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text;
  let plain = "";
  for (let i = 1; i < text.length - 1; i++) plain += text[i] === "\\" ? text.charAt(++i) : text.charAt(i);
  return plain;
}

function lineEnd(text: Octets, from: number): number {
  const at = text.indexOf("\n", from);
  return at < 0 ? text.length : at + 1;
}

const DEPTH_LIMIT = 10;
const PART_LIMIT = 200;
