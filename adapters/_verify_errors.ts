/** OpenSSL's errors of certificate verification: numbers, and the texts that nginx sends behind `FAILED:`. */

import type { PeerCertificate } from "../src/runtime.ts";

export type VerifyError = NonNullable<PeerCertificate["verifyError"]>;
export type VerifyErrorName = keyof typeof ERRORS;

/** The number and text behind one of OpenSSL's names. */
export function verifyError(name: VerifyErrorName): VerifyError {
  const [number, text] = ERRORS[name];
  return { number, text };
}

/** The error behind what a runtime calls it; its names are nearly OpenSSL's. */
export function verifyErrorOf(code: unknown): VerifyError | undefined {
  return typeof code === "string" && Object.hasOwn(ERRORS, code) ? verifyError(code as VerifyErrorName) : undefined;
}

const ERRORS = {
  UNSPECIFIED: [1, "unspecified certificate verification error"],
  UNABLE_TO_GET_ISSUER_CERT: [2, "unable to get issuer certificate"],
  UNABLE_TO_GET_CRL: [3, "unable to get certificate CRL"],
  CERT_SIGNATURE_FAILURE: [7, "certificate signature failure"],
  CRL_SIGNATURE_FAILURE: [8, "CRL signature failure"],
  CERT_NOT_YET_VALID: [9, "certificate is not yet valid"],
  CERT_HAS_EXPIRED: [10, "certificate has expired"],
  CRL_NOT_YET_VALID: [11, "CRL is not yet valid"],
  CRL_HAS_EXPIRED: [12, "CRL has expired"],
  DEPTH_ZERO_SELF_SIGNED_CERT: [18, "self-signed certificate"],
  SELF_SIGNED_CERT_IN_CHAIN: [19, "self-signed certificate in certificate chain"],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: [20, "unable to get local issuer certificate"],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [21, "unable to verify the first certificate"],
  CERT_CHAIN_TOO_LONG: [22, "certificate chain too long"],
  CERT_REVOKED: [23, "certificate revoked"],
  PATH_LENGTH_EXCEEDED: [25, "path length constraint exceeded"],
  INVALID_PURPOSE: [26, "unsuitable certificate purpose"],
  CERT_UNTRUSTED: [27, "certificate not trusted"],
  CERT_REJECTED: [28, "certificate rejected"],
  KEYUSAGE_NO_CERTSIGN: [32, "key usage does not include certificate signing"],
  UNHANDLED_CRITICAL_EXTENSION: [34, "unhandled critical extension"],
  KEYUSAGE_NO_CRL_SIGN: [35, "key usage does not include CRL signing"],
  UNHANDLED_CRITICAL_CRL_EXTENSION: [36, "unhandled critical CRL extension"],
  INVALID_CA: [79, "invalid CA certificate"],
} as const;
