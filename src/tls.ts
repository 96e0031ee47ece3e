/**
 * What TLS is to the core: options that are asked for, what comes of a handshake. The adapters have the handshakes
 * themselves, see `Runtime`.
 *
 * @module
 */

import type { Millis, Octets, Socket } from "./runtime.ts";

export type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";

/** All versions, the oldest first, which is also the order of their names. */
export const TLS_VERSIONS: readonly TlsVersion[] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

/** The versions that are missing between others. */
export function missingVersions(versions: readonly TlsVersion[]): readonly TlsVersion[] {
  const isIn = TLS_VERSIONS.map((version) => versions.includes(version));
  const within = TLS_VERSIONS.slice(isIn.indexOf(true), isIn.lastIndexOf(true));
  return within.filter((version) => !versions.includes(version));
}

/** A certificate chain with its key, both in PEM. */
export interface KeyPair {
  /** The leaf first, then the chain. */
  readonly certificate: Octets;
  readonly key: Octets;
  /** Tried in turn on a key that is encrypted. */
  readonly passphrases: readonly Octets[];
}

/** What a TLS server is, from `ssl_*`. All files have been read: PEM is an octet string. */
export interface TlsServerOptions {
  /** At least one; several are of different key types. */
  readonly keyPairs: readonly KeyPair[];
  readonly versions: readonly TlsVersion[];
  /** An OpenSSL cipher list for TLS 1.2 and below. */
  readonly ciphers: Octets;
  readonly prefersServerCiphers: boolean;
  /** An OpenSSL list of groups; `auto` leaves the choice to the runtime. */
  readonly ecdhCurve: Octets;
  readonly dhparam: Octets | undefined;
  readonly sessionTickets: boolean;
  /** Asked with each handshake. */
  readonly ticketKeys: TicketKeys;
  /** How long a session may be resumed. */
  readonly sessionTimeout: Millis;
  /** Keeps sessions of one server block from being resumed at another. */
  readonly sessionContext: Octets;
  /** Whether a client is asked for a certificate. It is never refused by the runtime for one: the core judges. */
  readonly requestsCertificate: boolean;
  /** The authorities for client certificates, in PEM; empty for none. */
  readonly authorities: Octets;
  /** Revocation lists in PEM; empty for none. */
  readonly crl: Octets;
  readonly verifyDepth: number;
  /** The application protocols we speak: a client that offers others only is refused with an alert. */
  readonly alpn: readonly string[];
}

/**
 * Gives the keys of session tickets that are in force, each as nginx's key file has it, 48 or 80 octets: the first makes
 * tickets, all of them are taken. The same keys are the same array. None leaves keys to the runtime, as does a runtime
 * that takes none.
 */
export type TicketKeys = () => readonly Uint8Array[];

/** What a TLS client wants of a server, from `proxy_ssl_*`. */
export interface TlsClientOptions {
  readonly keyPair: KeyPair | undefined;
  readonly versions: readonly TlsVersion[];
  readonly ciphers: Octets;
  /** The name in SNI; empty for none. */
  readonly serverName: Octets;
  /** The name that the certificate must be for, or `undefined` when the certificate is not looked at. */
  readonly verifiedName: Octets | undefined;
  /** The authorities in PEM; empty for the system's. */
  readonly authorities: Octets;
  readonly crl: Octets;
  readonly verifyDepth: number;
  /** The SHA-256 of the only certificate that is taken, in lower-case hex without colons. */
  readonly fingerprint: Octets | undefined;
  readonly reusesSessions: boolean;
}

/** Options that a runtime has looked at and found usable; what is in it is the adapter's. */
export interface TlsContext {
  readonly kind: "server" | "client";
  /** When the first of the certificates that it shows ends, on the wall clock; `undefined` when it shows none. */
  readonly expires: Millis | undefined;
  /** What an operator must know of how it does what was asked: about which part, and a sentence without a full stop. */
  readonly caveat: TlsFault | undefined;
}

/** What is wrong with options for TLS. */
export interface TlsFault {
  readonly part:
    | "certificate"
    | "key"
    /** The key is not the certificate's. */
    | "mismatch"
    | "authorities"
    | "crl"
    | "versions"
    | "ciphers"
    | "curves"
    | "dhparam";
  /** Which key pair it is about, or which file of authorities where there are several; else 0. */
  readonly index: number;
  /** OpenSSL's error where it has one, such as `error:0480006C:PEM routines::no start line`. */
  readonly text: Octets;
}

/** What became known of a peer in a TLS handshake. */
export interface TlsFacts {
  readonly version: TlsVersion;
  /** OpenSSL's name of the cipher suite. */
  readonly cipher: Octets;
  /** The server name the client asked for. */
  readonly serverName: Octets | undefined;
  readonly alpn: Octets | undefined;
  readonly isResumed: boolean;
  /** The client's certificate, if it showed one. */
  readonly certificate: PeerCertificate | undefined;
}

/** A client's certificate. */
export interface PeerCertificate {
  /** Distinguished names as RFC 2253 writes them, most specific part first. */
  readonly subject: Octets;
  readonly issuer: Octets;
  /** Upper-case hex. */
  readonly serial: Octets;
  /** SHA-1, lower-case hex. */
  readonly fingerprint: Octets;
  readonly pem: Octets;
  /** `undefined` when it was verified: chain, dates, purpose, depth and revocation. */
  readonly verifyError: { readonly number: number; readonly text: Octets } | undefined;
}

/** What becomes of a handshake. Exactly one of the two is called, unless it is cancelled. */
export interface SecureHandler {
  /** The socket that speaks in clear over TLS; the one it was made of is not to be used any more. */
  secured(socket: Socket, facts: TlsFacts): void;
  /** The connection is closed already. `text` is what the TLS library says. */
  failed(text: Octets): void;
}

/** Tells what is wrong with TLS options from what was made of them. */
export function isFault(value: TlsContext | TlsFault): value is TlsFault {
  return "part" in value;
}

/** As nginx writes a handshake that failed. A peer that left is no fault of the library's. */
export function describeHandshakeFailure(text: Octets): Octets {
  return text === PEER_CLOSED ? text : `SSL_do_handshake() failed (SSL: ${text})`;
}

/** What {@linkcode SecureHandler.failed} is told when the peer ended the connection in the handshake. */
const PEER_CLOSED = "peer closed connection in SSL handshake";
