/** CRC-32 as zlib, nginx and memcached have it (ISO 3309), of octet strings. */

import type { Octets } from "../runtime.ts";

/** The checksum of a text. */
export function crc32(text: Octets): number {
  return finished(updated(CRC32_BEGIN, text));
}

/** The checksum under way, before anything was added. */
export const CRC32_BEGIN = 0xffff_ffff;

/** A checksum under way, a text later. */
export function updated(crc: number, text: Octets): number {
  let value = crc;
  for (let i = 0; i < text.length; i++) {
    value = (TABLE[(value ^ text.charCodeAt(i)) & 0xff] ?? 0) ^ (value >>> 8);
  }
  return value >>> 0;
}

/** What a checksum under way comes to. */
export function finished(crc: number): number {
  return (crc ^ 0xffff_ffff) >>> 0;
}

const TABLE: readonly number[] = Array.from({ length: 256 }, (_, octet) => {
  let value = octet;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  return value >>> 0;
});
