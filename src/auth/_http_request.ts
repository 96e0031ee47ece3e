/**
 * The request of an `auth_http` exchange. It names this attempt's inputs and nothing else: nothing of one request
 * gets into the next.
 *
 * @module
 */

import type { AuthHttpConfig } from "../config/types.ts";
import type { Octets, SocketAddress } from "../runtime.ts";
import { copyBriefly, encode } from "../session/bytes.ts";
import { constantOf } from "../variables/mod.ts";
import type { ClientTls, Credentials } from "./mod.ts";

type Headers = readonly (readonly [name: Octets, value: Octets])[];

const NO_HEADERS: Headers = [];

/** Whether these ask for a connection for each request: whoever has said so sends nothing more on it (RFC 9112, 9.6). */
export function askToClose(headers: AuthHttpConfig["headers"]): boolean {
  return headers.some(({ name, value }) => {
    const options = constantOf(value)?.toLowerCase().split(",").map((option) => option.trim());
    return name.toLowerCase() === "connection" && options?.includes("close") === true;
  });
}

/** Writes the requests to one server, with nginx's header names in nginx's order. */
export class RequestWriter {
  readonly #start: Uint8Array;
  readonly #end: Uint8Array;
  /** The configured headers, but for those in {@linkcode #end}. */
  readonly #headers: AuthHttpConfig["headers"];
  readonly #passesCertificate: boolean;
  readonly #out = new Writer();

  constructor(config: Pick<AuthHttpConfig, "uri" | "host" | "headers" | "passClientCert">) {
    this.#passesCertificate = config.passClientCert;
    this.#start = encode(`GET ${config.uri} HTTP/1.1\r\nHost: ${config.host}\r\nAuth-Method: `);
    const firstConstant = config.headers.findLastIndex(({ value }) => constantOf(value) === undefined) + 1;
    this.#headers = config.headers.slice(0, firstConstant);
    const constant = config.headers.slice(firstConstant);
    this.#end = encode(`${constant.map(({ name, value }) => `\r\n${name}: ${constantOf(value)}`).join("")}\r\n\r\n`);
  }

  /** The octets of one request, in memory that no other one has: they may be sent more than once. */
  write(credentials: Credentials): Uint8Array {
    const { protocol, method, login, secret, salt, attempt, client, proxied, clientHost, envelope, tls } = credentials;
    const headers = this.#headers.length === 0 ? NO_HEADERS : this.#headersFor(credentials);
    const room = headers.reduce((sum, [name, value]) => sum + name.length + value.length, NAMES_ROOM);
    const out = this.#out;
    out.begin(this.#start.length + this.#end.length + room + valuesRoom(credentials));
    out.bytes(this.#start);
    out.plain(method);
    out.plain("\r\nAuth-User: ");
    out.escaped(login);
    out.plain("\r\nAuth-Pass: ");
    out.escaped(secret.reveal());
    if (salt !== undefined) out.header("\r\nAuth-Salt: ", salt);
    out.plain("\r\nAuth-Protocol: ");
    out.plain(protocol);
    out.plain("\r\nAuth-Login-Attempt: ");
    out.plain(String(attempt));
    out.header("\r\nClient-IP: ", clientIp(client));
    if (clientHost !== undefined) out.header("\r\nClient-Host: ", clientHost);
    if (proxied !== undefined) {
      writeAddress(out, "\r\nProxy-Protocol-", proxied.source);
      writeAddress(out, "\r\nProxy-Protocol-Server-", proxied.destination);
    }
    if (envelope !== undefined) {
      out.header("\r\nAuth-SMTP-Helo: ", envelope.helo);
      out.header("\r\nAuth-SMTP-From: ", envelope.from);
      out.header("\r\nAuth-SMTP-To: ", envelope.to);
    }
    if (tls !== undefined) writeTls(out, tls, this.#passesCertificate);
    for (const [name, value] of headers) out.header(name, value);
    out.bytes(this.#end);
    return out.written();
  }

  #headersFor({ facts }: Credentials): Headers {
    return this.#headers.map(({ name, value }) => [`\r\n${name}: `, value(facts)]);
  }
}

/** Fills one buffer from the left, the same for each request. */
class Writer {
  #bytes: Uint8Array = new Uint8Array(USUAL_SIZE);
  #at = 0;

  /** Begins another request; `size` is an upper bound of its octets. */
  begin(size: number): void {
    this.#at = 0;
    if (size > this.#bytes.length || this.#bytes.length > USUAL_SIZE) {
      this.#bytes = new Uint8Array(Math.max(size, USUAL_SIZE));
    }
  }

  bytes(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Our own words, which need no look. */
  plain(octets: Octets): void {
    for (let i = 0; i < octets.length; i++) this.#bytes[this.#at++] = octets.charCodeAt(i);
  }

  /** A value that is sent as it is. CR, LF and NUL become blanks: whoever brought them here, they start no header. */
  header(name: Octets, value: Octets): void {
    this.plain(name);
    for (let i = 0; i < value.length; i++) {
      const octet = value.charCodeAt(i) & 0xff;
      this.#bytes[this.#at++] = octet === CR || octet === LF || octet === 0 ? BLANK : octet;
    }
  }

  /** nginx's escaping: `%XX` for 0x00 to 0x20 and for `%`, everything else as it is, 0x7F and 8-bit included. */
  escaped(octets: Octets): void {
    for (let i = 0; i < octets.length; i++) {
      const octet = octets.charCodeAt(i) & 0xff;
      if (octet > BLANK && octet !== PERCENT) {
        this.#bytes[this.#at++] = octet;
      } else {
        this.#bytes[this.#at++] = PERCENT;
        this.#bytes[this.#at++] = HEX.charCodeAt(octet >> 4);
        this.#bytes[this.#at++] = HEX.charCodeAt(octet & 15);
      }
    }
  }

  written(): Uint8Array {
    if (this.#at > this.#bytes.length) throw new Error("Cannot write an auth request: its size was underestimated");
    return copyBriefly(this.#bytes.subarray(0, this.#at));
  }
}

function writeAddress(out: Writer, prefix: Octets, address: SocketAddress): void {
  if (address.family === "unix") return;
  out.header(`${prefix}Addr: `, address.host);
  out.header(`${prefix}Port: `, String(address.port));
}

/** What the auth server may know of a client's TLS. A value that is not there leaves its header out. */
function writeTls(out: Writer, { facts, verification }: ClientTls, passesCertificate: boolean): void {
  out.plain("\r\nAuth-SSL: on");
  out.header("\r\nAuth-SSL-Protocol: ", facts.version);
  out.header("\r\nAuth-SSL-Cipher: ", facts.cipher);
  // Not in nginx's mail module, which knows no names; called as its variable is.
  if (facts.serverName !== undefined) out.header("\r\nAuth-SSL-Server-Name: ", facts.serverName);
  if (verification === undefined) return;
  out.header("\r\nAuth-SSL-Verify: ", verification);
  const { certificate } = facts;
  if (certificate === undefined) return;
  out.header("\r\nAuth-SSL-Subject: ", certificate.subject);
  out.header("\r\nAuth-SSL-Issuer: ", certificate.issuer);
  out.header("\r\nAuth-SSL-Serial: ", certificate.serial);
  out.header("\r\nAuth-SSL-Fingerprint: ", certificate.fingerprint);
  if (!passesCertificate) return;
  out.plain("\r\nAuth-SSL-Cert: ");
  out.escaped(certificate.pem);
}

/** As nginx prints it: a unix socket's client has no address to name. */
function clientIp(client: SocketAddress): Octets {
  return client.family === "unix" ? "unix:" : client.host;
}

/** How many octets the values of a request take at most. */
function valuesRoom({ login, secret, salt = "", client, clientHost, envelope, tls }: Credentials): number {
  const escaped = 3 * (login.length + secret.length);
  const mail = envelope === undefined ? 0 : envelope.helo.length + envelope.from.length + envelope.to.length;
  return tlsRoom(tls) + escaped + salt.length + mail + clientIp(client).length + (clientHost?.length ?? 0);
}

function tlsRoom(tls: ClientTls | undefined): number {
  if (tls === undefined) return 0;
  const {
    certificate: { subject, issuer, serial, fingerprint, pem } = NO_CERTIFICATE,
    version,
    cipher,
    serverName = "",
  } = tls.facts;
  const values = [version, cipher, serverName, tls.verification ?? "", subject, issuer, serial, fingerprint];
  return TLS_NAMES_ROOM + values.join("").length + 3 * pem.length;
}

const NO_CERTIFICATE = { subject: "", issuer: "", serial: "", fingerprint: "", pem: "" };
const TLS_NAMES_ROOM = 264;

/** Enough for all header names above, the method, the protocol, the attempt's digits and a PROXY header's addresses. */
const NAMES_ROOM = 640;

/** Few requests are longer. */
const USUAL_SIZE = 2048;

const CR = 0x0d;
const LF = 0x0a;
const BLANK = 0x20;
const PERCENT = 0x25;
const HEX = "0123456789ABCDEF";
