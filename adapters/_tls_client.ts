/** TLS towards mail servers and whoever else we connect to. */

import { Buffer } from "node:buffer";
import { checkServerIdentity, connect, createSecureContext, type SecureContext } from "node:tls";
import type {
  Cancel,
  Millis,
  Octets,
  SecureHandler,
  SocketAddress,
  TlsClientOptions,
  TlsContext,
  TlsFacts,
  TlsFault,
} from "../src/runtime.ts";
import type { Certificate } from "./_certificate.ts";
import { judgeChain, type Policy, reachesAuthority } from "./_chain.ts";
import { codeOf } from "./_errno.ts";
import { shownCertificates } from "./_peer_certificate.ts";
import { SessionStore } from "./_session_store.ts";
import type { Census, StreamSource } from "./_socket.ts";
import { SystemAuthorities } from "./_system_authorities.ts";
import { commonFacts, Handshake, PEER_CLOSED, type TlsView } from "./_tls_handshake.ts";
import type { CipherChoice } from "./_tls_ciphers.ts";
import { checkClient, type ClientSettings } from "./_tls_options.ts";
import type { TlsTraits } from "./_tls_traits.ts";
import { type VerifyError, verifyError, verifyErrorOf } from "./_verify_errors.ts";

/** See `Runtime.createTlsClient`. */
export function createTlsClient(options: TlsClientOptions, traits: TlsTraits): ClientContext | TlsFault {
  const settings = checkClient(options, traits);
  return "part" in settings ? settings : new ClientContext(options, settings, traits);
}

/** What all connections with the same options share. */
export class ClientContext implements TlsContext {
  readonly kind = "client";
  readonly expires: Millis | undefined;
  readonly options: TlsClientOptions;
  readonly secure: SecureContext;
  readonly caveat: TlsFault | undefined;
  readonly #policy: Policy;
  readonly #system = new SystemAuthorities();
  readonly #ciphers: CipherChoice | undefined;
  /** Only what was found good is kept here: a session that is resumed is not looked at again. */
  readonly sessions: SessionStore | undefined;

  constructor(options: TlsClientOptions, given: ClientSettings, traits: TlsTraits) {
    const { policy, settings, ciphers, caveat, expires } = given;
    this.options = options;
    this.expires = expires;
    this.caveat = caveat;
    this.#ciphers = ciphers;
    this.secure = createSecureContext(settings);
    this.#policy = traits.knowsCrl ? { ...policy, crls: [] } : policy;
    this.sessions = options.reusesSessions && traits.reusesSessions ? new SessionStore() : undefined;
  }

  /** Whether the handshake came to a cipher suite that the list has. */
  allows(cipher: Octets): boolean {
    return this.#ciphers === undefined || !this.#ciphers.leftOut.includes(cipher);
  }

  /** What the runtime did not look at. A string says why the server is not taken. */
  judge(shown: readonly Certificate[]): Octets | undefined {
    const { verifiedName, fingerprint } = this.options;
    const [leaf] = shown;
    if (fingerprint !== undefined && leaf?.digest("sha256") !== fingerprint) return WRONG_FINGERPRINT;
    if (verifiedName === undefined) return undefined;
    const error = this.#policy.anchors.length === 0
      ? this.#judgeBySystem(shown)
      : this.#judgeChain(shown, this.#policy);
    return error === undefined ? undefined : verifyText(error);
  }

  /** The library has taken the chain; of ours only those answers count that it cannot give. */
  #judgeChain(shown: readonly Certificate[], policy: Policy): VerifyError | undefined {
    const { error } = judgeChain(shown, policy, Date.now());
    const isOurs = error === "CERT_CHAIN_TOO_LONG" || policy.crls.length > 0 && error !== undefined;
    return isOurs && error !== undefined ? verifyError(error) : undefined;
  }

  /**
   * With the system's authorities. More may have been shown than stands between: many servers send a root that is trusted
   * as another one's, too. The system may also trust authorities that it does not tell of: then all that was shown counts.
   */
  #judgeBySystem(shown: readonly Certificate[]): VerifyError | undefined {
    const { depth, crls } = this.#policy;
    const between = shown.slice(1).filter(({ subjectKey, issuerKey }) => subjectKey !== issuerKey);
    if (between.length <= depth && crls.length === 0) return undefined;
    const policy = { ...this.#policy, anchors: this.#system.issuersOf(shown) };
    if (crls.length > 0) return this.#judgeChain(shown, policy);
    return reachesAuthority(shown, policy, Date.now()) ? undefined : verifyError("CERT_CHAIN_TOO_LONG");
  }
}

/** What a client's handshake begins with. */
export interface ClientStart {
  readonly socket: StreamSource;
  readonly context: TlsContext;
  readonly handler: SecureHandler;
  readonly census: Census;
}

/** The context, as one of ours. */
export function ownClientContext(context: TlsContext): ClientContext {
  if (!(context instanceof ClientContext)) throw new TypeError("A TLS client was given that is not this adapter's");
  return context;
}

/** See `Runtime.secureClient`. */
export function secureClient(start: ClientStart): Cancel {
  const handshake = new ClientHandshake(start, ownClientContext(start.context));
  queueMicrotask(() => handshake.begin());
  return () => handshake.cancel();
}

class ClientHandshake extends Handshake {
  readonly #trial: ClientTrial;
  readonly #hasEnded: boolean;

  constructor(start: ClientStart, context: ClientContext) {
    super(start);
    this.#trial = new ClientTrial(context, start.socket.remote);
    this.#hasEnded = start.socket.hasEnded;
  }

  begin(): void {
    if (this.isOver) return;
    if (this.#hasEnded) return this.fail(PEER_CLOSED);
    if (this.raw.readableLength > 0) return this.fail(EARLY_DATA);
    this.whenFlushed(() => this.#connect());
  }

  #connect(): void {
    const trial = this.#trial;
    const { options, secure, sessions } = trial.context;
    const { verifiedName } = options;
    const session = trial.session();
    const tls = connect({
      socket: this.raw,
      secureContext: secure,
      servername: options.serverName,
      rejectUnauthorized: verifiedName !== undefined,
      checkServerIdentity: (_host, certificate) =>
        verifiedName === undefined ? undefined : checkServerIdentity(verifiedName, certificate),
      ...session === undefined ? {} : { session: Buffer.from(session) },
    });
    tls.once("error", (error) => {
      const refusal = trial.explain(error);
      if (refusal !== undefined) this.fail(refusal);
    });
    this.watch(tls);
    tls.once("secureConnect", () => {
      const facts = trial.judge(tls);
      if (typeof facts === "string") this.fail(facts);
      else this.succeed(tls, facts);
    });
    if (sessions !== undefined) tls.on("session", (ticket: Uint8Array) => trial.keep(ticket));
  }

  protected override abandoned(hasFailed: boolean): void {
    this.#trial.abandon(hasFailed);
  }
}

/** One handshake with a server, as far as it does not depend on whose sockets it goes over. */
export class ClientTrial {
  readonly context: ClientContext;
  readonly #server: string;
  #isOffered = false;
  /** Sessions come before the handshake is done (TLS 1.2) and long after (1.3). */
  #session: Uint8Array | undefined;
  #keepUntil: Millis = 0;

  constructor(context: ClientContext, server: SocketAddress) {
    this.context = context;
    this.#server = keyOf(server);
  }

  /** The session to resume, if there is one. */
  session(): Uint8Array | undefined {
    const session = this.context.sessions?.get(this.#server, Date.now());
    this.#isOffered = session !== undefined;
    return session;
  }

  /**
   * The facts of a handshake that is done, or why the server is not taken. Only a session that we kept has been judged:
   * Deno resumes those of all contexts for a name (denoland/deno#36228), even where another certificate is pinned.
   */
  judge(tls: TlsView): TlsFacts | Octets {
    const { context } = this;
    const facts = commonFacts(tls);
    if (!context.allows(facts.cipher)) return WRONG_CIPHER;
    if (!this.#isOffered || !facts.isResumed) {
      const shown = shownCertificates(tls);
      const refusal = context.judge(shown);
      if (refusal !== undefined) return refusal;
      this.#keepUntil = Math.min(Date.now() + LONGEST_RESUMPTION, ...shown.map(({ notAfter }) => notAfter));
      if (this.#session !== undefined) this.keep(this.#session);
    }
    return { ...facts, serverName: context.options.serverName || undefined, certificate: undefined };
  }

  /** A session made out of a resumed one would live on without anybody looking at a certificate: it is not kept. */
  keep(session: Uint8Array): void {
    this.#session = session;
    if (this.#keepUntil === 0) return;
    this.context.sessions?.put(this.#server, { session, until: this.#keepUntil }, Date.now());
  }

  /** The handshake failed or was given up. It may have been the session that the server did not like. */
  abandon(hasFailed: boolean): void {
    if (!this.#isOffered) return;
    this.context.sessions?.refuse(this.#server, Date.now() + (hasFailed ? LONGEST_DOUBT : 0));
  }

  /** What an error says about the server's certificate. The runtimes' codes are OpenSSL's, their words are not. */
  explain(error: unknown): Octets | undefined {
    const code = codeOf(error);
    const known = verifyErrorOf(code);
    if (known !== undefined) return verifyText(known);
    const isOther = code === "ERR_TLS_CERT_ALTNAME_INVALID";
    return isOther ? `certificate does not match "${this.context.options.verifiedName}"` : undefined;
  }
}

function verifyText({ number, text }: VerifyError): Octets {
  return `certificate verify error: (${number}:${text})`;
}

function keyOf(address: SocketAddress): string {
  return address.family === "unix" ? address.path : `${address.host} ${address.port}`;
}

/** What the server said in clear before the handshake may be anybody's (RFC 3207, 6; RFC 9051, 6.2.1). */
export const EARLY_DATA = "data in clear before the handshake";
const WRONG_CIPHER = "error:0A000105:SSL routines::wrong cipher returned";
const WRONG_FINGERPRINT = "certificate is not the one that is pinned";
/** A session is verified by what it was made with, so that must not be long ago. */
const LONGEST_RESUMPTION: Millis = 3_600_000;
/** How long a server gets whole handshakes only when one with a session has failed: the next would fail as well. */
const LONGEST_DOUBT: Millis = 600_000;
