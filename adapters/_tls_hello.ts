/**
 * The first message of a TLS client (RFC 8446, 4.1.2), read before the runtime sees it: so one code chooses the server
 * by its name, and refuses a client of another protocol (ALPACA), for three TLS libraries. Deno's would call back with
 * an empty name where there is none, Bun's and Deno's have no choice by anything else.
 */

import type { Octets } from "../src/runtime.ts";
import { KEY_NAME } from "./_ticket_keys.ts";

/** What is looked at in a ClientHello. */
export interface ClientHello {
  /** `server_name` in lower case. */
  readonly serverName: Octets | undefined;
  /** The application protocols offered; empty for none. */
  readonly alpn: readonly Octets[];
  /** Whether an ECDSA certificate may be shown. */
  readonly takesEcdsa: boolean;
  /** The cipher suites offered, in the client's order. */
  readonly suites: readonly number[];
  /** Whether the client speaks TLS 1.3, which has suites of its own. */
  readonly offersTls13: boolean;
  /** The name of the key that the client's ticket was made with, if it comes with one. */
  readonly ticketKey: Uint8Array | undefined;
}

/** Octets of the longest hello that is taken. Real ones stay below a quarter of it, tickets with certificates included. */
export const LONGEST_HELLO = 0x4000;

/**
 * Reads the octets received so far: a string says why they are no ClientHello, a number how many there must be at least
 * for another look to be worth it.
 */
export function readClientHello(bytes: Uint8Array): ClientHello | Octets | number {
  const message = joinRecords(bytes);
  if (!(message instanceof Uint8Array)) return message;
  const hello = new Reader(message);
  hello.skip(1);
  const body = new Reader(hello.vector(3));
  body.skip(2 + 32);
  body.vector(1);
  const suites = numbersIn(body.vector(2));
  body.vector(1);
  const extensions = body.left === 0 ? new Map<number, Uint8Array>() : readExtensions(new Reader(body.vector(2)));
  if (hello.isBroken || body.isBroken || extensions === undefined) return BAD_LENGTH;
  return {
    serverName: readServerName(extensions.get(0)),
    alpn: readAlpn(extensions.get(16)),
    takesEcdsa: takesEcdsa(extensions.get(13), suites),
    suites,
    offersTls13: numbersIn(new Reader(extensions.get(43) ?? NOTHING).vector(1)).includes(TLS_1_3),
    ticketKey: keyNameOf(readFirstIdentity(extensions.get(41)) ?? extensions.get(35)),
  };
}

/** The first handshake message, put together from its records (RFC 8446, 5.1). */
function joinRecords(bytes: Uint8Array): Uint8Array | Octets | number {
  const message = new Uint8Array(bytes.length);
  let length = 0;
  let wanted = HANDSHAKE_HEADER;
  let at = 0;
  while (at < bytes.length) {
    const [type, major = 3, minor = 0, high = 0, low = 0] = bytes.subarray(at, at + RECORD_HEADER);
    if (type !== HANDSHAKE) return isHttp(bytes) ? HTTP_REQUEST : WRONG_VERSION;
    if (major !== 3 || minor > 4) return WRONG_VERSION;
    if (bytes.length < at + RECORD_HEADER) break;
    const size = high * 256 + low;
    if (size === 0 || size > LONGEST_RECORD) return "error:0A0000C6:SSL routines::packet length too long";
    const part = bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + size);
    message.set(part, length);
    length += part.length;
    if (length >= HANDSHAKE_HEADER) {
      const fault = judgeHeader(message);
      if (fault !== undefined) return fault;
      wanted = HANDSHAKE_HEADER + sizeOf(message);
      if (length >= wanted) return message.subarray(0, wanted);
    }
    if (part.length < size) break;
    at += RECORD_HEADER + size;
  }
  // What is missing may come in one record: the one that has begun, or another.
  return Math.max(bytes.length, at + RECORD_HEADER) + wanted - length;
}

function judgeHeader(message: Uint8Array): Octets | undefined {
  if (message[0] !== CLIENT_HELLO) return UNEXPECTED_MESSAGE;
  return sizeOf(message) > LONGEST_HELLO ? "error:0A000098:SSL routines::excessive message size" : undefined;
}

function sizeOf([, high = 0, middle = 0, low = 0]: Uint8Array): number {
  return high * 0x10000 + middle * 0x100 + low;
}

function readExtensions(reader: Reader): Map<number, Uint8Array> | undefined {
  const found = new Map<number, Uint8Array>();
  while (reader.left > 0) {
    const type = reader.number(2);
    found.set(type, reader.vector(2));
  }
  return reader.isBroken ? undefined : found;
}

/** RFC 6066, 3: the one `host_name` in the list. */
function readServerName(extension: Uint8Array | undefined): Octets | undefined {
  if (extension === undefined) return undefined;
  const list = new Reader(new Reader(extension).vector(2));
  if (list.number(1) !== 0) return undefined;
  const name = text(list.vector(2));
  return list.isBroken || name.length === 0 || name.length > 255 || name.includes("\0")
    ? undefined
    : name.toLowerCase();
}

/** RFC 7301, 3.1. */
function readAlpn(extension: Uint8Array | undefined): Octets[] {
  if (extension === undefined) return [];
  const list = new Reader(new Reader(extension).vector(2));
  const names: Octets[] = [];
  while (list.left > 0 && !list.isBroken) names.push(text(list.vector(1)));
  return names;
}

/** RFC 8446, 4.2.3, and for those who stop at TLS 1.2 a suite with ECDSA. */
function takesEcdsa(signatures: Uint8Array | undefined, suites: readonly number[]): boolean {
  const schemes = signatures === undefined ? [] : numbersIn(new Reader(signatures).vector(2));
  return schemes.some((scheme) => ECDSA_SCHEMES.has(scheme)) &&
    suites.some((suite) => suite >> 8 === 0x13 || ECDSA_SUITES.has(suite));
}

/** RFC 8446, 4.2.11: of several sessions the client likes the first best. */
function readFirstIdentity(extension: Uint8Array | undefined): Uint8Array | undefined {
  return extension && new Reader(new Reader(extension).vector(2)).vector(2);
}

/** RFC 5077, 4. An empty ticket asks for one. */
function keyNameOf(ticket: Uint8Array | undefined): Uint8Array | undefined {
  return ticket === undefined || ticket.length < KEY_NAME ? undefined : ticket.subarray(0, KEY_NAME);
}

function numbersIn(bytes: Uint8Array): number[] {
  const reader = new Reader(bytes);
  const numbers: number[] = [];
  while (reader.left >= 2) numbers.push(reader.number(2));
  return numbers;
}

/** Takes numbers and vectors off the front; past the end it gives zeros and remembers that it is broken. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  isBroken = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.isBroken ? 0 : this.#bytes.length - this.#at;
  }

  number(octets: number): number {
    let value = 0;
    const end = this.#at + octets;
    this.skip(octets);
    if (!this.isBroken) { for (let at = end - octets; at < end; at++) value = value * 256 + (this.#bytes[at] ?? 0); }
    return value;
  }

  vector(lengthOctets: number): Uint8Array {
    return this.#take(this.number(lengthOctets));
  }

  skip(octets: number): void {
    if (octets > this.left) this.isBroken = true;
    if (!this.isBroken) this.#at += octets;
  }

  #take(octets: number): Uint8Array {
    this.skip(octets);
    return this.isBroken ? NOTHING : this.#bytes.subarray(this.#at - octets, this.#at);
  }
}

function text(bytes: Uint8Array): Octets {
  return String.fromCharCode(...bytes);
}

function isHttp(bytes: Uint8Array): boolean {
  return /^(GET|POST|HEAD|PUT) /.test(text(bytes.subarray(0, 5)));
}

/** Octets before what a record has, and before what a handshake message has. */
const RECORD_HEADER = 5;
const HANDSHAKE_HEADER = 4;
const CLIENT_HELLO = 1;
const HANDSHAKE = 22;
const UNEXPECTED_MESSAGE = "error:0A0000F4:SSL routines::unexpected message";
const TLS_1_3 = 0x0304;
const LONGEST_RECORD = 0x4000;
const NOTHING = new Uint8Array(0);
const WRONG_VERSION = "error:0A00010B:SSL routines::wrong version number";
const HTTP_REQUEST = "error:0A00009C:SSL routines::http request";
const BAD_LENGTH = "error:0A00009F:SSL routines::length mismatch";
/** `ecdsa_secp256r1_sha256` and its sisters. */
const ECDSA_SCHEMES: ReadonlySet<number> = new Set([0x0403, 0x0503, 0x0603]);
/** ECDHE-ECDSA with AES-GCM and ChaCha20-Poly1305. */
const ECDSA_SUITES: ReadonlySet<number> = new Set([0xc02b, 0xc02c, 0xcca9]);
