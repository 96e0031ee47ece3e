/** Revocation lists (RFC 5280, 5), for runtimes that take them and do not look at them. */

import { verify } from "node:crypto";
import type { Millis, Octets } from "../src/runtime.ts";
import { type Certificate, extensionsIn } from "./_certificate.ts";
import { childrenOf, type DerValue, hexOf, integerHex, objectIdentifier, readDer, TAG, timeOf } from "./_der.ts";
import { derBlocks } from "./_pem.ts";
import { NO_START_LINE, WRONG_TAG } from "./_tls_keys.ts";
import type { VerifyErrorName } from "./_verify_errors.ts";

/** One list. */
export class RevocationList {
  readonly issuerKey: Octets;
  readonly nextUpdate: Millis;
  readonly #thisUpdate: Millis;
  readonly #serials: ReadonlySet<Octets>;
  readonly #signed: Uint8Array;
  readonly #algorithm: string;
  readonly #signature: Uint8Array;
  readonly #isUnknown: boolean;

  private constructor(body: DerValue, fields: CrlFields, signature: { algorithm: string; octets: Uint8Array }) {
    this.issuerKey = hexOf(fields.issuer.whole);
    this.#thisUpdate = timeOf(fields.thisUpdate);
    this.nextUpdate = fields.nextUpdate === undefined ? Infinity : timeOf(fields.nextUpdate);
    this.#serials = new Set(childrenOf(fields.revoked).map((entry) => integerHex(childrenOf(entry)[0])));
    // A list for some certificates only, or of changes, says so in a critical extension.
    this.#isUnknown = extensionsIn(fields.extensions).some(({ isCritical }) => isCritical);
    this.#signed = body.whole;
    this.#algorithm = signature.algorithm;
    this.#signature = signature.octets;
  }

  static parse(der: Uint8Array): RevocationList | undefined {
    const [body, algorithm, signature] = childrenOf(readDer(der));
    if (body === undefined || signature?.tag !== TAG.bitString) return undefined;
    const fields = fieldsOf(body);
    if (fields === undefined) return undefined;
    const oid = objectIdentifier(childrenOf(algorithm)[0]);
    return new RevocationList(body, fields, { algorithm: oid, octets: signature.content.subarray(1) });
  }

  /** Whether it can be relied on now, and if so, whether it has this certificate of its issuer. */
  judge(certificate: Certificate, issuer: Certificate, now: Millis): VerifyErrorName | undefined {
    if (!issuer.mayBeUsedFor("crlSign")) return "KEYUSAGE_NO_CRL_SIGN";
    if (!this.#isSignedBy(issuer)) return "CRL_SIGNATURE_FAILURE";
    if (!(this.#thisUpdate <= now)) return "CRL_NOT_YET_VALID";
    if (!(now <= this.nextUpdate)) return "CRL_HAS_EXPIRED";
    if (this.#isUnknown) return "UNHANDLED_CRITICAL_CRL_EXTENSION";
    return this.#serials.has(certificate.serial) ? "CERT_REVOKED" : undefined;
  }

  #isSignedBy(issuer: Certificate): boolean {
    const hash = HASHES.get(this.#algorithm);
    if (hash === undefined) return false;
    try {
      return verify(hash === "" ? null : hash, this.#signed, issuer.x509.publicKey, this.#signature);
    } catch {
      return false;
    }
  }
}

/** All lists in a PEM text, at least one; a string says what is wrong. */
export function parseRevocationLists(pem: Octets): RevocationList[] | Octets {
  const blocks = derBlocks(pem, [CRL_LABEL]);
  if (typeof blocks === "string") return blocks;
  const lists = blocks.map((der) => RevocationList.parse(der)).filter((list) => list !== undefined);
  if (lists.length < blocks.length) return WRONG_TAG;
  return lists.length === 0 ? NO_START_LINE : lists;
}

interface CrlFields {
  readonly issuer: DerValue;
  readonly thisUpdate: DerValue;
  readonly nextUpdate: DerValue | undefined;
  readonly revoked: DerValue | undefined;
  readonly extensions: DerValue | undefined;
}

function fieldsOf(body: DerValue): CrlFields | undefined {
  const fields = childrenOf(body);
  if (fields[0]?.tag === TAG.integer) fields.shift();
  const [, issuer, thisUpdate, ...rest] = fields;
  if (issuer === undefined || thisUpdate === undefined) return undefined;
  return {
    issuer,
    thisUpdate,
    nextUpdate: rest.find(({ tag }) => tag === UTC_TIME || tag === GENERALIZED_TIME),
    revoked: rest.find(({ tag }) => tag === TAG.sequence),
    extensions: rest.find(({ tag }) => tag === TAG.context0),
  };
}

export const CRL_LABEL = "X509 CRL";

const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
/** Hashes by signature algorithm: RSA, ECDSA, and the two Edwards curves, which have their own. */
const HASHES: ReadonlyMap<string, string> = new Map([
  ["1.2.840.113549.1.1.11", "sha256"],
  ["1.2.840.113549.1.1.12", "sha384"],
  ["1.2.840.113549.1.1.13", "sha512"],
  ["1.2.840.10045.4.3.2", "sha256"],
  ["1.2.840.10045.4.3.3", "sha384"],
  ["1.2.840.10045.4.3.4", "sha512"],
  ["1.3.101.112", ""],
  ["1.3.101.113", ""],
]);
