/** PEM (RFC 7468): what stands between its lines, as DER. */

import { Buffer } from "node:buffer";
import type { Octets } from "../src/runtime.ts";

/** The DER of all blocks with one of these labels, in order. Text between blocks is for people. */
export function pemBlocks(text: Octets, labels: readonly string[]): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const match of text.matchAll(BLOCK)) {
    const [, label = "", body = ""] = match;
    if (labels.includes(label)) found.push(new Uint8Array(Buffer.from(body, "base64")));
  }
  return found;
}

/** One block, its lines as long as OpenSSL's. */
export function toPem(label: string, der: Uint8Array): Octets {
  const lines = Buffer.from(der).toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

export const CERTIFICATE_LABELS: readonly string[] = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"];

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n([^-]*)-----END \1-----/g;
