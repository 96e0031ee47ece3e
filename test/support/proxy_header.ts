/** PROXY headers made by hand, so that reading is not checked against writing alone. */

import { concat, encode } from "../../src/session/bytes.ts";

/** What a header of version 2 begins with. */
export const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";

/** The octets of a hexadecimal text; blanks are nothing of it. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replaceAll(" ", "").match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** A version 2 header around a block; `length` may lie. */
export function v2(kind: string, block: Uint8Array, length = block.length): Uint8Array {
  return concat([encode(SIGNATURE), hex(kind), Uint8Array.of(length >> 8, length & 255), block]);
}

/** One type-length-value; `length` may lie. */
export function tlv(type: number, value: Uint8Array | string, length = value.length): Uint8Array {
  const octets = typeof value === "string" ? encode(value) : value;
  return concat([Uint8Array.of(type, length >> 8, length & 255), octets]);
}

/** 192.0.2.1:56324 to 198.51.100.2:143. */
export const IPV4 = hex("c0000201 c6336402 dc04 008f");

/** [2001:db8::1]:56324 to [2001:db8::2]:143. */
export const IPV6 = hex("20010db8000000000000000000000001 20010db8000000000000000000000002 dc04 008f");
