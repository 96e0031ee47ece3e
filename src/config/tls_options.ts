/**
 * What the runtime is told of TLS: the settings of a configuration and the contents of its files in one.
 *
 * @module
 */

import type { Octets, TlsClientOptions, TlsServerOptions } from "../runtime.ts";
import type { ClientTlsFiles, SslFiles } from "./ssl_files.ts";
import type { ClientTlsConfig, SslConfig } from "./ssl_types.ts";
import type { ServerConfig } from "./types.ts";

/** A server's TLS towards its clients. */
export function tlsServerOptions(
  server: ServerConfig & { readonly ssl: SslConfig },
  files: SslFiles,
): TlsServerOptions {
  const { ssl } = server;
  return {
    ...files,
    versions: ssl.versions,
    ciphers: ssl.ciphersuites === undefined ? ssl.ciphers : `${ssl.ciphersuites}:${ssl.ciphers}`,
    prefersServerCiphers: ssl.prefersServerCiphers,
    ecdhCurve: ssl.ecdhCurve,
    sessionTickets: ssl.sessionTickets,
    sessionTimeout: ssl.sessionTimeout,
    sessionContext: sessionContext(server, files),
    requestsCertificate: ssl.verifyClient !== "off",
    verifyDepth: ssl.verifyDepth,
    alpn: [server.protocol],
  };
}

/** TLS towards one server; `host` is what it is addressed by: its name or its address. */
export function tlsClientOptions(tls: ClientTlsConfig, files: ClientTlsFiles, host: Octets): TlsClientOptions {
  const name = tls.name ?? host;
  return {
    ...files,
    versions: tls.versions,
    ciphers: tls.ciphers,
    // RFC 6066, 3: no addresses in SNI.
    serverName: tls.sendsName && !ADDRESS.test(name) ? name : "",
    verifiedName: tls.verify ? name : undefined,
    verifyDepth: tls.verifyDepth,
    fingerprint: tls.fingerprint,
    reusesSessions: tls.reusesSessions,
  };
}

/**
 * The same only for servers that would judge a client in the same way, before and after a reload: a session is what is
 * left of such a judgement.
 */
function sessionContext(server: ServerConfig & { readonly ssl: SslConfig }, files: SslFiles): Octets {
  const { ssl, protocol, serverNames, position } = server;
  const certificates = files.keyPairs.map(({ certificate }) => certificate);
  const judgement = [ssl.verifyClient, ssl.verifyDepth, files.authorities, files.crl];
  return JSON.stringify([protocol, serverNames, position.file, server.listens[0]?.text, certificates, judgement]);
}

/** An address of IPv4 or IPv6. */
const ADDRESS = /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$|:/;
