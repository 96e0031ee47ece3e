/**
 * Parameters for a key exchange in a finite field. Node drops what it cannot read of them without a word, and then has no
 * cipher suite with DHE.
 */

import { Buffer } from "node:buffer";
import type { Octets } from "../src/runtime.ts";
import { childrenOf, type DerValue, readDer, TAG } from "./_der.ts";
import { BAD_BASE64, derOf, pemBlocks, toPem } from "./_pem.ts";
import { NO_START_LINE, WRONG_TAG } from "./_tls_keys.ts";

/** Parameters that every library takes: PKCS #3's. */
export interface Dhparam {
  readonly pem: Octets;
}

/**
 * The first parameters of a text, as PKCS #3 has them or X9.42 (RFC 2631), which is what `openssl dhparam -dsaparam`
 * writes; else why they are of no use, in OpenSSL's words.
 */
export function readDhparam(text: Octets): Dhparam | Octets {
  const block = pemBlocks(text).find((each) => typeof each === "string" || LABELS.includes(each.label));
  if (block === undefined) return NO_START_LINE;
  if (typeof block === "string") return block;
  const der = derOf(block);
  if (der === undefined) return BAD_BASE64;
  const [prime, generator] = childrenOf(readDer(der));
  if (prime?.tag !== TAG.integer || generator?.tag !== TAG.integer) return WRONG_TAG;
  if (bitsOf(prime) < FEWEST_BITS) return KEY_TOO_SMALL;
  return { pem: toPem(PKCS3_LABEL, block.label === PKCS3_LABEL ? der : sequence([prime, generator])) };
}

function bitsOf({ content }: DerValue): number {
  const start = content.findIndex((octet) => octet !== 0);
  return start < 0 ? 0 : (content.length - start) * 8 - (Math.clz32(content[start] ?? 0) - 24);
}

function sequence(values: readonly DerValue[]): Uint8Array {
  const content = Buffer.concat(values.map(({ whole }) => whole));
  // A prime that is long enough has more octets than fit into the short form of a length.
  const length = content.length < 256 ? [0x81, content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([TAG.sequence, ...length]), content]);
}

const PKCS3_LABEL = "DH PARAMETERS";
const LABELS: readonly string[] = [PKCS3_LABEL, "X9.42 DH PARAMETERS"];
/** Node takes no less, nor does a client of today. */
const FEWEST_BITS = 1024;
export const KEY_TOO_SMALL = "error:0A00018A:SSL routines::dh key too small";
