/**
 * DNS messages from a name server's side: reads queries and writes responses, well-formed or not. Kept apart from the
 * code under test, and never compressing, so that neither hides the other's mistakes.
 *
 * @module
 */

import { parseIpv4, parseIpv6 } from "../../src/config/ip.ts";
import type { Question, RecordData, ResourceRecord } from "../../src/dns/message.ts";
import type { Octets } from "../../src/runtime.ts";
import { concat, decode, encode } from "../../src/session/bytes.ts";

/** A query as a server sees it. */
export interface Query {
  readonly id: number;
  readonly name: Octets;
  readonly type: string;
  /** The question section, to be sent back. */
  readonly wire: Uint8Array;
}

/** What a response says. */
export interface Reply {
  readonly rcode?: number;
  readonly isTruncated?: boolean;
  readonly records?: readonly ResourceRecord[];
  /** The number of answers in the header, where it is not that of the records. */
  readonly count?: number;
}

/** Reads a query for a name without escapes. */
export function readQuery(message: Uint8Array): Query {
  const labels: Octets[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(decode(message, at + 1, at + 1 + length));
    at += length + 1;
  }
  const type = TYPES.find(([, code]) => code === message[at + 2])?.[0] ?? "?";
  const id = (message[0] ?? 0) * 256 + (message[1] ?? 0);
  return { id, name: labels.join("."), type, wire: message.slice(12, at + 5) };
}

/** Writes a response to a query, or to a question. */
export function response(to: Pick<Question, "wire">, reply: Reply & { readonly id: number }): Uint8Array {
  const { id, rcode = 0, isTruncated = false, records = [], count = records.length } = reply;
  const flags = 0x8180 + (isTruncated ? 0x0200 : 0) + rcode;
  return concat([words(id, flags, 1, count, 0, 0), to.wire, ...records.map(writeRecord)]);
}

function writeRecord({ name, ttl, data }: ResourceRecord): Uint8Array {
  const code = TYPES.find(([type]) => type === data.type)?.[1] ?? 0;
  const octets = writeData(data);
  return concat([writeName(name), words(code, 1, Math.floor(ttl / 65536), ttl % 65536, octets.length), octets]);
}

function writeData(data: RecordData): Uint8Array {
  switch (data.type) {
    case "A":
      return Uint8Array.from(parseIpv4(data.address) ?? []);
    case "AAAA":
      return words(...parseIpv6(data.address) ?? []);
    case "CNAME":
    case "PTR":
      return writeName(data.target);
    case "SRV":
      return concat([words(data.priority, data.weight, data.port), writeName(data.target)]);
  }
}

/** A name whose labels are taken as they are, of any octets but the dot. */
export function writeName(name: Octets): Uint8Array {
  const labels = name === "" ? [] : name.split(".");
  return concat([...labels.flatMap((label) => [Uint8Array.of(label.length), encode(label)]), Uint8Array.of(0)]);
}

function words(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [value >> 8, value & 255]));
}

const TYPES: readonly (readonly [RecordData["type"], number])[] = [
  ["A", 1],
  ["CNAME", 5],
  ["PTR", 12],
  ["AAAA", 28],
  ["SRV", 33],
];
