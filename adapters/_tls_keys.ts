/**
 * Certificates and keys, looked at before a runtime sees them: Deno takes anything and then fails every handshake, and
 * Node does not see that an RSA key is not the key of an EC certificate.
 */

import { Buffer } from "node:buffer";
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { KeyPair, Octets, TlsFault } from "../src/runtime.ts";
import { readDer } from "./_der.ts";
import { isKnownEverywhere } from "./_key_encryption.ts";
import { CERTIFICATE_LABELS, derBlocks, type PemBlock, pemBlocks, pemText, toPem } from "./_pem.ts";
import { libraryText } from "./_library_text.ts";
import type { TlsTraits } from "./_tls_traits.ts";

/** A chain and its key as every runtime takes them: PEM without passphrase. */
export interface UsableKeyPair {
  readonly certificate: Octets;
  readonly key: Octets;
  readonly isRsa: boolean;
  readonly isEcdsa: boolean;
  /** When the certificate ends: milliseconds since 1970. */
  readonly expires: number;
}

/** Checks one key pair; `index` goes into the fault. */
export function checkKeyPair(pair: KeyPair, index: number, { fixedKeys }: TlsTraits): UsableKeyPair | TlsFault {
  const chain = parseCertificates(pair.certificate);
  if (typeof chain === "string") return { part: "certificate", index, text: chain };
  const key = parseKey(pair);
  if (typeof key === "string") return { part: "key", index, text: key };
  const type = typeOf(key);
  if (fixedKeys?.includes(type) === false) {
    return { part: "key", index, text: `the TLS library does not sign with keys of type ${type}` };
  }
  const [leaf] = chain;
  if (leaf === undefined || !isKeyOf(leaf, key)) {
    return { part: "mismatch", index, text: "error:05800074:x509 certificate routines::key values mismatch" };
  }
  return {
    certificate: chain.map(({ raw }) => toPem("CERTIFICATE", raw)).join(""),
    key: exportKey(key),
    isRsa: key.asymmetricKeyType?.startsWith("rsa") === true,
    isEcdsa: key.asymmetricKeyType === "ec",
    expires: Date.parse(leaf.validTo),
  };
}

/** All certificates in a PEM text, at least one; a string says what is wrong. */
export function parseCertificates(pem: Octets): X509Certificate[] | Octets {
  const blocks = derBlocks(pem, CERTIFICATE_LABELS);
  if (typeof blocks === "string") return blocks;
  if (blocks.length === 0) return NO_START_LINE;
  try {
    // Behind a TRUSTED CERTIFICATE stands what it is trusted for, which Deno would send along.
    return blocks.map((der) => new X509Certificate(readDer(der)?.whole ?? der));
  } catch {
    // Each runtime has its own words for it.
    return WRONG_TAG;
  }
}

/** Reads the first key, alone: Deno would take a certificate that stands in the same file for it. */
function parseKey({ key, passphrases }: KeyPair): KeyObject | Octets {
  const block = pemBlocks(key).find((block) => typeof block === "string" || block.label.endsWith("PRIVATE KEY"));
  if (block === undefined) return NO_START_LINE;
  if (typeof block === "string") return block;
  const isEncrypted = block.label === "ENCRYPTED PRIVATE KEY" || block.body.includes("Proc-Type: 4,ENCRYPTED");
  if (isEncrypted && passphrases.length === 0) return "error:1400006B:UI routines::processing error";
  let fault = "";
  for (const passphrase of isEncrypted ? passphrases.map((octets) => Buffer.from(octets, "latin1")) : [undefined]) {
    try {
      return createPrivateKey({
        key: pemText(block),
        format: "pem",
        ...passphrase === undefined ? {} : { passphrase },
      });
    } catch (error) {
      fault = isEncrypted ? lockedText(block) : opensslText(error);
    }
  }
  return fault;
}

/** What is said of a key that no passphrase opens. The libraries do not always tell why. */
function lockedText(block: PemBlock): Octets {
  return isKnownEverywhere(block) ? BAD_DECRYPT : `${BAD_DECRYPT}, or the TLS library does not know its encryption`;
}

function typeOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  return asymmetricKeyDetails?.namedCurve ?? String(asymmetricKeyType);
}

function isKeyOf(leaf: X509Certificate, key: KeyObject): boolean {
  try {
    return leaf.checkPrivateKey(key);
  } catch {
    return false;
  }
}

function exportKey(key: KeyObject): Octets {
  return key.export({ type: "pkcs8", format: "pem" });
}

function opensslText(error: unknown): Octets {
  const text = libraryText(error);
  return text.startsWith("error:") ? text : "error:1E08010C:DECODER routines::unsupported";
}

export const NO_START_LINE = "error:0480006C:PEM routines::no start line";
export const WRONG_TAG = "error:068000A8:asn1 encoding routines::wrong tag";
const BAD_DECRYPT = "error:1C800064:Provider routines::bad decrypt";
