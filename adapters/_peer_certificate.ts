/** The certificates of a TLS peer: who it says it is, and whether that is so. */

import type { Millis, PeerCertificate } from "../src/runtime.ts";
import { Certificate } from "./_certificate.ts";
import { judgeChain, type Policy } from "./_chain.ts";
import type { TlsView } from "./_tls_handshake.ts";
import { type VerifyError, verifyError, verifyErrorOf } from "./_verify_errors.ts";

/** The peer's certificates as it sent them, its own first; those without doubles that Bun and Deno tell twice. */
export function shownCertificates(tls: TlsView): Certificate[] {
  const found: Certificate[] = [];
  const seen = new Set<unknown>();
  let next: ShownCertificate | undefined = tls.getPeerCertificate(true);
  while (next !== undefined && next.raw instanceof Uint8Array && !seen.has(next) && seen.size < LONGEST_CHAIN) {
    seen.add(next);
    const certificate = Certificate.parse(next.raw);
    if (certificate === undefined) break;
    if (found.at(-1)?.x509.fingerprint256 !== certificate.x509.fingerprint256) found.push(certificate);
    next = next.issuerCertificate;
  }
  return found;
}

/** What is looked at in the runtime's own description; it is empty for a peer without a certificate. */
interface ShownCertificate {
  readonly raw?: Uint8Array;
  readonly issuerCertificate?: ShownCertificate;
}

/**
 * Judges the clients of one server. It remembers whom it has verified in full handshakes, because a session that is
 * resumed may bring the certificate without its chain, and (on Deno) a verdict of another server with other
 * authorities.
 */
export class ClientJudge {
  readonly #policy: Policy;
  readonly #asksLibrary: boolean;
  readonly #verified = new Map<string, Millis>();

  /** `asksLibrary`: whether the library's own verdict on a full handshake counts beside ours. */
  constructor(policy: Policy, asksLibrary: boolean) {
    this.#policy = policy;
    this.#asksLibrary = asksLibrary;
  }

  judge(tls: TlsView): PeerCertificate | undefined {
    const shown = shownCertificates(tls);
    const [leaf] = shown;
    if (leaf === undefined) return undefined;
    return {
      subject: leaf.subject,
      issuer: leaf.issuer,
      serial: leaf.serial,
      fingerprint: leaf.digest("sha1"),
      pem: leaf.pem,
      verifyError: this.#errorOf(tls, leaf, shown),
    };
  }

  #errorOf(tls: TlsView, leaf: Certificate, shown: readonly Certificate[]): VerifyError | undefined {
    const now = Date.now();
    const digest = leaf.digest("sha256");
    const isResumed = tls.isSessionReused();
    if (isResumed && now <= (this.#verified.get(digest) ?? 0)) return undefined;
    const { error, until } = judgeChain(shown, this.#policy, now);
    const ours = error === undefined ? undefined : verifyError(error);
    if (isResumed) return ours;
    const verdict = this.#withSecondOpinion(tls, ours);
    if (verdict === undefined) this.#remember(digest, until);
    return verdict;
  }

  /** Ours on a full handshake beside the library's, which knows more kinds of conditions. */
  #withSecondOpinion(tls: TlsView, ours: VerifyError | undefined): VerifyError | undefined {
    if (ours !== undefined) return ours.number === UNHANDLED && tls.authorized ? undefined : ours;
    if (tls.authorized || !this.#asksLibrary) return undefined;
    return verifyErrorOf(errorCode(tls)) ?? verifyError("UNSPECIFIED");
  }

  #remember(digest: string, until: Millis): void {
    this.#verified.delete(digest);
    this.#verified.set(digest, until);
    if (this.#verified.size <= MOST_REMEMBERED) return;
    const [oldest] = this.#verified.keys();
    if (oldest !== undefined) this.#verified.delete(oldest);
  }
}

/** Node and Bun give a code, whatever the types say. */
function errorCode(tls: TlsView): unknown {
  const error: unknown = tls.authorizationError;
  return typeof error === "object" && error !== null && "code" in error ? error.code : error;
}

const UNHANDLED = verifyError("UNHANDLED_CRITICAL_EXTENSION").number;
const LONGEST_CHAIN = 12;
/** Beyond it a client whose certificate hangs on an intermediate one has to make a new session. */
const MOST_REMEMBERED = 10_000;
