/** PEM (RFC 7468): what stands between its lines, as DER. */

import { Buffer } from "node:buffer";
import type { Octets } from "../src/runtime.ts";

/** What stands between two lines that belong together. */
export interface PemBlock {
  readonly label: Octets;
  /** Lines of base64; in an old key that is encrypted, headers before them (RFC 1421, 4.6). */
  readonly body: Octets;
}

/** All blocks in order, and in the place of a broken one what OpenSSL says of it. Text between blocks is for people. */
export function pemBlocks(text: Octets): (PemBlock | Octets)[] {
  const [, ...beginnings] = text.split(BEGIN);
  return beginnings.map((beginning) => {
    const [, label, body] = BLOCK.exec(beginning) ?? [];
    return label === undefined || body === undefined ? BAD_END_LINE : { label, body };
  });
}

/** The DER of all blocks with one of these labels, in order; a string says what is wrong with the first broken block. */
export function derBlocks(text: Octets, labels: readonly string[]): Uint8Array[] | Octets {
  const found: Uint8Array[] = [];
  for (const block of pemBlocks(text)) {
    if (typeof block === "string") return block;
    if (!labels.includes(block.label)) continue;
    const der = derOf(block);
    if (der === undefined) return BAD_BASE64;
    found.push(der);
  }
  return found;
}

/** What the lines of one block say; `undefined` for anything but base64. */
export function derOf({ body }: PemBlock): Uint8Array | undefined {
  const digits = body.replaceAll(/\s/g, "");
  const isBase64 = digits.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(digits);
  return isBase64 ? new Uint8Array(Buffer.from(digits, "base64")) : undefined;
}

/** One block with its lines as every library takes them. */
export function pemText({ label, body }: PemBlock): Octets {
  return `-----BEGIN ${label}-----\n${body}-----END ${label}-----\n`;
}

/** One block, its lines as long as OpenSSL's. */
export function toPem(label: string, der: Uint8Array): Octets {
  const lines = Buffer.from(der).toString("base64").match(/.{1,64}/g) ?? [];
  return pemText({ label, body: `${lines.join("\n")}\n` });
}

export const CERTIFICATE_LABELS: readonly string[] = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"];

/** Where a block begins; some editors put a byte order mark before the first. */
const BEGIN = /^(?:\xef\xbb\xbf)?[ \t]*-----BEGIN /m;
/** What follows that. Blanks at the ends of lines are OpenSSL's to ignore. */
const BLOCK = /^([^\r\n-]+)-----[^\S\n]*\n([^]*?)-----END \1-----[^\S\n]*(?:\n|$)/;
const BAD_END_LINE = "error:04800066:PEM routines::bad end line";
export const BAD_BASE64 = "error:04800064:PEM routines::bad base64 decode";
