/**
 * Reading the header that a peer must send first (`listen … proxy_protocol`), in either version. Nothing here guesses
 * whether a header comes: a listener is told so or not (PROXY, 5).
 *
 * @module
 */

import { concat, CR, decode, EMPTY } from "../../session/bytes.ts";
import { brokenHeader, LONGEST_V1 } from "./header.ts";
import type { BrokenHeader, HeaderResult, ProxyHeader } from "./header.ts";
import { readV1 } from "./v1.ts";
import { readV2, SIGNATURE } from "./v2.ts";

/**
 * What all octets received so far come to. However they were cut on their way, the same octets give the same header,
 * and octets that cannot become one are refused at the first that shows it.
 */
export function readHeader(bytes: Uint8Array): HeaderResult {
  if (bytes.length === 0) return "more";
  if (bytes[0] !== CR) return readV1(bytes);
  const text = decode(bytes, 0, Math.min(bytes.length, LONGEST_V1));
  if (text.startsWith(SIGNATURE)) return readV2(bytes);
  return SIGNATURE.startsWith(text) ? "more" : brokenHeader(text);
}

/** A header, and what came behind it. */
export interface ReceivedHeader extends ProxyHeader {
  /** The first of the client's own octets, in memory of their own; often none. */
  readonly rest: Uint8Array;
}

/** Gathers a header that arrives in pieces. It keeps less than 4096 octets, and is done with anything but "more". */
export class HeaderReader {
  #held: Uint8Array = EMPTY;

  /** Takes the next octets; the caller may reuse them afterwards. */
  receive(bytes: Uint8Array): "more" | BrokenHeader | ReceivedHeader {
    const all = this.#held.length === 0 ? bytes : concat([this.#held, bytes]);
    const result = readHeader(all);
    this.#held = result !== "more" ? EMPTY : all === bytes ? bytes.slice() : all;
    if (result === "more" || result.type === "broken") return result;
    return { ...result, rest: all.slice(result.length) };
  }
}
