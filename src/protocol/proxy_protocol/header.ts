/**
 * What a PROXY header says, whichever version it is written in. "PROXY" sections are those of HAProxy's
 * proxy-protocol.txt, which is the only specification there is.
 *
 * @module
 */

import type { Octets, SocketAddress } from "../../runtime.ts";

/**
 * A header that was understood. Its addresses are what its sender claims: they count only when the sender is trusted
 * (`set_real_ip_from`). IPv6 addresses are in their usual form; `::ffff:a.b.c.d` stays an IPv6 address.
 */
export interface ProxyHeader {
  readonly type: "header";
  /** Who opened the connection. `undefined` where only the connection itself knows (UNKNOWN, LOCAL, no stream). */
  readonly source: SocketAddress | undefined;
  /** The address that the client reached; there exactly when `source` is. */
  readonly destination: SocketAddress | undefined;
  /** Octets of the header: what follows them is the client's. */
  readonly length: number;
  readonly tlvs: HeaderTlvs;
}

/** Octets that are no header and cannot become one. `reason` is what nginx logs; the peer's octets in it are raw. */
export interface BrokenHeader {
  readonly type: "broken";
  readonly reason: Octets;
}

/** What the octets received so far come to. */
export type HeaderResult = "more" | BrokenHeader | ProxyHeader;

/** What a version 2 header can tell of a client besides its addresses (PROXY, 2.2.1 to 2.2.6). */
export interface ClientFacts {
  /** The server name that the client asked for (SNI). */
  readonly authority: Octets | undefined;
  /** The application protocol that was agreed upon (ALPN), without its length. */
  readonly alpn: Octets | undefined;
  /** `undefined` for a client without TLS. */
  readonly tls: TlsFacts | undefined;
}

/** The type-length-values of a header that mean something to us. */
export interface HeaderTlvs extends ClientFacts {
  /** What the sender calls this connection: at most 128 octets of any kind. */
  readonly uniqueId: Octets | undefined;
}

/** How a client came over TLS (PROXY, 2.2.6). */
export interface TlsFacts {
  /** Whether the client showed a certificate, on this connection or on the one whose session it resumed. */
  readonly certificate: "none" | "sent" | "resumed";
  /** 0 for a certificate that was verified. Without a certificate it means nothing, whatever it is. */
  readonly verifyResult: number;
  /** Such as `TLSv1.3`. */
  readonly version: Octets | undefined;
  /** The common name in the client's certificate, in UTF-8. */
  readonly commonName: Octets | undefined;
  readonly cipher: Octets | undefined;
  /** How the server's certificate is signed, such as `RSA-SHA256`. */
  readonly signatureAlgorithm: Octets | undefined;
  /** The key in the server's certificate, such as `RSA2048` or `EC256`. */
  readonly keyAlgorithm: Octets | undefined;
}

/** A connection as an upstream is told of it. */
export interface Ends {
  /** Who the client is: its address, or that of a trusted PROXY header. */
  readonly client: SocketAddress;
  /** The address that the client reached. */
  readonly local: SocketAddress;
}

/** A header without type-length-values. */
export const NO_TLVS: HeaderTlvs = { authority: undefined, alpn: undefined, tls: undefined, uniqueId: undefined };

/**
 * The verdict on octets that are no header, with nginx's text for it: what has arrived up to the first CR or LF, here
 * at most 107 octets. Of what does not even begin as a header it is the first word: what follows that may be a password
 * of a client who came here by mistake.
 */
export function brokenHeader(text: Octets): BrokenHeader {
  const end = text.search(text.startsWith("PROXY ") ? /[\r\n]/ : /[\r\n ]/);
  return { type: "broken", reason: `broken header: "${text.slice(0, end === -1 ? LONGEST_V1 : end)}"` };
}

/** PROXY, 2.1: the longest line of version 1, its CRLF included. */
export const LONGEST_V1 = 107;
