/**
 * The PROXY header that mail servers are sent before all else: who the client is, and in version 2 how it came.
 *
 * @module
 */

import { commonNameIn } from "../auth/common_name.ts";
import type { ProxyConfig } from "../config/types.ts";
import { type ClientFacts, writeV1, writeV2 } from "../protocol/proxy_protocol/mod.ts";
import type { TlsFacts } from "../runtime.ts";
import type { Facts } from "../variables/mod.ts";

/** What a header is made of. */
export type HeaderFacts = Pick<Facts, "client" | "server" | "tls">;

/** Writes the headers that a server block sends; `undefined` where it sends none. */
export function headerWriter(
  { protocol }: Pick<ProxyConfig, "protocol">,
): (facts: HeaderFacts) => Uint8Array | undefined {
  switch (protocol) {
    case "off":
      return () => undefined;
    case "on":
      return ({ client, server }) => writeV1({ client, local: server });
    case "v2":
      return ({ client, server, tls }) => writeV2({ client, local: server }, tls && clientFacts(tls));
  }
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
