/**
 * The PROXY header that mail servers are sent before all else: who the client is, and in version 2 how it came.
 *
 * @module
 */

import { commonNameIn } from "../auth/common_name.ts";
import type { ProxyConfig } from "../config/types.ts";
import { type ClientFacts, writeV1, writeV2 } from "../protocol/proxy_protocol/mod.ts";
import type { SocketAddress, TlsFacts } from "../runtime.ts";
import type { Facts } from "../variables/mod.ts";

/** What a header is made of. */
export type HeaderFacts = Pick<Facts, "client" | "server" | "proxied" | "tls">;

/** Writes the headers that a server block sends; `undefined` where it sends none. */
export function headerWriter(
  { protocol }: Pick<ProxyConfig, "protocol">,
): (facts: HeaderFacts) => Uint8Array | undefined {
  switch (protocol) {
    case "off":
      return () => undefined;
    case "on":
      return (facts) => writeV1({ client: facts.client, local: reached(facts) });
    case "v2":
      return ({ client, server, tls }) => writeV2({ client, local: server }, tls && clientFacts(tls));
  }
}

/**
 * The address that a client reached. At a unix socket it is the one in the PROXY header which the client's own address
 * is from: Dovecot takes no line of version 1 with port 0. In version 2, where it does, nginx has the loopback there.
 */
function reached({ server, proxied }: HeaderFacts): SocketAddress {
  return server.family === "unix" && proxied !== undefined ? proxied.destination : server;
}

/** What is told of a client over TLS. Of our own certificate nothing is: no runtime says which one it has shown. */
function clientFacts(tls: TlsFacts): ClientFacts {
  const { serverName, alpn, version, cipher, isResumed, certificate } = tls;
  return {
    authority: serverName,
    alpn,
    tls: {
      certificate: certificate === undefined ? "none" : isResumed ? "resumed" : "sent",
      verifyResult: certificate?.verifyError?.number ?? 0,
      version,
      commonName: certificate && commonNameIn(certificate.subject),
      cipher,
      signatureAlgorithm: undefined,
      keyAlgorithm: undefined,
    },
  };
}
