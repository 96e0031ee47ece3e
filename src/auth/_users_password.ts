/**
 * The second field of a users file's line: a password as it is, or its hash. Schemes have Dovecot's names in braces; a
 * hash that says by itself what it is (`$6$…`) needs none. Nothing here tells what it could not read: it may be a
 * password that stands in the wrong place.
 *
 * @module
 */

import type { KeyDerivation, Octets } from "../runtime.ts";
import { fromBase64 } from "../session/base64.ts";
import { Secret } from "../session/secret.ts";
import { decimal } from "./address.ts";

/** What a password is compared with. */
export type StoredPassword =
  | { readonly type: "plain"; readonly secret: Secret }
  | { readonly type: "hash"; readonly derivation: KeyDerivation; readonly digest: Octets }
  /** No password is right: there is another way in, or none. */
  | { readonly type: "none" };

/** Reads the field. What is wrong with it is a text that shows nothing of it. */
export function parsePassword(field: Octets): StoredPassword | string {
  if (field === "") return "no password";
  if (field === "*" || field === "!") return { type: "none" };
  if (field.startsWith("$")) {
    const isKnown = CRYPT_PREFIXES.some((prefix) => field.startsWith(`$${prefix}$`));
    return isKnown ? readCrypt(field, CRYPT_PREFIXES) ?? "invalid password hash" : "unknown password scheme";
  }
  const close = field.startsWith("{") ? field.indexOf("}") : -1;
  if (close === -1) return "password without a scheme";
  const [name = "", encoding] = field.slice(1, close).toUpperCase().split(".", 2);
  const rest = decoded(field.slice(close + 1), encoding);
  if (rest === undefined) return "invalid encoding of a password";
  if (name === "PLAIN" || name === "CLEARTEXT") return readPlain(rest);
  const prefixes = SCHEMES.get(name);
  if (prefixes === undefined) return "unknown password scheme";
  const password = name === "PBKDF2" && rest.startsWith("$1$") ? readDovecotPbkdf2(rest) : readCrypt(rest, prefixes);
  return password ?? `invalid ${name} hash`;
}

/** Dovecot's suffix: what follows the braces is written in base64 or in hexadecimal digits. */
function decoded(text: Octets, encoding: Octets | undefined): Octets | undefined {
  if (encoding === undefined) return text;
  if (encoding === "B64" || encoding === "BASE64") return fromBase64(text);
  return encoding === "HEX" ? fromHex(text) : undefined;
}

/** What ends a line or a string elsewhere is in no password that a client can send. */
function readPlain(text: Octets): StoredPassword | string {
  if (text === "") return "empty password";
  if (text.includes("\0") || text.includes("\r") || text.includes("\n")) return "line end in a password";
  if (text.length > LONGEST_PASSWORD) return "too long password";
  return { type: "plain", secret: new Secret(text) };
}

/** A hash in the modular crypt format, if its scheme is one of these, and its cost one that a login may have. */
function readCrypt(text: Octets, prefixes: readonly Octets[]): StoredPassword | string | undefined {
  const [before, prefix = "", ...parts] = text.split("$");
  if (before !== "" || !prefixes.includes(prefix)) return undefined;
  const password = READERS.get(prefix)?.(parts, prefix);
  return password === undefined || isAffordable(password.derivation) ? password : "too costly password hash";
}

type Hashed = Extract<StoredPassword, { readonly type: "hash" }>;
type Reader = (parts: readonly Octets[], prefix: Octets) => Hashed | undefined;

/** `$2y$COST$` and 22 letters of salt before 31 of digest. */
function readBcrypt(parts: readonly Octets[]): Hashed | undefined {
  const [power = "", text = ""] = parts;
  const cost = power.length === 2 ? decimal(power) : undefined;
  const salt = fromBase64(translated(text.slice(0, 22), BCRYPT_LETTERS));
  const digest = text.slice(22);
  if (parts.length !== 2 || cost === undefined || cost < 4 || salt?.length !== 16) return undefined;
  return isOf(digest, 31, BCRYPT_LETTERS) ? hashed({ scheme: "bcrypt", cost, salt }, digest) : undefined;
}

/** `$6$[rounds=N$]SALT$DIGEST`. */
function readShaCrypt(parts: readonly Octets[], prefix: Octets): Hashed | undefined {
  const [scheme, length] = prefix === "5" ? ["sha256-crypt", 43] as const : ["sha512-crypt", 86] as const;
  const given = parts[0]?.startsWith("rounds=") ? decimal(parts[0].slice("rounds=".length)) ?? NaN : undefined;
  const [salt = "", digest = "", ...more] = given === undefined ? parts : parts.slice(1);
  if (more.length > 0 || Number.isNaN(given) || salt.length > 16 || !isOf(digest, length, BCRYPT_LETTERS)) {
    return undefined;
  }
  return hashed({ scheme, rounds: Math.max(given ?? 5000, 1000), salt }, digest);
}

/** `$argon2id$v=19$m=65536,t=3,p=1$SALT$DIGEST`. */
function readArgon2(parts: readonly Octets[], prefix: Octets): Hashed | undefined {
  const [version, cost = "", salt64 = "", digest64 = ""] = parts;
  const [memory, passes, lanes, ...more] = cost.split(",").map((part, i) => valueOf(part, "mtp".charAt(i)));
  const salt = fromBase64(salt64);
  const digest = fromBase64(digest64);
  if (parts.length !== 4 || version !== "v=19" || more.length > 0) return undefined;
  if (memory === undefined || passes === undefined || lanes === undefined) return undefined;
  if (passes < 1 || lanes < 1 || memory < 8 * lanes) return undefined;
  if (salt === undefined || salt.length < 8 || digest === undefined || digest.length < SHORTEST_DIGEST) {
    return undefined;
  }
  const scheme = prefix === "argon2i" ? "argon2i" : "argon2id";
  return hashed({ scheme, memory, passes, lanes, salt, length: digest.length }, digest);
}

/** `$pbkdf2-sha512$ITERATIONS$SALT$DIGEST`, as passlib writes it: base64 with `.` for `+`. */
function readPbkdf2(parts: readonly Octets[], prefix: Octets): Hashed | undefined {
  const [count = "", salt64 = "", digest64 = ""] = parts;
  const iterations = decimal(count) ?? 0;
  const salt = fromBase64(salt64.replaceAll(".", "+"));
  const digest = fromBase64(digest64.replaceAll(".", "+"));
  if (parts.length !== 3 || iterations < 1 || salt === undefined) return undefined;
  if (digest === undefined || digest.length < SHORTEST_DIGEST) return undefined;
  const hash = prefix === "pbkdf2" ? "sha1" : prefix === "pbkdf2-sha256" ? "sha256" : "sha512";
  return hashed({ scheme: "pbkdf2", hash, iterations, salt, length: digest.length }, digest);
}

/** `{PBKDF2}$1$SALT$ITERATIONS$DIGEST`, as Dovecot writes it: the salt is text, the digest in hexadecimal digits. */
function readDovecotPbkdf2(text: Octets): StoredPassword | string | undefined {
  const [, , salt = "", count = "", hex = "", ...more] = text.split("$");
  const iterations = decimal(count) ?? 0;
  const digest = fromHex(hex);
  if (more.length > 0 || salt === "" || iterations < 1 || digest?.length !== 20) return undefined;
  const password = hashed({ scheme: "pbkdf2", hash: "sha1", iterations, salt, length: 20 }, digest);
  return isAffordable(password.derivation) ? password : "too costly password hash";
}

function hashed(derivation: KeyDerivation, digest: Octets): Hashed {
  return { type: "hash", derivation, digest };
}

/** Whether one login takes seconds at most, and a bounded memory. */
function isAffordable(derivation: KeyDerivation): boolean {
  switch (derivation.scheme) {
    case "bcrypt":
      return derivation.cost <= MOST.bcryptCost;
    case "argon2i":
    case "argon2id": {
      const { memory, passes, lanes, length } = derivation;
      return memory <= MOST.memory && memory * passes <= MOST.memoryPasses && lanes <= MOST.lanes &&
        length <= MOST.length;
    }
    case "sha256-crypt":
    case "sha512-crypt":
      return derivation.rounds <= MOST.rounds;
    case "pbkdf2":
      return derivation.iterations <= MOST.iterations && derivation.length <= MOST.length;
  }
}

function valueOf(part: Octets, name: string): number | undefined {
  return part.startsWith(`${name}=`) ? decimal(part.slice(2)) : undefined;
}

function fromHex(text: Octets): Octets | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  return text.replace(/../g, (pair) => String.fromCharCode(Number.parseInt(pair, 16)));
}

/** Letters of one base64 in those of the usual one; what is none of them stays, and is none there. */
function translated(text: Octets, letters: string): Octets {
  return Array.from(text, (letter) => USUAL_LETTERS[letters.indexOf(letter)] ?? "!").join("");
}

function isOf(text: Octets, length: number, letters: string): boolean {
  return text.length === length && Array.from(text).every((letter) => letters.includes(letter));
}

/** Octets: the longest password that a client may have. SHA-crypt's cost grows with the square of the length. */
export const LONGEST_PASSWORD = 1024;

/** What is shorter is guessed. */
const SHORTEST_DIGEST = 16;

/** Some seconds of hashing each; 1 GiB. What is more is a slip of the pen, or takes the machine down. */
const MOST = {
  bcryptCost: 16,
  memory: 2 ** 20,
  memoryPasses: 2 ** 22,
  lanes: 64,
  rounds: 2_000_000,
  iterations: 10_000_000,
  length: 1024,
} as const;

const USUAL_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BCRYPT_LETTERS = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

const READERS: ReadonlyMap<Octets, Reader> = new Map([
  // `2x` marks hashes of a faulty bcrypt.
  ...["2a", "2b", "2y"].map((prefix): [Octets, Reader] => [prefix, readBcrypt]),
  ...["5", "6"].map((prefix): [Octets, Reader] => [prefix, readShaCrypt]),
  ...["argon2i", "argon2id"].map((prefix): [Octets, Reader] => [prefix, readArgon2]),
  ...["pbkdf2", "pbkdf2-sha256", "pbkdf2-sha512"].map((prefix): [Octets, Reader] => [prefix, readPbkdf2]),
]);

const CRYPT_PREFIXES = [...READERS.keys()];

/** Dovecot's names, and what the hashes behind them begin with. */
const SCHEMES: ReadonlyMap<Octets, readonly Octets[]> = new Map([
  ["ARGON2I", ["argon2i"]],
  ["ARGON2ID", ["argon2id"]],
  ["BLF-CRYPT", ["2a", "2b", "2y"]],
  ["SHA256-CRYPT", ["5"]],
  ["SHA512-CRYPT", ["6"]],
  ["CRYPT", ["2a", "2b", "2y", "5", "6"]],
  ["PBKDF2", ["pbkdf2", "pbkdf2-sha256", "pbkdf2-sha512"]],
]);

/** The schemes that a file may have, for who wrote another one. */
export const SCHEME_NAMES: readonly Octets[] = [...SCHEMES.keys(), "PLAIN"];
