/**
 * The PROXY protocol, by which proxies tell one another whom they speak for: reading its header from clients' proxies
 * and writing it to upstreams. All of it is pure: octets in, values out.
 *
 * @module
 */

export type { BrokenHeader, ClientFacts, Ends, HeaderResult, HeaderTlvs, ProxyHeader, TlsFacts } from "./header.ts";
export { HeaderReader, readHeader } from "./read.ts";
export type { ReceivedHeader } from "./read.ts";
export { writeV1 } from "./v1.ts";
export { writeV2 } from "./v2.ts";
