/** What the TLS libraries of the runtimes have of their own. */

import type { Suites } from "./_tls_ciphers.ts";

/** Differences that the code for TLS asks for; what follows from them for an operator is in the capability table. */
export interface TlsTraits {
  /** The cipher suites of TLS 1.2, where the library always offers all of them; `undefined` where it takes a list. */
  readonly fixedCiphers: Suites | undefined;
  /** The groups, likewise. */
  readonly fixedCurves: readonly string[] | undefined;
  /**
   * The types of keys that it signs with, an elliptic curve's by the name of the curve, where it takes others without a
   * word and then fails in every handshake; `undefined` where reading a key tells.
   */
  readonly fixedKeys: readonly string[] | undefined;
  /** Whether it knows TLS 1.0 and 1.1. */
  readonly hasAllVersions: boolean;
  /** Whether a server can leave out a version between others; with one that cannot, the oldest ones are served alone. */
  readonly takesGaps: boolean;
  /**
   * The highest of OpenSSL's security levels (`@SECLEVEL`) whose demands it always meets; `undefined` where the level
   * can be set, and must be for TLS 1.0 and 1.1.
   */
  readonly fixedSecurityLevel: number | undefined;
  /** Whether a server shows the first of its certificates to everybody, so that we choose by the ClientHello. */
  readonly hasOneCertificate: boolean;
  readonly takesDhparam: boolean;
  /** Whether tickets can be made with keys that are given. */
  readonly takesTicketKeys: boolean;
  /** Whether the library looks at revocation lists. */
  readonly knowsCrl: boolean;
  /** Whether its verdict on a client's certificate is OpenSSL's; rustls refuses version 1 and says little why. */
  readonly judgesClients: boolean;
  /** Whether a client's sessions can be resumed. */
  readonly reusesSessions: boolean;
  /**
   * How many handshakes of clients may begin in one turn of the event loop. Bun reads from five sockets in handshakes a
   * turn (uNetworking/uSockets#97), whatever it accepts and begins: with more, those that are over, and whose clients
   * have long left, pile up until there is no room for others.
   */
  readonly handshakesPerTurn: number;
}

export const OPENSSL: TlsTraits = {
  fixedCiphers: undefined,
  fixedCurves: undefined,
  fixedKeys: undefined,
  hasAllVersions: true,
  takesGaps: true,
  fixedSecurityLevel: undefined,
  hasOneCertificate: false,
  takesDhparam: true,
  takesTicketKeys: true,
  knowsCrl: true,
  judgesClients: true,
  reusesSessions: true,
  handshakesPerTurn: Infinity,
};

export const BORINGSSL: TlsTraits = {
  ...OPENSSL,
  takesGaps: false,
  fixedSecurityLevel: 1,
  takesDhparam: false,
  takesTicketKeys: false,
  handshakesPerTurn: 2,
};

export const RUSTLS: TlsTraits = {
  fixedCiphers: new Map([
    ["ECDHE-ECDSA-AES256-GCM-SHA384", 0xc02c],
    ["ECDHE-ECDSA-AES128-GCM-SHA256", 0xc02b],
    ["ECDHE-ECDSA-CHACHA20-POLY1305", 0xcca9],
    ["ECDHE-RSA-AES256-GCM-SHA384", 0xc030],
    ["ECDHE-RSA-AES128-GCM-SHA256", 0xc02f],
    ["ECDHE-RSA-CHACHA20-POLY1305", 0xcca8],
  ]),
  fixedCurves: ["X25519", "P-256", "P-384"],
  fixedKeys: ["rsa", "prime256v1", "secp384r1", "secp521r1", "ed25519"],
  hasAllVersions: false,
  takesGaps: true,
  fixedSecurityLevel: 2,
  hasOneCertificate: true,
  takesDhparam: false,
  takesTicketKeys: false,
  knowsCrl: false,
  judgesClients: false,
  reusesSessions: false,
  handshakesPerTurn: Infinity,
};
