/**
 * The checksum CRC32c (Castagnoli), as RFC 4960, appendix B, has it. This file does not know what is summed up.
 *
 * @module
 */

/** The checksum of some octets, as an unsigned number; `previous` is that of the octets before them. */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  let rest = ~previous;
  for (const octet of bytes) rest = (TABLE[(rest ^ octet) & 255] ?? 0) ^ (rest >>> 8);
  return ~rest >>> 0;
}

/** What an octet leaves behind when the polynomial has passed its eight bits. */
function remainder(octet: number): number {
  let rest = octet;
  for (let bit = 0; bit < 8; bit++) rest = (rest & 1) === 0 ? rest >>> 1 : (rest >>> 1) ^ REVERSED_POLYNOMIAL;
  return rest >>> 0;
}

/** 0x1EDC6F41 with its lowest bit first. */
const REVERSED_POLYNOMIAL = 0x82f63b78;
const TABLE = Uint32Array.from({ length: 256 }, (_, octet) => remainder(octet));
