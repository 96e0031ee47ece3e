/**
 * Version 1 of the PROXY protocol: one line of text (PROXY, 2.1).
 *
 * @module
 */

import { parseIp } from "../../config/ip.ts";
import type { Octets, SocketAddress } from "../../runtime.ts";
import { decode, encode } from "../../session/bytes.ts";
import { hostOf, pairOf } from "./_ends.ts";
import { brokenHeader, LONGEST_V1, NO_TLVS } from "./header.ts";
import type { Ends, HeaderResult } from "./header.ts";

/**
 * Reads the line that the octets begin with. Each field is judged as soon as the blank behind it is there, and a
 * partial one by its characters. Stricter than nginx, which takes any word of hexadecimal digits, dots and colons for
 * an address, and leading zeros, which PROXY, 2.1 forbids.
 */
export function readV1(bytes: Uint8Array): HeaderResult {
  const text = decode(bytes, 0, Math.min(bytes.length, LONGEST_V1));
  const end = text.search(/[\r\n]/);
  const isEnded = end !== -1;
  const line = isEnded ? text.slice(0, end) : text;
  const rest = isEnded ? text.slice(end, end + CRLF.length) : "";
  if (line.length + CRLF.length > LONGEST_V1 || !CRLF.startsWith(rest)) return brokenHeader(text);
  const result = readLine(line, isEnded);
  if (result === "broken") return brokenHeader(text);
  if (result === "more" || rest !== CRLF) return "more";
  return { type: "header", ...result, length: line.length + CRLF.length, tlvs: NO_TLVS };
}

/** The line for an upstream. A client on a unix socket is `UNKNOWN`, as in nginx; families never mix, unlike there. */
export function writeV1(ends: Ends): Uint8Array {
  const pair = pairOf(ends);
  if (pair === undefined) return encode(`${UNKNOWN}${CRLF}`);
  const { client, local } = pair;
  const start = client.octets.length === 4 ? TCP4 : TCP6;
  const hosts = `${hostOf(client.octets)} ${hostOf(local.octets)}`;
  return encode(`${start}${hosts} ${client.port} ${local.port}${CRLF}`);
}

interface Addresses {
  readonly source: SocketAddress | undefined;
  readonly destination: SocketAddress | undefined;
}

function readLine(line: Octets, isEnded: boolean): "more" | "broken" | Addresses {
  // "The receiver must ignore anything presented before the CRLF is found."
  if (line.startsWith(UNKNOWN)) return { source: undefined, destination: undefined };
  if (line.startsWith(TCP4)) return readFields(line.slice(TCP4.length).split(" "), { family: 4, isEnded });
  if (line.startsWith(TCP6)) return readFields(line.slice(TCP6.length).split(" "), { family: 6, isEnded });
  return !isEnded && STARTS.some((start) => start.startsWith(line)) ? "more" : "broken";
}

/** The addresses and ports behind `TCP4` or `TCP6`; the last field is whole if the line is. */
function readFields(
  fields: readonly Octets[],
  { family, isEnded }: { readonly family: 4 | 6; readonly isEnded: boolean },
): "more" | "broken" | Addresses {
  const [source = "", destination = "", sourcePort = "", destinationPort = ""] = fields;
  if (fields.length > FIELDS) return "broken";
  for (const [i, field] of fields.entries()) {
    const { whole, part } = i < 2 ? ADDRESSES[family] : PORT;
    const isWhole = isEnded || i < fields.length - 1;
    if (isWhole ? !whole(field) : !part.test(field)) return "broken";
  }
  if (!isEnded) return "more";
  if (fields.length < FIELDS) return "broken";
  return {
    source: { family, host: parseIp(source) ?? source, port: Number(sourcePort) },
    destination: { family, host: parseIp(destination) ?? destination, port: Number(destinationPort) },
  };
}

/** How a field looks when it is whole, and while it arrives. */
interface Field {
  readonly whole: (text: Octets) => boolean;
  readonly part: RegExp;
}

const CRLF = "\r\n";
const UNKNOWN = "PROXY UNKNOWN";
const TCP4 = "PROXY TCP4 ";
const TCP6 = "PROXY TCP6 ";
const STARTS: readonly string[] = [UNKNOWN, TCP4, TCP6];
const FIELDS = 4;

const ADDRESSES: Readonly<Record<4 | 6, Field>> = {
  // "Heading zeroes are not permitted in front of numbers", lest they be taken for octal: the usual form has none.
  4: { whole: (text) => !text.includes(":") && parseIp(text) === text, part: /^[0-9.]{0,15}$/ },
  6: { whole: (text) => text.includes(":") && parseIp(text) !== undefined, part: /^[0-9a-fA-F:.]{0,45}$/ },
};
const PORT: Field = {
  whole: (text) => text !== "" && PORT.part.test(text) && Number(text) <= 65535,
  part: /^(?:0|[1-9][0-9]{0,4})?$/,
};
