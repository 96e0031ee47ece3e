/** Headers made by hand, so that reading is not checked against writing alone. */

import { assertEquals } from "@std/assert";
import { HeaderReader, readHeader } from "../../../src/protocol/proxy_protocol/mod.ts";
import type { HeaderResult, HeaderTlvs, ProxyHeader } from "../../../src/protocol/proxy_protocol/mod.ts";
import { concat, encode } from "../../../src/session/bytes.ts";

export { hex, IPV4, IPV6, SIGNATURE, tlv, v2 } from "../../support/proxy_header.ts";

/** Octets as hexadecimal text. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

export const SOURCE = { family: 4, host: "192.0.2.1", port: 56324 } as const;
export const DESTINATION = { family: 4, host: "198.51.100.2", port: 143 } as const;
export const SOURCE_6 = { family: 6, host: "2001:db8::1", port: 56324 } as const;
export const DESTINATION_6 = { family: 6, host: "2001:db8::2", port: 143 } as const;

export const NO_TLVS: HeaderTlvs = { authority: undefined, alpn: undefined, tls: undefined, uniqueId: undefined };

/** A header that was read, without addresses and values unless they are given. */
export function header(length: number, facts: Partial<ProxyHeader>): HeaderResult {
  return { type: "header", source: undefined, destination: undefined, length, tlvs: NO_TLVS, ...facts };
}

/** A header that was refused. */
export function broken(reason: string): HeaderResult {
  return { type: "broken", reason };
}

/**
 * Reads a header that has `more` of the client's octets behind it: whole, cut at each place, and octet by octet, with
 * the chunks overwritten as soon as they were taken. All must come to the same, which is returned.
 */
export function readInPieces(header: Uint8Array, more: string): HeaderResult {
  const bytes = concat([header, encode(more)]);
  const whole = readHeader(bytes);
  if (whole === "more") return whole;
  const step = Math.max(1, Math.floor(header.length / 400));
  for (let at = 1; at < bytes.length; at += step) assertEquals(feed(bytes, [at]), { ...whole, rest: more });
  assertEquals(feed(bytes, Array.from(bytes.keys()).slice(1)), { ...whole, rest: more });
  for (let at = 0; at < header.length; at++) assertEquals(readHeader(bytes.subarray(0, at)), "more", `${at} octets`);
  return whole;
}

/** How many octets of these it takes until they are refused, and why. */
export function refusal(bytes: Uint8Array): { readonly after: number; readonly reason: string } | undefined {
  const reader = new HeaderReader();
  for (let at = 0; at < bytes.length; at++) {
    const result = reader.receive(bytes.slice(at, at + 1));
    if (result === "more") continue;
    return result.type === "broken" ? { after: at + 1, reason: result.reason } : undefined;
  }
  return undefined;
}

/** Feeds octets cut at some places; what is left over comes as a string. */
function feed(bytes: Uint8Array, cuts: readonly number[]): unknown {
  const reader = new HeaderReader();
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    const chunk = bytes.slice(from, to);
    const result = reader.receive(chunk);
    chunk.fill(0xff);
    from = to;
    if (result === "more") continue;
    if (result.type === "broken") return result;
    return { ...result, rest: String.fromCharCode(...result.rest, ...bytes.subarray(to)) };
  }
  return "more";
}
