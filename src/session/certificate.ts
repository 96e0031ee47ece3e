import type { Octets, TlsFacts } from "../runtime.ts";

/** `ssl_verify_client`. */
export type VerifyClient = "off" | "on" | "optional" | "optional_no_ca";

/** What a client's certificate, or the lack of one, comes to. */
export type CertificateJudgement =
  | { readonly type: "accepted" }
  /** `log` is for the operator, `reply` for the client. */
  | { readonly type: "refused"; readonly log: Octets; readonly reply: Octets };

/** Judges the certificate of a client as nginx does (`ssl_verify_client`). */
export function judgeCertificate({ certificate }: TlsFacts, verify: VerifyClient): CertificateJudgement {
  if (verify === "off") return ACCEPTED;
  if (certificate === undefined) return verify === "on" ? NO_CERTIFICATE : ACCEPTED;
  const { verifyError } = certificate;
  if (verifyError === undefined) return ACCEPTED;
  if (verify === "optional_no_ca" && UNKNOWN_ISSUER.includes(verifyError.number)) return ACCEPTED;
  const log = `client SSL certificate verify error: (${verifyError.number}:${verifyError.text})`;
  return { type: "refused", log, reply: "SSL certificate error" };
}

/** What the auth server is told: `NONE`, `SUCCESS`, or `FAILED:` with the reason. */
export function verificationText({ certificate }: TlsFacts, verify: VerifyClient): Octets | undefined {
  if (verify === "off") return undefined;
  if (certificate === undefined) return "NONE";
  return certificate.verifyError === undefined ? "SUCCESS" : `FAILED:${certificate.verifyError.text}`;
}

const ACCEPTED: CertificateJudgement = { type: "accepted" };

const NO_CERTIFICATE: CertificateJudgement = {
  type: "refused",
  log: "client sent no required SSL certificate",
  reply: "No required SSL certificate",
};

/**
 * OpenSSL's errors that only say that nobody known signed: a self-signed leaf (18) or root (19), an issuer that is not
 * there (20), a leaf that nothing verifies (21), an untrusted one (27).
 */
const UNKNOWN_ISSUER: readonly number[] = [18, 19, 20, 21, 27];
