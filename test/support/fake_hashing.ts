import { createHash, createHmac } from "node:crypto";
import type { Cancel, DerivationHandler, Hashing, KeyDerivation, Octets } from "../../src/runtime.ts";

/** A derivation that the code under test asked for. */
export interface FakeDerivation {
  readonly password: Octets;
  readonly derivation: KeyDerivation;
  isCancelled: boolean;
}

/** Hashing without its cost: derivations wait until the test lets them be computed, and digests are readable. */
export class FakeHashing implements Hashing {
  /** All that were asked for, in order. */
  readonly derivations: FakeDerivation[] = [];
  /** How often it was prepared. */
  preparations = 0;
  readonly #waiting: { readonly asked: FakeDerivation; readonly handler: DerivationHandler }[] = [];

  prepare(): Promise<void> {
    this.preparations++;
    return Promise.resolve();
  }

  derive(password: Octets, derivation: KeyDerivation, handler: DerivationHandler): Cancel {
    const asked = { password, derivation, isCancelled: false };
    this.derivations.push(asked);
    this.#waiting.push({ asked, handler });
    return () => {
      asked.isCancelled = true;
    };
  }

  /** Computes what waits, and what is asked for because of that. */
  compute(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const { asked, handler } = next;
      if (!asked.isCancelled) handler.derived(fakeDigest(asked.password, asked.derivation));
    }
  }

  /** Lets the derivation that waits longest fail. */
  fail(reason: Octets): void {
    this.#waiting.shift()?.handler.failed(reason);
  }

  md5(message: Octets): Octets {
    return createHash("md5").update(message, "latin1").digest("latin1");
  }

  hmacMd5(key: Octets, message: Octets): Octets {
    return createHmac("md5", Buffer.from(key, "latin1")).update(message, "latin1").digest("latin1");
  }
}

/** A digest of the right length that depends on the password, the salt and nothing else. */
export function fakeDigest(password: Octets, derivation: KeyDerivation): Octets {
  const hex = createHash("sha512").update(`${derivation.salt}\0${password}`, "latin1").digest("hex");
  return hex.slice(0, lengthOf(derivation));
}

function lengthOf(derivation: KeyDerivation): number {
  switch (derivation.scheme) {
    case "bcrypt":
      return 31;
    case "sha256-crypt":
      return 43;
    case "sha512-crypt":
      return 86;
    default:
      return derivation.length;
  }
}
