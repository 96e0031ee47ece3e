/** A certificate (RFC 5280, 4) with what the runtimes do not tell alike, read from its DER. */

import { createHash, X509Certificate } from "node:crypto";
import type { Millis, Octets } from "../src/runtime.ts";
import { childrenOf, type DerValue, hexOf, integerHex, objectIdentifier, readDer, TAG, timeOf } from "./_der.ts";
import { distinguishedName } from "./_distinguished_name.ts";
import { toPem } from "./_pem.ts";

/** What an authority may do and what a certificate is for. */
export type KeyUsage = "digitalSignature" | "keyEncipherment" | "keyAgreement" | "keyCertSign" | "crlSign";

/** One certificate. Reading it never fails: what is not there is empty, and a verifier will not take it. */
export class Certificate {
  readonly der: Uint8Array;
  readonly x509: X509Certificate;
  readonly serial: Octets;
  /** The names as they are in DER, in hex: two of them are the same if these are. */
  readonly subjectKey: Octets;
  readonly issuerKey: Octets;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
  readonly #subject: DerValue | undefined;
  readonly #issuer: DerValue | undefined;
  readonly #extensions = new Map<string, Extension>();

  constructor(x509: X509Certificate) {
    this.x509 = x509;
    this.der = new Uint8Array(x509.raw);
    const fields = childrenOf(childrenOf(readDer(this.der))[0]);
    if (fields[0]?.tag === TAG.context0) fields.shift();
    const [serial, , issuer, validity, subject] = fields;
    const [notBefore, notAfter] = childrenOf(validity);
    this.serial = integerHex(serial);
    this.#subject = subject;
    this.#issuer = issuer;
    this.subjectKey = hexOf(subject?.whole ?? NOTHING);
    this.issuerKey = hexOf(issuer?.whole ?? NOTHING);
    this.notBefore = timeOf(notBefore);
    this.notAfter = timeOf(notAfter);
    for (const extension of extensionsIn(fields.find(({ tag }) => tag === TAG.context3))) {
      this.#extensions.set(extension.oid, extension);
    }
  }

  /** A certificate from its DER, or `undefined` if the runtime cannot read it. */
  static parse(der: Uint8Array): Certificate | undefined {
    try {
      return new Certificate(new X509Certificate(der));
    } catch {
      return undefined;
    }
  }

  get subject(): Octets {
    return distinguishedName(this.#subject);
  }

  get issuer(): Octets {
    return distinguishedName(this.#issuer);
  }

  /** Lower-case hex. */
  digest(algorithm: "sha1" | "sha256"): Octets {
    return createHash(algorithm).update(this.der).digest("hex");
  }

  get pem(): Octets {
    return toPem("CERTIFICATE", this.der);
  }

  get isSelfSigned(): boolean {
    return this.subjectKey === this.issuerKey && this.isSignedBy(this);
  }

  /** Whether `issuer` says so by name and by signature. */
  isSignedBy(issuer: Certificate): boolean {
    if (this.issuerKey !== issuer.subjectKey) return false;
    try {
      return this.x509.verify(issuer.x509.publicKey);
    } catch {
      return false;
    }
  }

  /** RFC 5280, 4.2.1.9. `undefined` where the extension is not there. */
  get basicConstraints(): { readonly isAuthority: boolean; readonly pathLength: number } | undefined {
    const extension = this.#extensions.get("2.5.29.19");
    if (extension === undefined) return undefined;
    const fields = childrenOf(readDer(extension.value));
    const isAuthority = fields[0]?.tag === TAG.boolean && fields[0].content[0] !== 0;
    const length = fields.find(({ tag }) => tag === TAG.integer);
    return { isAuthority, pathLength: length === undefined ? Infinity : Number.parseInt(integerHex(length), 16) };
  }

  /** Whether the key may be used like this (RFC 5280, 4.2.1.3); without the extension it may. */
  mayBeUsedFor(...usages: readonly KeyUsage[]): boolean {
    const extension = this.#extensions.get("2.5.29.15");
    if (extension === undefined) return true;
    const bits = readDer(extension.value)?.content[1] ?? 0;
    return usages.some((usage) => (bits & USAGE_BITS[usage]) !== 0);
  }

  /** The extended usages (RFC 5280, 4.2.1.12), or `undefined` where there is no limit. */
  get purposes(): readonly string[] | undefined {
    const extension = this.#extensions.get("2.5.29.37");
    return extension === undefined ? undefined : childrenOf(readDer(extension.value)).map(objectIdentifier);
  }

  /** Whether it has conditions that nobody here can judge (RFC 5280, 4.2). */
  get hasUnknownConditions(): boolean {
    if (this.#extensions.has("2.5.29.30")) return true;
    return [...this.#extensions.values()].some(({ oid, isCritical }) => isCritical && !KNOWN_EXTENSIONS.has(oid));
  }
}

interface Extension {
  readonly oid: string;
  readonly isCritical: boolean;
  readonly value: Uint8Array;
}

/** The extensions of a certificate or a revocation list, inside their explicit tag. */
export function extensionsIn(explicit: DerValue | undefined): Extension[] {
  return childrenOf(childrenOf(explicit)[0]).map((extension) => {
    const [oid, ...rest] = childrenOf(extension);
    const isCritical = rest[0]?.tag === TAG.boolean && rest[0].content[0] !== 0;
    return { oid: objectIdentifier(oid), isCritical, value: rest.at(-1)?.content ?? NOTHING };
  });
}

const NOTHING = new Uint8Array(0);
const USAGE_BITS: Readonly<Record<KeyUsage, number>> = {
  digitalSignature: 0x80,
  keyEncipherment: 0x20,
  keyAgreement: 0x08,
  keyCertSign: 0x04,
  crlSign: 0x02,
};
/** Key usage, subject alternative name, basic constraints, policies, extended key usage. */
const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set([
  "2.5.29.15",
  "2.5.29.17",
  "2.5.29.19",
  "2.5.29.32",
  "2.5.29.37",
]);
