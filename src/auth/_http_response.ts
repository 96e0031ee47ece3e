/**
 * The response of an `auth_http` exchange, read as nginx reads it and framed as RFC 9112 frames it. This file knows
 * no socket and no meaning: bytes in, header fields out, and where the response ends.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { CR, decode, indexOfLf } from "../session/bytes.ts";
import { decimal } from "./address.ts";
import { type Body, ChunkedBody, SizedBody } from "./_http_body.ts";
import { type FieldName, fieldName, isFieldName } from "./_http_field.ts";

/** How many octets a response's head may have. nginx has room for 1024 and fails without a word past them. */
export const MAX_HEAD = 8 * 1024;

/** How many interim (1xx) responses may come before the real one. */
export const MAX_INTERIM = 8;

/** A field that says something about the login. */
export interface Field {
  readonly name: FieldName;
  readonly value: Octets;
}

/** What came before the body. */
export interface ResponseHead {
  /** The status code; 0 when there was no status line. */
  readonly status: number;
  /** The `Auth-*` fields that we know, in the order they came. */
  readonly fields: readonly Field[];
}

/** Why there is no head. */
export type Fault = "invalidResponse" | "invalidHeader" | "tooLongHead";

/**
 * How far a response is: nothing read; within its head; within a body that is being skipped; over, and the connection
 * may serve again; useful, but the connection may not serve again; without a usable head.
 */
export type ResponseState = "start" | "head" | "body" | "complete" | "spent" | "failed";

/** Reads one response after the other. How the bytes are cut up never shows. */
export class ResponseReader {
  #state: ResponseState = "start";
  #fault: Fault = "invalidResponse";
  #needsStatusLine = false;
  /** How many octets of a needed status line's `HTTP/` were seen. */
  #matched = 0;
  #isFirstLine = true;
  #status = 0;
  #minorVersion = 0;
  #fields: Field[] = [];
  /** What says where the response ends; a repeated field is one list (RFC 9110, 5.3). */
  #connection: Octets | undefined;
  #coding: Octets | undefined;
  #length: Octets | undefined;
  #headLength = 0;
  #interim = 0;
  #body: Body | undefined;
  /** The beginning of a line whose end has not come yet. */
  #held: Uint8Array | undefined;
  #heldLength = 0;

  get state(): ResponseState {
    return this.#state;
  }

  /** Why the state is `failed`. */
  get fault(): Fault {
    return this.#fault;
  }

  /** The head, once the state says that it is there. */
  get head(): ResponseHead {
    return { status: this.#status, fields: this.#fields };
  }

  /**
   * Makes ready for another response. With `needsStatusLine` one that is headers from its first octet is refused: so
   * what is left over on a connection that served before never passes for an answer.
   */
  reset(needsStatusLine: boolean): void {
    this.#state = "start";
    this.#headLength = 0;
    this.#interim = 0;
    this.#body = undefined;
    this.#startHead(needsStatusLine);
  }

  /** Takes what arrived and returns the state that follows. */
  read(bytes: Uint8Array): ResponseState {
    let at = 0;
    if (this.#state === "start" && bytes.length > 0) this.#state = "head";
    while (this.#state === "head" && at < bytes.length) at = this.#readLine(bytes, at);
    if (this.#body !== undefined && this.#state === "body") {
      at = this.#body.skip(bytes, at);
      this.#state = afterBody(this.#body);
    }
    if (this.#state === "complete" && at < bytes.length) this.#state = "spent";
    return this.#state;
  }

  #startHead(needsStatusLine: boolean): void {
    this.#needsStatusLine = needsStatusLine;
    this.#matched = 0;
    this.#isFirstLine = true;
    this.#status = 0;
    this.#minorVersion = 0;
    this.#fields = [];
    this.#connection = undefined;
    this.#coding = undefined;
    this.#length = undefined;
  }

  /** Reads one line, or keeps the beginning of one; returns where the next begins. */
  #readLine(bytes: Uint8Array, start: number): number {
    if (this.#isFirstLine && this.#needsStatusLine && !this.#matches(bytes, start)) this.#fail("invalidResponse");
    const lf = indexOfLf(bytes, start);
    const next = lf < 0 ? bytes.length : lf + 1;
    this.#headLength += next - start;
    if (this.#state === "failed") return next;
    if (this.#headLength > MAX_HEAD) this.#fail("tooLongHead");
    else if (lf >= 0 && this.#heldLength === 0) this.#takeLine(bytes, start, lf);
    else {
      const held = this.#hold(bytes, start, next);
      const length = this.#heldLength;
      if (lf >= 0) {
        this.#heldLength = 0;
        this.#takeLine(held, 0, length - 1);
      }
    }
    return next;
  }

  /** Whether the first line still begins as a status line does. */
  #matches(bytes: Uint8Array, start: number): boolean {
    for (let i = start; i < bytes.length && this.#matched < HTTP.length; i++) {
      if (bytes[i] !== HTTP.charCodeAt(this.#matched++)) return false;
    }
    return true;
  }

  #hold(bytes: Uint8Array, start: number, end: number): Uint8Array {
    this.#held ??= new Uint8Array(MAX_HEAD);
    this.#held.set(bytes.subarray(start, end), this.#heldLength);
    this.#heldLength += end - start;
    return this.#held;
  }

  /** Takes the line from `start` up to its LF. */
  #takeLine(bytes: Uint8Array, start: number, lf: number): void {
    const end = lf > start && bytes[lf - 1] === CR ? lf - 1 : lf;
    const isFirstLine = this.#isFirstLine;
    this.#isFirstLine = false;
    if (isFirstLine && startsAsHttp(bytes, start, end)) this.#takeStatusLine(bytes, start, end);
    else if (start === end) this.#endHead();
    else this.#takeField(bytes, start, end);
  }

  /** `HTTP/D.D DDD`, then a blank or nothing (RFC 9112, 4). */
  #takeStatusLine(bytes: Uint8Array, start: number, end: number): void {
    const major = digit(bytes[start + 5]);
    const minor = digit(bytes[start + 7]);
    const status = digit(bytes[start + 9]) * 100 + digit(bytes[start + 10]) * 10 + digit(bytes[start + 11]);
    const isWellFormed = end - start >= 12 && bytes[start + 6] === DOT && bytes[start + 8] === BLANK &&
      (end - start === 12 || bytes[start + 12] === BLANK);
    if (!isWellFormed || !(major > 0) || !(minor >= 0) || !(status >= 100)) return this.#fail("invalidResponse");
    this.#status = status;
    this.#minorVersion = major === 1 ? minor : 0;
  }

  #takeField(bytes: Uint8Array, start: number, end: number): void {
    let nameEnd = start;
    while (nameEnd < end && bytes[nameEnd] !== COLON) nameEnd++;
    let from = Math.min(nameEnd + 1, end);
    let to = end;
    while (from < to && bytes[from] === BLANK) from++;
    while (to > from && bytes[to - 1] === BLANK) to--;
    if (!isFieldName(bytes, start, nameEnd) || !isFieldValue(bytes, from, to)) return this.#fail("invalidHeader");
    const name = fieldName(bytes, start, nameEnd);
    if (name !== undefined) this.#keep(name, decode(bytes, from, to));
  }

  #keep(name: FieldName, value: Octets): void {
    switch (name) {
      case "connection":
        this.#connection = append(this.#connection, value);
        break;
      case "transfer-encoding":
        this.#coding = append(this.#coding, value);
        break;
      case "content-length":
        this.#length = append(this.#length, value);
        break;
      default:
        this.#fields.push({ name, value });
    }
  }

  #endHead(): void {
    if (this.#status >= 100 && this.#status < 200 && this.#status !== SWITCHING_PROTOCOLS) {
      this.#interim++;
      if (this.#interim > MAX_INTERIM) this.#fail("invalidResponse");
      else this.#startHead(true);
    } else {
      this.#body = this.#findBody();
      this.#state = afterBody(this.#body);
    }
  }

  /** What follows the head, or `undefined` when only the connection's end would end it (RFC 9112, 6.3 and 9.3). */
  #findBody(): Body | undefined {
    if (!this.#isPersistent() || this.#status === SWITCHING_PROTOCOLS) return undefined;
    if (this.#status === NO_CONTENT || this.#status === NOT_MODIFIED) return new SizedBody(0);
    if (this.#coding !== undefined) {
      // Both a coding and a length is how responses are smuggled: such a connection does not serve again.
      const isChunked = this.#coding.toLowerCase() === "chunked" && this.#minorVersion >= 1;
      return isChunked && this.#length === undefined ? new ChunkedBody() : undefined;
    }
    const octets = decimal(this.#length ?? "");
    return octets === undefined ? undefined : new SizedBody(octets);
  }

  #isPersistent(): boolean {
    if (this.#connection === undefined) return this.#minorVersion >= 1;
    const options = this.#connection.toLowerCase().split(",").map((option) => option.trim());
    return !options.includes("close") && (this.#minorVersion >= 1 || options.includes("keep-alive"));
  }

  #fail(fault: Fault): void {
    this.#state = "failed";
    this.#fault = fault;
    this.#fields = [];
  }
}

function afterBody(body: Body | undefined): ResponseState {
  if (body === undefined || body.state === "broken") return "spent";
  return body.state === "done" ? "complete" : "body";
}

function append(list: Octets | undefined, value: Octets): Octets {
  return list === undefined ? value : `${list},${value}`;
}

function startsAsHttp(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < HTTP.length) return false;
  for (let i = 0; i < HTTP.length; i++) if (bytes[start + i] !== HTTP.charCodeAt(i)) return false;
  return true;
}

/** RFC 9110, 5.5: NUL and a CR in mid-line are not ours to interpret. */
function isFieldValue(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] === 0 || bytes[i] === CR) return false;
  return true;
}

/** What a digit is worth; NaN for every other octet. */
function digit(octet: number | undefined): number {
  return octet !== undefined && octet >= 0x30 && octet <= 0x39 ? octet - 0x30 : NaN;
}

const HTTP = "HTTP/";
const BLANK = 0x20;
const DOT = 0x2e;
const COLON = 0x3a;
const SWITCHING_PROTOCOLS = 101;
const NO_CONTENT = 204;
const NOT_MODIFIED = 304;
