/**
 * Messages to and from a name server (RFC 1035, 4). This file knows octets only: it sends nothing, and what does not
 * keep to the format is `undefined`.
 *
 * @module
 */

import { parseIp } from "../config/ip.ts";
import type { Octets } from "../runtime.ts";
import { concat } from "../session/bytes.ts";
import { encodeName, normalizeName, readName } from "./name.ts";

/** What can be asked for. */
export type QuestionType = "A" | "AAAA" | "PTR" | "SRV";

/** A name, and what is wanted of it. */
export interface Question {
  /** As `name.ts` writes it. */
  readonly name: Octets;
  readonly type: QuestionType;
  /** The question section (RFC 1035, 4.1.2). */
  readonly wire: Uint8Array;
}

/** What a record says. */
export type RecordData =
  | { readonly type: "A" | "AAAA"; readonly address: string }
  | { readonly type: "CNAME" | "PTR"; readonly target: Octets }
  | {
    readonly type: "SRV";
    readonly priority: number;
    readonly weight: number;
    readonly port: number;
    readonly target: Octets;
  };

/** A record of a type that we know (RFC 1035, 3.2). */
export interface ResourceRecord {
  readonly name: Octets;
  /** Seconds. */
  readonly ttl: number;
  readonly data: RecordData;
}

/** A response, as far as it matters here. */
export interface Response {
  readonly id: number;
  /** 0 for success. */
  readonly rcode: number;
  /** The answer had no room: it is to be asked for over TCP, and {@linkcode records} is empty. */
  readonly isTruncated: boolean;
  /** What was asked; only a server that could not read the question leaves it out. */
  readonly asked: { readonly name: Octets; readonly type: number } | undefined;
  /** The known records of the answer section, of its first {@linkcode MAX_RECORDS}. */
  readonly records: readonly ResourceRecord[];
}

/** How many records of an answer are read. The rest is left alone: some addresses have names by the hundred. */
export const MAX_RECORDS = 128;

/** The question; `undefined` when that is no name. */
export function createQuestion(name: Octets, type: QuestionType): Question | undefined {
  const normal = normalizeName(name);
  const wire = normal === undefined ? undefined : encodeName(normal);
  if (normal === undefined || wire === undefined) return undefined;
  return { name: normal, type, wire: concat([wire, Uint8Array.of(0, TYPES[type], 0, CLASS_IN)]) };
}

/** A query for one question that asks the server to find the answer itself (RFC 1035, 4.1.1). */
export function encodeQuery(id: number, question: Question): Uint8Array {
  return concat([Uint8Array.of(id >> 8, id & 255, RECURSION_DESIRED, 0, 0, 1, 0, 0, 0, 0, 0, 0), question.wire]);
}

/** Reads a response to a standard query. The sections behind the answers are not looked at. */
export function decodeResponse(message: Uint8Array): Response | undefined {
  if (message.length < HEADER) return undefined;
  const flags = word(message, 2);
  const questions = word(message, 4);
  if ((flags & QR) === 0 || (flags & OPCODE) !== 0) return undefined;
  const rcode = flags & RCODE;
  const isTruncated = (flags & TC) !== 0;
  const head = { id: word(message, 0), rcode, isTruncated };
  if (questions === 0 && rcode === FORMAT_ERROR) return { ...head, asked: undefined, records: [] };
  if (questions !== 1) return undefined;
  const name = readName(message, HEADER);
  if (name === undefined || name.end + 4 > message.length || word(message, name.end + 2) !== CLASS_IN) return undefined;
  const asked = { name: name.name, type: word(message, name.end) };
  const count = isTruncated ? 0 : Math.min(word(message, 6), MAX_RECORDS);
  const records = decodeRecords(message, name.end + 4, count);
  return records === undefined ? undefined : { ...head, asked, records };
}

/** Whether the response is to this question. */
export function isResponseTo(response: Response, question: Question): boolean {
  const { asked } = response;
  return asked === undefined || (asked.name === question.name && asked.type === TYPES[question.type]);
}

function decodeRecords(message: Uint8Array, start: number, count: number): readonly ResourceRecord[] | undefined {
  const records: ResourceRecord[] = [];
  let at = start;
  for (let i = 0; i < count; i++) {
    const owner = readName(message, at);
    if (owner === undefined || owner.end + FIXED > message.length) return undefined;
    const fields = owner.end;
    const end = fields + FIXED + word(message, fields + 8);
    if (end > message.length) return undefined;
    at = end;
    const type = TYPE_NAMES.get(word(message, fields));
    if (type === undefined || word(message, fields + 2) !== CLASS_IN) continue;
    const data = decodeData(type, message.subarray(0, end), fields + FIXED);
    if (data === undefined) return undefined;
    records.push({ name: owner.name, ttl: seconds(message, fields + 4), data });
  }
  return records;
}

/** The data from `start` to the end of `message`, which was cut off there. */
function decodeData(type: RecordType, message: Uint8Array, start: number): RecordData | undefined {
  const length = message.length - start;
  switch (type) {
    case "A":
      return length === 4 ? { type, address: message.subarray(start).join(".") } : undefined;
    case "AAAA":
      return length === 16 ? { type, address: ipv6(message, start) } : undefined;
    case "CNAME":
    case "PTR": {
      const target = readLastName(message, start);
      return target === undefined ? undefined : { type, target };
    }
    case "SRV": {
      const target = length < 7 ? undefined : readLastName(message, start + 6);
      if (target === undefined) return undefined;
      const [priority, weight, port] = [word(message, start), word(message, start + 2), word(message, start + 4)];
      return { type, priority, weight, port, target };
    }
  }
}

/** The name at `start`, if nothing follows it. */
function readLastName(message: Uint8Array, start: number): Octets | undefined {
  const read = readName(message, start);
  return read?.end === message.length ? read.name : undefined;
}

function ipv6(message: Uint8Array, start: number): string {
  const words: string[] = [];
  for (let at = start; at < start + 16; at += 2) words.push(word(message, at).toString(16));
  return parseIp(words.join(":")) ?? "";
}

/** A TTL: one with its first bit set counts as 0 (RFC 2181, 8). */
function seconds(message: Uint8Array, at: number): number {
  const ttl = word(message, at) * 65536 + word(message, at + 2);
  return ttl >= 2 ** 31 ? 0 : ttl;
}

function word(message: Uint8Array, at: number): number {
  return (message[at] ?? 0) * 256 + (message[at + 1] ?? 0);
}

type RecordType = QuestionType | "CNAME";

/** RFC 1035, 3.2.2; RFC 3596, 2.1; RFC 2782. */
const TYPES: Readonly<Record<RecordType, number>> = { A: 1, CNAME: 5, PTR: 12, AAAA: 28, SRV: 33 };
const TYPE_NAMES: ReadonlyMap<number, RecordType> = new Map(
  (["A", "CNAME", "PTR", "AAAA", "SRV"] as const).map((name) => [TYPES[name], name]),
);
const CLASS_IN = 1;

/** The header's length, and its bits (RFC 1035, 4.1.1). */
const HEADER = 12;
const QR = 0x8000;
const OPCODE = 0x7800;
const TC = 0x0200;
const RCODE = 0x000f;
/** In the upper octet of the flags. */
const RECURSION_DESIRED = 0x01;
const FORMAT_ERROR = 1;
/** What stands between a record's name and its data (RFC 1035, 4.1.3). */
const FIXED = 10;
