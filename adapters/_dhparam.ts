/**
 * Parameters for a key exchange in a finite field. Node drops what it cannot read of them without a word, and then has no
 * cipher suite with DHE.
 */

import { Buffer } from "node:buffer";
import type { Octets } from "../src/runtime.ts";
import { childrenOf, type DerValue, readDer, TAG } from "./_der.ts";
import { derBlocks, toPem } from "./_pem.ts";
import { NO_START_LINE, WRONG_TAG } from "./_tls_keys.ts";

/** Parameters that every library takes: PKCS #3's, of a prime and a generator. */
export interface Dhparam {
  readonly pem: Octets;
}

/**
 * The first parameters of a text, in PKCS #3 or X9.42 (RFC 2631), which is what `openssl dhparam -dsaparam` writes; else
 * why they are of no use, in OpenSSL's words.
 */
export function readDhparam(text: Octets): Dhparam | Octets {
  const blocks = derBlocks(text, [PKCS3_LABEL, "X9.42 DH PARAMETERS"]);
  if (typeof blocks === "string") return blocks;
  const [der] = blocks;
  if (der === undefined) return NO_START_LINE;
  const [prime, generator] = childrenOf(readDer(der));
  if (prime?.tag !== TAG.integer || generator?.tag !== TAG.integer) return WRONG_TAG;
  if (bitsOf(prime) < FEWEST_BITS) return "error:0A00018A:SSL routines::dh key too small";
  return { pem: toPem(PKCS3_LABEL, sequence([prime, generator])) };
}

function bitsOf({ content }: DerValue): number {
  const start = content.findIndex((octet) => octet !== 0);
  return start < 0 ? 0 : (content.length - start) * 8 - Math.clz32(content[start] ?? 0) + 24;
}

/** With a length of two octets, which a prime is long enough for. */
function sequence(values: readonly DerValue[]): Uint8Array {
  const content = Buffer.concat(values.map(({ whole }) => whole));
  return Buffer.concat([Buffer.from([TAG.sequence, 0x82, content.length >> 8, content.length & 0xff]), content]);
}

const PKCS3_LABEL = "DH PARAMETERS";
/** Node takes no less, nor does a client of today. */
const FEWEST_BITS = 1024;
