/** What a TLS server shows and allows, as OpenSSL wants it told. */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Octets, TlsServerOptions, TlsVersion } from "../src/runtime.ts";
import { kernelMemory } from "./_kernel.ts";
import type { OpenSsl, Pointer } from "./_openssl.ts";
import type { UsableKeyPair } from "./_tls_keys.ts";
import { sessionContextOf, withSecurityLevel } from "./_tls_options.ts";

/** What a context is made of. The options are known to be usable. */
export interface ContextParts {
  readonly options: TlsServerOptions;
  readonly pairs: readonly UsableKeyPair[];
  /** The key of session tickets, as nginx's file has it; left out for one of the library's own. */
  readonly ticketKey: Uint8Array | undefined;
}

/** Makes a context, to be freed by `SSL_CTX_free`; `undefined` where the library does not take something. */
export function createContext(library: OpenSsl, parts: ContextParts): Pointer | undefined {
  const context = library.SSL_CTX_new(library.TLS_server_method());
  if (context === library.NULL) return undefined;
  const maker = new ContextMaker(library, context);
  if (maker.make(parts)) return context;
  library.ERR_clear_error();
  library.SSL_CTX_free(context);
  return undefined;
}

class ContextMaker {
  readonly #library: OpenSsl;
  readonly #context: Pointer;

  constructor(library: OpenSsl, context: Pointer) {
    this.#library = library;
    this.#context = context;
  }

  make({ options, pairs, ticketKey }: ContextParts): boolean {
    const library = this.#library;
    const context = this.#context;
    this.#setOptions(options);
    this.#control(CTRL_MODE, MODES);
    // Otherwise one call would go on as long as a peer sends what is no mail: new keys, for a start.
    this.#control(CTRL_CLEAR_MODE, MODE_AUTO_RETRY);
    // One read for a record instead of two. With room for more of them the library moves what it has not looked at yet.
    this.#control(CTRL_SET_READ_AHEAD, 1);
    this.#control(CTRL_SET_SESS_CACHE_MODE, 0);
    library.SSL_CTX_set_timeout(context, BigInt(Math.max(1, Math.round(options.sessionTimeout / 1000))));
    const name = Buffer.from(sessionContextOf(options), "latin1");
    return library.SSL_CTX_set_session_id_context(context, name, name.length) === 1 &&
      this.#setCiphers(withSecurityLevel(options)) &&
      (options.ecdhCurve === "auto" || this.#control(CTRL_SET_GROUPS_LIST, 0, toText(options.ecdhCurve)) === 1) &&
      (ticketKey === undefined || this.#control(CTRL_SET_TICKET_KEYS, 80, longKey(ticketKey)) === 1) &&
      pairs.every((each) => this.#show(each));
  }

  /** The suites of TLS 1.3 have a list of their own, which is the library's where there are none in this one. */
  #setCiphers(list: Octets): boolean {
    const { SSL_CTX_set_cipher_list, SSL_CTX_set_ciphersuites } = this.#library;
    const names = list.split(":");
    const isSuite = (name: Octets) => name.startsWith("TLS_");
    const [suites, others] = [names.filter(isSuite), names.filter((name) => !isSuite(name))];
    return (suites.length === 0 || SSL_CTX_set_ciphersuites(this.#context, toText(suites.join(":"))) === 1) &&
      SSL_CTX_set_cipher_list(this.#context, toText(others.join(":"))) === 1;
  }

  #setOptions({ versions, prefersServerCiphers }: TlsServerOptions): void {
    const left = VERSIONS.filter(([version]) => !versions.includes(version)).map(([, bit]) => bit);
    const preference = prefersServerCiphers ? OP_CIPHER_SERVER_PREFERENCE : 0;
    const all = [...left, preference, OP_NO_RENEGOTIATION, OP_NO_COMPRESSION, OP_IGNORE_UNEXPECTED_EOF];
    this.#library.SSL_CTX_set_options(this.#context, BigInt(all.reduce((sum, bit) => sum | bit, 0)));
    // The system's configuration may have bounds of its own.
    this.#control(CTRL_SET_MIN_PROTO_VERSION, 0);
    this.#control(CTRL_SET_MAX_PROTO_VERSION, 0);
  }

  #control(command: number, number: number, memory?: Uint8Array): number {
    const { SSL_CTX_ctrl, NULL, addressOf } = this.#library;
    const amount = BigInt(number);
    return Number(SSL_CTX_ctrl(this.#context, command, amount, memory === undefined ? NULL : addressOf(memory)));
  }

  #show({ certificate, key }: UsableKeyPair): boolean {
    const library = this.#library;
    const [leaf, ...issuers] = this.#read(certificate, library.PEM_read_bio_X509);
    const [privateKey] = this.#read(key, library.PEM_read_bio_PrivateKey);
    const isTaken = leaf !== undefined && library.SSL_CTX_use_certificate(this.#context, leaf) === 1 &&
      privateKey !== undefined && library.SSL_CTX_use_PrivateKey(this.#context, privateKey) === 1;
    if (leaf !== undefined) library.X509_free(leaf);
    if (privateKey !== undefined) library.EVP_PKEY_free(privateKey);
    // They become those of the certificate that was taken last, in the place of those of another of its type.
    this.#control(CTRL_CHAIN, 0);
    const add = (issuer: Pointer) => Number(library.SSL_CTX_ctrl(this.#context, CTRL_CHAIN_CERT, BigInt(1), issuer));
    const areAdded = issuers.map((issuer) => add(issuer) === 1);
    for (const issuer of issuers) library.X509_free(issuer);
    return isTaken && areAdded.every((isAdded) => isAdded);
  }

  /** All that a text in PEM has of a kind. */
  #read(pem: Octets, read: OpenSsl["PEM_read_bio_X509"]): Pointer[] {
    const { BIO_free, BIO_new, BIO_s_mem, BIO_write, ERR_clear_error, NULL } = this.#library;
    const octets = toText(pem);
    const bio = BIO_new(BIO_s_mem());
    BIO_write(bio, octets, pem.length);
    const found: Pointer[] = [];
    for (let one = read(bio, NULL, NULL, NULL); one !== NULL; one = read(bio, NULL, NULL, NULL)) found.push(one);
    // That there is no further one is an error, too.
    ERR_clear_error();
    BIO_free(bio);
    return found;
  }
}

/** A text as C has it. */
function toText(text: Octets): Uint8Array {
  const octets = kernelMemory(text.length + 1);
  octets.set(Buffer.from(text, "latin1"));
  return octets;
}

/** A name and two keys of 32 octets, HMAC's first. nginx's shorter file has keys of 16, AES's first. */
function longKey(key: Uint8Array): Uint8Array {
  const long = kernelMemory(80);
  if (key.length === long.length) long.set(key);
  else {
    long.set(key.subarray(0, 16));
    long.set(key.subarray(32, 48), 16);
    long.set(createHash("sha256").update(key.subarray(16, 32)).digest(), 48);
  }
  return long;
}

const VERSIONS: readonly (readonly [TlsVersion, number])[] = [
  ["TLSv1", 0x04000000],
  ["TLSv1.1", 0x10000000],
  ["TLSv1.2", 0x08000000],
  ["TLSv1.3", 0x20000000],
];
/** SSL_CTX_set_options(3). */
const OP_IGNORE_UNEXPECTED_EOF = 0x80;
const OP_NO_COMPRESSION = 0x20000;
const OP_CIPHER_SERVER_PREFERENCE = 0x400000;
const OP_NO_RENEGOTIATION = 0x40000000;
/** SSL_CTX_ctrl(3): these are macros in C. */
const CTRL_MODE = 33;
const CTRL_SET_READ_AHEAD = 41;
const CTRL_SET_SESS_CACHE_MODE = 44;
const CTRL_SET_TICKET_KEYS = 59;
const CTRL_CLEAR_MODE = 78;
const CTRL_CHAIN = 88;
const CTRL_CHAIN_CERT = 89;
const CTRL_SET_GROUPS_LIST = 92;
const CTRL_SET_MIN_PROTO_VERSION = 123;
const CTRL_SET_MAX_PROTO_VERSION = 124;
const MODE_AUTO_RETRY = 0x4;
/** SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER, SSL_MODE_RELEASE_BUFFERS. */
const MODES = 0x2 | 0x10;
