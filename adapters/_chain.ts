/**
 * Verification of a certificate's chain (RFC 5280, 6) in OpenSSL's order and with its answers. It stands beside the
 * runtime's own: Deno's sees no revocation lists, none of them knows a depth, and a session that is resumed brings a
 * verdict that may have been another server's. What it cannot judge (constraints on names, unknown critical
 * extensions) it refuses.
 */

import type { Millis } from "../src/runtime.ts";
import type { Certificate, KeyUsage } from "./_certificate.ts";
import type { RevocationList } from "./_revocation.ts";
import type { VerifyErrorName } from "./_verify_errors.ts";

/** By what certificates are judged. */
export interface Policy {
  /** Certificates that are trusted; those that are not self-signed only help to reach one that is. */
  readonly anchors: readonly Certificate[];
  /** Empty: revocation is not looked at. Otherwise each certificate of a chain needs a list of its issuer. */
  readonly crls: readonly RevocationList[];
  /** How many authorities there may be between the certificate and its trusted root. */
  readonly depth: number;
  readonly purpose: "client" | "server";
}

/** What came of it. */
export interface Judgement {
  readonly error: VerifyErrorName | undefined;
  /** Until when the same would be said of the same chain. */
  readonly until: Millis;
}

/** Judges a certificate, with the others that its owner has shown along with it. */
export function judgeChain(shown: readonly Certificate[], policy: Policy, now: Millis): Judgement {
  const { chain, error } = buildChain(shown, policy, now);
  const errors = [
    error,
    // OpenSSL goes on after an error, and the last one counts; but a chain that is too long has no end to speak of.
    ...error === "CERT_CHAIN_TOO_LONG" ? [] : [
      ...chain.map((certificate, place) => judgeUse(certificate, place, chain, policy)),
      ...policy.crls.length === 0 || error !== undefined ? [] : judgeRevocation(chain, policy.crls, now),
      error === "UNABLE_TO_GET_ISSUER_CERT_LOCALLY" && chain.length === 1 ? LONE_LEAF : undefined,
      ...chain.toReversed().map((certificate) => judgeDates(certificate, now)),
    ],
  ];
  const ends = [...chain.map(({ notAfter }) => notAfter), ...policy.crls.map(({ nextUpdate }) => nextUpdate)];
  return { error: errors.findLast((name) => name !== undefined), until: Math.min(...ends) };
}

/** Whether a way within the depth leads from a certificate to one that is trusted; nothing else is looked at. */
export function reachesAuthority(shown: readonly Certificate[], policy: Policy, now: Millis): boolean {
  return buildChain(shown, policy, now).error === undefined;
}

interface Chain {
  readonly chain: readonly Certificate[];
  readonly error: VerifyErrorName | undefined;
}

/** From the leaf to a trusted root, as far as it goes. Signatures are verified on the way. */
function buildChain(shown: readonly Certificate[], { anchors, depth }: Policy, now: Millis): Chain {
  const chain = shown.slice(0, 1);
  for (;;) {
    const last = chain.at(-1);
    if (last === undefined) return { chain, error: "UNSPECIFIED" };
    if (last.isSelfSigned) return { chain, error: isOneOf(last, anchors) ? undefined : untrustedRoot(chain) };
    const issuer = issuerOf(last, anchors, now) ?? issuerOf(last, shown.slice(1, LONGEST_CHAIN), now);
    if (issuer === undefined || chain.includes(issuer)) return { chain, error: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY" };
    if (chain.length > depth && !issuer.isSelfSigned) return { chain, error: "CERT_CHAIN_TOO_LONG" };
    chain.push(issuer);
  }
}

/** An authority that was renewed has several certificates with one name and key: one that is valid now, else the last. */
function issuerOf(certificate: Certificate, candidates: readonly Certificate[], now: Millis): Certificate | undefined {
  const named = candidates.filter(({ subjectKey }) => subjectKey === certificate.issuerKey);
  const valid = named.filter((candidate) => judgeDates(candidate, now) === undefined);
  const others = named.filter((candidate) => !valid.includes(candidate)).sort((a, b) => b.notAfter - a.notAfter);
  return [...valid, ...others].find((candidate) => certificate.isSignedBy(candidate));
}

function isOneOf(certificate: Certificate, anchors: readonly Certificate[]): boolean {
  const digest = certificate.digest("sha256");
  return anchors.some((anchor) => anchor.subjectKey === certificate.subjectKey && anchor.digest("sha256") === digest);
}

function untrustedRoot(chain: readonly Certificate[]): VerifyErrorName {
  return chain.length === 1 ? "DEPTH_ZERO_SELF_SIGNED_CERT" : "SELF_SIGNED_CERT_IN_CHAIN";
}

/** Whether a certificate may stand where it stands. */
function judgeUse(
  certificate: Certificate,
  place: number,
  chain: readonly Certificate[],
  { purpose }: Policy,
): VerifyErrorName | undefined {
  if (certificate.hasUnknownConditions) return "UNHANDLED_CRITICAL_EXTENSION";
  const { purposes, basicConstraints } = certificate;
  if (purposes !== undefined && !purposes.includes(PURPOSES[purpose])) return "INVALID_PURPOSE";
  if (place === 0) return certificate.mayBeUsedFor(...LEAF_USAGES[purpose]) ? undefined : "INVALID_PURPOSE";
  // Version 1 knows no such extension; as a root it is trusted because it was put there.
  const isAuthority = basicConstraints?.isAuthority ?? place === chain.length - 1;
  if (!isAuthority) return "INVALID_CA";
  if (!certificate.mayBeUsedFor("keyCertSign")) return "KEYUSAGE_NO_CERTSIGN";
  const below = chain.slice(1, place).filter(({ subjectKey, issuerKey }) => subjectKey !== issuerKey).length;
  return below > (basicConstraints?.pathLength ?? Infinity) ? "PATH_LENGTH_EXCEEDED" : undefined;
}

function judgeRevocation(
  chain: readonly Certificate[],
  crls: readonly RevocationList[],
  now: Millis,
): (VerifyErrorName | undefined)[] {
  return chain.map((certificate, place) => {
    const issuer = chain[place + 1] ?? certificate;
    const answers = crls.filter(({ issuerKey }) => issuerKey === issuer.subjectKey)
      .map((crl) => crl.judge(certificate, issuer, now));
    if (answers.length === 0) return "UNABLE_TO_GET_CRL";
    // Of several lists (a new one, one of an older key) a single one that knows it as revoked is enough.
    if (answers.includes("CERT_REVOKED")) return "CERT_REVOKED";
    return answers.includes(undefined) ? undefined : answers[0];
  });
}

function judgeDates({ notBefore, notAfter }: Certificate, now: Millis): VerifyErrorName | undefined {
  if (!(notBefore <= now)) return "CERT_NOT_YET_VALID";
  return now <= notAfter ? undefined : "CERT_HAS_EXPIRED";
}

const LONE_LEAF: VerifyErrorName = "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
/** Nobody needs more, and each costs signatures to try. */
const LONGEST_CHAIN = 10;
const PURPOSES = { client: "1.3.6.1.5.5.7.3.2", server: "1.3.6.1.5.5.7.3.1" } as const;
const LEAF_USAGES: Readonly<Record<Policy["purpose"], readonly KeyUsage[]>> = {
  client: ["digitalSignature", "keyAgreement"],
  server: ["digitalSignature", "keyEncipherment", "keyAgreement"],
};
