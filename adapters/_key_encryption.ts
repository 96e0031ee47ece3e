/** How a key is encrypted, for a fault that is not to blame the passphrase for what a runtime does not know. */

import { childrenOf, type DerValue, objectIdentifier, readDer } from "./_der.ts";
import { derOf, type PemBlock } from "./_pem.ts";

/** Whether every runtime knows the encryption of a key, so that only the passphrase can be wrong. */
export function isKnownEverywhere(block: PemBlock): boolean {
  if (block.label !== "ENCRYPTED PRIVATE KEY") return /^DEK-Info: (?:AES-\d+-CBC|DES-EDE3-CBC),/m.test(block.body);
  const [algorithm] = childrenOf(readDer(derOf(block) ?? NOTHING));
  const [scheme, parameters] = childrenOf(algorithm);
  const [derivation, cipher] = childrenOf(parameters);
  return objectIdentifier(scheme) === PBES2 && isPbkdf2WithSha256(derivation) &&
    AES_CBC.includes(objectIdentifier(childrenOf(cipher)[0]));
}

/** RFC 8018, A.2: the hash is the last of the parameters, and SHA-1 where it is left out. */
function isPbkdf2WithSha256(derivation: DerValue | undefined): boolean {
  const [algorithm, parameters] = childrenOf(derivation);
  const hash = childrenOf(parameters).at(-1);
  return objectIdentifier(algorithm) === PBKDF2 && objectIdentifier(childrenOf(hash)[0]) === HMAC_WITH_SHA256;
}

const NOTHING = new Uint8Array(0);
const PBES2 = "1.2.840.113549.1.5.13";
const PBKDF2 = "1.2.840.113549.1.5.12";
const HMAC_WITH_SHA256 = "1.2.840.113549.2.9";
/** Keys of 128, 192 and 256 bits. */
const AES_CBC: readonly string[] = ["2.16.840.1.101.3.4.1.2", "2.16.840.1.101.3.4.1.22", "2.16.840.1.101.3.4.1.42"];
