/**
 * SHA-crypt, the scheme of `$5$` and `$6$`, after Ulrich Drepper's specification (akkadia.org/drepper/SHA-crypt.txt);
 * "step" means its steps. The packages that have it either get passwords wrong that are as long as a digest (unixcrypt
 * 3.0.4), or compute SHA-512 in JavaScript and have no SHA-256.
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

/** What the specification has for each size of digest. */
interface Variant {
  readonly hash: "sha256" | "sha512";
  readonly length: number;
  /** The octets of the digest in the order in which they are written, three to a group. */
  readonly order: readonly number[];
}

/** The digest in the letters that such a hash ends in: 43 or 86 of them. */
export function shaCrypt(
  password: Buffer,
  { scheme, rounds, salt }: {
    readonly scheme: "sha256-crypt" | "sha512-crypt";
    readonly rounds: number;
    readonly salt: Buffer;
  },
): string {
  const variant = scheme === "sha256-crypt" ? SHA256 : SHA512;
  const { hash } = variant;
  let digest = firstDigest(password, salt, variant);
  const p = sequence(digestOf(hash, times(password, password.length)), password.length);
  const s = sequence(digestOf(hash, times(salt, 16 + (digest[0] ?? 0))), salt.length);
  // Step 21.
  for (let round = 0; round < rounds; round++) {
    const isOdd = round % 2 === 1;
    const next = createHash(hash).update(isOdd ? p : digest);
    if (round % 3 !== 0) next.update(s);
    if (round % 7 !== 0) next.update(p);
    digest = next.update(isOdd ? digest : p).digest();
  }
  return inLetters(digest, variant.order);
}

/** Steps 1 to 12: digest A, with digest B in it. */
function firstDigest(password: Buffer, salt: Buffer, { hash, length }: Variant): Buffer {
  const b = digestOf(hash, Buffer.concat([password, salt, password]));
  const a = createHash(hash).update(password).update(salt);
  for (let left = password.length; left > 0; left -= length) a.update(b.subarray(0, Math.min(left, length)));
  for (let bits = password.length; bits > 0; bits >>= 1) a.update(bits % 2 === 1 ? b : password);
  return a.digest();
}

/** Steps 16 and 20: a digest repeated to a length. */
function sequence(digest: Buffer, length: number): Buffer {
  return Buffer.alloc(length, length === 0 ? undefined : digest);
}

function times(text: Buffer, count: number): Buffer {
  return text.length === 0 ? text : Buffer.alloc(text.length * count, text);
}

function digestOf(hash: Variant["hash"], bytes: Buffer): Buffer {
  return createHash(hash).update(bytes).digest();
}

/** Step 22: each group of three octets, the first one in the highest bits, as letters from the lowest bits up. */
function inLetters(digest: Buffer, order: readonly number[]): string {
  let text = "";
  for (let at = 0; at < order.length; at += 3) {
    const group = order.slice(at, at + 3);
    let bits = group.reduce((sum, index) => sum << 8 | (digest[index] ?? 0), 0);
    for (let letters = 0; letters <= group.length; letters++) {
      text += LETTERS.charAt(bits & 63);
      bits >>= 6;
    }
  }
  return text;
}

const LETTERS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const SHA256: Variant = {
  hash: "sha256",
  length: 32,
  order: orderOf({ third: 10, step: 21, groups: 10, rest: [31, 30] }),
};
const SHA512: Variant = { hash: "sha512", length: 64, order: orderOf({ third: 21, step: 22, groups: 21, rest: [63] }) };

/** The groups begin with 0, a third and two thirds; each next one adds a step to all three and turns them round. */
function orderOf(
  { third, step, groups, rest }: {
    readonly third: number;
    readonly step: number;
    readonly groups: number;
    readonly rest: readonly number[];
  },
): number[] {
  const order: number[] = [];
  for (let group = 0; group < groups; group++) {
    for (const start of [0, third, 2 * third]) order.push((start + group * step) % (3 * third));
  }
  return [...order, ...rest];
}
