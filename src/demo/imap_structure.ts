/**
 * How IMAP writes down strings, envelopes and the structure of messages (RFC 3501, 7.4.2).
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { type Address, fieldValue, type ParameterValue, parseAddresses, parseParameters, type Part } from "./mime.ts";

/** A string: quoted where that is possible, else a literal. */
export function string(text: Octets): Octets {
  for (const character of text) {
    if (character < " " || character > "~") return `{${text.length}}\r\n${text}`;
  }
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** The envelope that a header tells. */
export function envelope(header: Octets): Octets {
  const from = addresses(fieldValue(header, "From"));
  const items = [
    nstring(fieldValue(header, "Date")),
    nstring(fieldValue(header, "Subject")),
    from,
    // Absent ones are the same as From: RFC 3501, 7.4.2 wants the server to say so.
    or(addresses(fieldValue(header, "Sender")), from),
    or(addresses(fieldValue(header, "Reply-To")), from),
    addresses(fieldValue(header, "To")),
    addresses(fieldValue(header, "Cc")),
    addresses(fieldValue(header, "Bcc")),
    nstring(fieldValue(header, "In-Reply-To")),
    nstring(fieldValue(header, "Message-ID")),
  ];
  return `(${items.join(" ")})`;
}

/** The structure of a message or part; `isExtended` makes BODYSTRUCTURE of what is BODY without it. */
export function bodyStructure(part: Part, isExtended: boolean): Octets {
  const { contentType, header } = part;
  const [type = "", subtype = ""] = contentType.value.split("/");
  if (part.parts.length > 0) {
    const inner = part.parts.map((child) => bodyStructure(child, isExtended)).join("");
    const extension = isExtended ? ` ${parameters(contentType)} ${extensions(header)}` : "";
    return `(${inner} ${string(subtype)}${extension})`;
  }
  const items = [
    string(type),
    string(subtype),
    parameters(contentType),
    nstring(fieldValue(header, "Content-ID")),
    nstring(fieldValue(header, "Content-Description")),
    string(fieldValue(header, "Content-Transfer-Encoding")?.toLowerCase() ?? "7bit"),
    `${part.body.length}`,
  ];
  if (part.message !== undefined) {
    items.push(envelope(part.message.header), bodyStructure(part.message, isExtended));
  }
  if (part.message !== undefined || type === "text") items.push(`${part.body.split("\n").length - 1}`);
  if (isExtended) items.push(nstring(fieldValue(header, "Content-MD5")), extensions(header));
  return `(${items.join(" ")})`;
}

/** Disposition, language and location, which end each extended structure. */
function extensions(header: Octets): Octets {
  const field = fieldValue(header, "Content-Disposition");
  const disposition = field === undefined ? undefined : parseParameters(field);
  return [
    disposition === undefined ? "NIL" : `(${string(disposition.value)} ${parameters(disposition)})`,
    nstring(fieldValue(header, "Content-Language")),
    nstring(fieldValue(header, "Content-Location")),
  ].join(" ");
}

function parameters({ parameters }: ParameterValue): Octets {
  if (parameters.length === 0) return "NIL";
  return `(${parameters.map(([name, value]) => `${string(name)} ${string(value)}`).join(" ")})`;
}

function addresses(field: Octets | undefined): Octets {
  const list = field === undefined ? [] : parseAddresses(field);
  return list.length === 0 ? "NIL" : `(${list.map(address).join("")})`;
}

function address({ name, local, domain }: Address): Octets {
  return `(${nstring(name)} NIL ${nstring(local)} ${nstring(domain)})`;
}

function nstring(text: Octets | undefined): Octets {
  return text === undefined ? "NIL" : string(text);
}

function or(value: Octets, other: Octets): Octets {
  return value === "NIL" ? other : value;
}
