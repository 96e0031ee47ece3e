/** Letters for the tests: the same ones each time, with all octets that a letter may have. */

import { createHash } from "node:crypto";
import type { Octets } from "../../src/runtime.ts";

export interface LetterOptions {
  /** Octets of the body at least; its last line is completed. */
  readonly size: number;
  /** The longest line. IMAP and POP3 know no limit; SMTP has 998 octets. */
  readonly longest?: number;
  /** Whether octets above 127 occur. */
  readonly eightBit?: boolean;
}

/** Letter number `seed`. Lines end in CRLF; some begin with a dot. */
export function letter(seed: number, options: LetterOptions): Octets {
  const header = `From: Anna <anna@example.test>\r\nTo: bert@example.test\r\nSubject: Letter ${seed}\r\n` +
    `Message-ID: <${seed}.${options.size}@example.test>\r\nDate: Thu, 1 Jan 2026 12:00:00 +0000\r\n`;
  return `${header}\r\n${body(seed, options)}`;
}

/** A short name for a long text. */
export function digest(text: Octets): string {
  return `${text.length} octets, ${createHash("sha256").update(text, "latin1").digest("hex").slice(0, 16)}`;
}

function body(seed: number, { size, longest = 990, eightBit = true }: LetterOptions): Octets {
  const next = randomNumbers(seed);
  const alphabet = eightBit ? ALL_OCTETS : ALL_OCTETS.filter((octet) => octet < 128);
  const octets = Buffer.alloc(size);
  for (let at = 0; at < size; at++) octets[at] = alphabet[next() % alphabet.length] ?? 0;
  const lines: Octets[] = [];
  for (let at = 0; at < size;) {
    const length = Math.min(1 + next() % longest, size - at);
    const line = octets.toString("latin1", at, at + length);
    lines.push(next() % 4 === 0 ? `.${line.slice(1)}` : line, "\r\n");
    at += length;
  }
  return lines.join("");
}

/** All that may stand in a line: no NUL, CR, LF. */
const ALL_OCTETS = Array.from({ length: 256 }, (_, octet) => octet).filter((octet) => ![0, 10, 13].includes(octet));

/** Numbers without pattern that are the same for the same seed (xorshift). */
function randomNumbers(seed: number): () => number {
  let state = (seed + 1) * 2654435761 >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state = (state ^ state << 5) >>> 0;
    return state >>> 8;
  };
}
