/**
 * What hashing is to the core: digests that are asked for by their parameters. The adapters have the algorithms
 * themselves, see `Runtime`; how hashes are written down, and what follows from them, is the core's.
 *
 * @module
 */

import type { Cancel, Octets } from "./runtime.ts";

/** How a password becomes a digest that costs time to guess from. */
export type KeyDerivation =
  /** `cost` is the power of 2, 4 to 31; the salt has 16 octets. Of a password the first 72 octets count. */
  | { readonly scheme: "bcrypt"; readonly cost: number; readonly salt: Octets }
  /** Version 1.3 of RFC 9106; `memory` in KiB, at least 8 for each lane; the salt has 8 octets or more. */
  | {
    readonly scheme: "argon2i" | "argon2id";
    readonly memory: number;
    readonly passes: number;
    readonly lanes: number;
    readonly salt: Octets;
    readonly length: number;
  }
  /** Drepper's SHA-crypt; the salt is at most 16 printable characters, used as they are. */
  | { readonly scheme: "sha256-crypt" | "sha512-crypt"; readonly rounds: number; readonly salt: Octets }
  /** RFC 8018, 5.2, over HMAC. */
  | {
    readonly scheme: "pbkdf2";
    readonly hash: "sha1" | "sha256" | "sha512";
    readonly iterations: number;
    readonly salt: Octets;
    readonly length: number;
  };

/** What becomes of a derivation. Exactly one of the two is called, unless it is cancelled. */
export interface DerivationHandler {
  /**
   * The digest: its octets; for `bcrypt` and SHA-crypt the text that a hash of theirs ends in (31, 43 or 86 letters).
   */
  derived(digest: Octets): void;
  /** It could not be computed: too many are waiting, or a thread broke. The reason is for the log. */
  failed(reason: Octets): void;
}

/** Digests of passwords and of messages. */
export interface Hashing {
  /**
   * Starts a thread with all that it needs, and always has one from now on: for a process that may be unable to read the
   * program's own files later. Resolves also when there can be none, which each call of `derive` tells then.
   */
  prepare(): Promise<void>;
  /**
   * Derives a digest from a password of at least one octet, on a thread, so that sessions go on meanwhile. As many as
   * there are threads run at once; others wait in order, a bounded number of them. Nothing of it is loaded before the
   * first call, but by `prepare`. The handler is called only after this has returned.
   */
  derive(password: Octets, derivation: KeyDerivation, handler: DerivationHandler): Cancel;
  /** The MD5 digest (RFC 1321), for APOP; 16 octets. */
  md5(message: Octets): Octets;
  /** HMAC-MD5 (RFC 2104), for CRAM-MD5; 16 octets. */
  hmacMd5(key: Octets, message: Octets): Octets;
}
