/**
 * What a configuration says about TLS, on both sides. Names of directives are nginx's `ssl`; all else says TLS.
 *
 * @module
 */

import type { ConfCommand } from "./conf_command.ts";
import type { Template } from "../variables/mod.ts";
import type { Millis, Octets, TlsVersion } from "../runtime.ts";
import type { NamedFile, Place } from "./types.ts";

/** Whether clients may (`on`) or must (`only`) begin TLS before they log in. */
export type StartTls = "off" | "on" | "only";

/** Where text in PEM is: in a file, or in the configuration itself, behind `data:`. */
export type PemSource = NamedFile | { readonly data: Octets; readonly place: Place };

/** A certificate with its chain, and its key. */
export interface CertificateConfig {
  readonly certificate: PemSource;
  readonly key: PemSource;
}

/** TLS with clients, from `ssl_*`. */
export interface SslConfig {
  /** At least one; several are of different key types. */
  readonly certificates: readonly CertificateConfig[];
  /** Tried in turn on keys that are encrypted. */
  readonly passphrases: readonly Octets[];
  readonly versions: readonly TlsVersion[];
  /** An OpenSSL list; suites of TLS 1.3, if there are any in it, come first. */
  readonly ciphers: Octets;
  /** The suites of TLS 1.3 alone, from `ssl_conf_command Ciphersuites`; `undefined` for the library's. */
  readonly ciphersuites: Octets | undefined;
  readonly prefersServerCiphers: boolean;
  /** An OpenSSL list, or `auto`. */
  readonly ecdhCurve: Octets;
  readonly dhparam: NamedFile | undefined;
  readonly sessionCache: SessionCacheConfig;
  readonly sessionTimeout: Millis;
  readonly sessionTickets: boolean;
  /** The first key encrypts. */
  readonly ticketKeys: readonly NamedFile[];
  readonly verifyClient: VerifyClient;
  readonly verifyDepth: number;
  /** Authorities whose names clients are told. */
  readonly clientCertificate: NamedFile | undefined;
  /** Authorities whose names they are not told. */
  readonly trustedCertificate: NamedFile | undefined;
  readonly crl: NamedFile | undefined;
  readonly certificateCompression: boolean;
  /** What only tunes OpenSSL and was given with `ssl_conf_command`, as `Options KTLS`. */
  readonly tuning: readonly Octets[];
  /** All that was given with `ssl_conf_command`. */
  readonly commands: readonly ConfCommand[];
  /** Where the directives stand that are given, by their names. */
  readonly places: Places;
}

/** Where directives stand, by their names. */
export type Places = Readonly<Record<string, Place>>;

/** Which clients are served: with `optional_no_ca` also those whose certificate is from nobody we know. */
export type VerifyClient = "off" | "on" | "optional" | "optional_no_ca";

/** Where sessions are kept. `none` tells clients that they may come back, and keeps nothing. */
export interface SessionCacheConfig {
  readonly builtin: "off" | "none" | "on" | { readonly sessions: number };
  readonly shared: { readonly name: Octets; readonly size: number } | undefined;
}

/** TLS with a server that we connect to, from `proxy_ssl_*` or `auth_http_ssl_*`. */
export interface ClientTlsConfig {
  readonly verify: boolean;
  readonly verifyDepth: number;
  /** The authorities; `undefined` for those of the runtime. */
  readonly trustedCertificate: NamedFile | undefined;
  readonly crl: NamedFile | undefined;
  /** The SHA-256 of the only certificate that is taken, in lower-case hex without colons. */
  readonly fingerprint: Octets | undefined;
  /** The name the certificate must have and that is sent; `undefined` for the name the server is addressed by. */
  readonly name: Octets | undefined;
  /** The same, worked out for each session; `undefined` where it has no variables. */
  readonly nameFor: Template | undefined;
  /** Whether the name is sent (SNI). */
  readonly sendsName: boolean;
  readonly versions: readonly TlsVersion[];
  /** As in {@linkcode SslConfig}, and the next two. */
  readonly ciphers: Octets;
  readonly ciphersuites: Octets | undefined;
  readonly tuning: readonly Octets[];
  /** What we show of ourselves. */
  readonly certificate: CertificateConfig | undefined;
  readonly passphrases: readonly Octets[];
  readonly reusesSessions: boolean;
  readonly commands: readonly ConfCommand[];
  readonly places: Places;
}

/** TLS with mail servers. */
export interface ProxySslConfig extends ClientTlsConfig {
  /** Whether TLS is spoken, from the first octet (`on`) or after STARTTLS. */
  readonly mode: "off" | "on" | "starttls";
}
