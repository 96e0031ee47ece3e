/**
 * Who is it, and where do they live: the one question that a session asks, and the answers it understands. The
 * sources of answers stand beside this file.
 *
 * @module
 */

import type { Protocol } from "../config/types.ts";
import type { Cancel, Millis, Octets, SocketAddress, TlsFacts } from "../runtime.ts";
import type { UpstreamTls } from "../session/by_tls.ts";
import type { ProxiedAddresses } from "../session/mod.ts";
import type { Secret } from "../session/secret.ts";
import type { Route } from "../upstream/mod.ts";
import type { Facts } from "../variables/mod.ts";

/**
 * How the client proved itself: `plain` for everything that carries the password, the others by their mechanism, `none`
 * for mail without a login.
 */
export type AuthMethod =
  | "plain"
  | "apop"
  | "cram-md5"
  | "scram-sha-1"
  | "scram-sha-256"
  | "external"
  | "xoauth2"
  | "oauthbearer"
  | "none";

/** What a session knows of the client that wants in. */
export interface Credentials {
  readonly protocol: Protocol;
  readonly method: AuthMethod;
  /** Empty for `none`. */
  readonly login: Octets;
  /** The password, the token, or for `apop` and `cram-md5` the digest; empty for `external` and `none`. */
  readonly secret: Secret;
  /** What a digest was made with, in its angle brackets. */
  readonly salt: Octets | undefined;
  /** 1 for the first try on this connection, then 2, … */
  readonly attempt: number;
  readonly client: SocketAddress;
  /** What a PROXY header said, trusted or not. */
  readonly proxied: ProxiedAddresses | undefined;
  /** The client's verified name, `[UNAVAILABLE]` or `[TEMPUNAVAIL]`; SMTP alone has one. */
  readonly clientHost: Octets | undefined;
  /** For `none`: what the SMTP client said so far. `from` and `to` are its whole MAIL and RCPT lines. */
  readonly envelope: Envelope | undefined;
  /** `undefined` for a client in clear. */
  readonly tls: ClientTls | undefined;
  /** All that is known of the connection, for variables. */
  readonly facts: Facts;
}

/** How a client came over TLS. */
export interface ClientTls {
  readonly facts: TlsFacts;
  /** What became of its certificate: `NONE`, `SUCCESS`, `FAILED:reason`; `undefined` when none was asked for. */
  readonly verification: Octets | undefined;
}

export interface Envelope {
  readonly helo: Octets;
  readonly from: Octets;
  readonly to: Octets;
}

/** The answer. A session treats each of the three differently, so that a dead server never looks like a wrong password. */
export type Verdict = Accepted | Refused | Unavailable;

/** Let them in, and connect there. */
export interface Accepted {
  readonly type: "accepted";
  /** Where the session goes. */
  readonly route: Route;
  /** What to log in to the upstream with; the client's own unless the source replaced it. */
  readonly login: Octets;
  /** `undefined` when the client gave none and the source knows none either. */
  readonly secret: Secret | undefined;
  /** How TLS is to be spoken with the upstream, where that is not as `proxy_ssl` has it; never weaker than that. */
  readonly tls?: UpstreamTls | undefined;
  /**
   * Whether it is the upstream that checks who this is, and nobody did so before (`proxy_pass` without a source of
   * logins): its refusal is then the client's wrong password, and the client may try again.
   */
  readonly isPassThrough?: boolean;
  /** Whether the source named no server, so that the route is `proxy_pass`'s. */
  readonly isRouteOurs?: boolean;
  /** Whether it may serve for another login; also when left out. */
  readonly mayBeKept?: boolean;
  /** That it was kept for the next such login; `undefined` where nothing is kept. */
  readonly kept?: KeptVerdict;
}

/** A verdict that is kept. An upstream that refuses it shows that it holds no more. */
export interface KeptVerdict {
  /** Whether it was kept from an earlier login, so that the source may say something else by now. */
  readonly isOld: boolean;
  forget(): void;
}

/** The user's fault: a wrong password, an unknown name, a locked account. */
export interface Refused {
  readonly type: "refused";
  /** The words for the client; may be empty. */
  readonly text: Octets;
  /** How long to hold the answer back; 0 closes the connection after it (`Auth-Wait`). */
  readonly wait: Millis;
  /** What an SMTP reply begins with instead of `535 5.7.0` (`Auth-Error-Code`). */
  readonly smtpCode: Octets | undefined;
  /** What an OAuth client is told as a challenge before the refusal itself, in base64 (`Auth-Error-SASL`). */
  readonly saslError: Octets | undefined;
}

/** Our fault or the operator's: the source of answers failed. It has told the log why. */
export interface Unavailable {
  readonly type: "unavailable";
  /** Whether we were short of what it takes to ask, which speaks against no source. */
  readonly isOurs?: boolean;
}

/** Takes a line for the error log; the caller adds who, where and while doing what. */
export type Note = (level: "info" | "error", text: Octets) => void;

/** A source of verdicts. */
export interface Authenticator {
  /** Who a client is that leaves it to us to say so: EXTERNAL with an empty identity (RFC 4422, A). */
  identify?(credentials: Credentials): Octets | undefined;
  /** Calls `done` once, later or at once, unless it is cancelled before. */
  authenticate(credentials: Credentials, note: Note, done: (verdict: Verdict) => void): Cancel;
  /** Looks at once whether a file of its own has changed that the main process reads. */
  renew?(): void;
  /** Gives back what it keeps open (kept-alive connections). */
  close(): void;
}
