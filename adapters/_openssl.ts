/**
 * OpenSSL's own calls for TLS towards clients, by way of each runtime's foreign function interface: those that Node has
 * within it, and on Deno those of the system's library. With them TLS is spoken on the kernel's sockets, without the
 * runtime's streams and handles between (`bench/README.md`).
 *
 * No call is handed a function of ours, and none keeps an address of ours behind its return.
 */

import process from "node:process";
import type { Octets } from "../src/runtime.ts";
import { type DenoForeign, hasDenoForeign, kernelMemory, nodeForeign } from "./_kernel.ts";
import { libraryText } from "./_library_text.ts";

/** An address in the library's memory. Node has a number for it, Deno an object. */
export type Pointer = { readonly address: unique symbol };

type Size = number | bigint;

/** The calls, named as OpenSSL names them. Whatever is not described here its manual pages describe. */
export interface OpenSsl {
  /** The address of nothing. */
  readonly NULL: Pointer;
  /** Where an array of {@linkcode kernelMemory} is. */
  addressOf(memory: Uint8Array): Pointer;
  BIO_ctrl(bio: Pointer, command: number, number: Size, pointer: Pointer): Size;
  BIO_f_buffer(): Pointer;
  BIO_free(bio: Pointer): number;
  BIO_new(method: Pointer): Pointer;
  BIO_new_socket(descriptor: number, closesIt: number): Pointer;
  BIO_pop(bio: Pointer): Pointer;
  BIO_push(bio: Pointer, next: Pointer): Pointer;
  BIO_s_mem(): Pointer;
  BIO_up_ref(bio: Pointer): number;
  BIO_write(bio: Pointer, octets: Uint8Array, length: number): number;
  ERR_clear_error(): void;
  ERR_error_string_n(code: Size, text: Uint8Array, length: Size): void;
  ERR_get_error(): Size;
  EVP_PKEY_free(key: Pointer): void;
  OpenSSL_version_num(): Size;
  PEM_read_bio_PrivateKey(bio: Pointer, into: Pointer, callback: Pointer, user: Pointer): Pointer;
  PEM_read_bio_X509(bio: Pointer, into: Pointer, callback: Pointer, user: Pointer): Pointer;
  SSL_CIPHER_description(cipher: Pointer, text: Uint8Array, length: number): Pointer;
  SSL_CIPHER_get_protocol_id(cipher: Pointer): number;
  SSL_CTX_ctrl(context: Pointer, command: number, number: Size, pointer: Pointer): Size;
  SSL_CTX_free(context: Pointer): void;
  SSL_CTX_new(method: Pointer): Pointer;
  SSL_CTX_set_cipher_list(context: Pointer, list: Uint8Array): number;
  SSL_CTX_set_ciphersuites(context: Pointer, list: Uint8Array): number;
  SSL_CTX_set_options(context: Pointer, options: Size): Size;
  SSL_CTX_set_session_id_context(context: Pointer, name: Uint8Array, length: number): number;
  SSL_CTX_set_timeout(context: Pointer, seconds: Size): Size;
  SSL_CTX_use_PrivateKey(context: Pointer, key: Pointer): number;
  SSL_CTX_use_certificate(context: Pointer, certificate: Pointer): number;
  SSL_do_handshake(ssl: Pointer): number;
  SSL_free(ssl: Pointer): void;
  SSL_get_current_cipher(ssl: Pointer): Pointer;
  SSL_get_error(ssl: Pointer, result: number): number;
  SSL_get_rbio(ssl: Pointer): Pointer;
  SSL_new(context: Pointer): Pointer;
  SSL_peek(ssl: Pointer, octets: Uint8Array, length: number): number;
  SSL_read(ssl: Pointer, octets: Uint8Array, length: number): number;
  SSL_session_reused(ssl: Pointer): number;
  SSL_set0_rbio(ssl: Pointer, bio: Pointer): void;
  SSL_set_accept_state(ssl: Pointer): void;
  SSL_set_bio(ssl: Pointer, reads: Pointer, writes: Pointer): void;
  SSL_shutdown(ssl: Pointer): number;
  SSL_version(ssl: Pointer): number;
  SSL_write(ssl: Pointer, octets: Uint8Array, length: number): number;
  TLS_server_method(): Pointer;
  X509_free(certificate: Pointer): void;
}

type Kind = "void" | "int" | "long" | "word" | "pointer" | "buffer";

/** What each call returns, and what it takes. A `size_t`, an `unsigned long` and an `uint64_t` are words. */
const CALLS: Readonly<Record<Exclude<keyof OpenSsl, "NULL" | "addressOf">, readonly [Kind, ...Kind[]]>> = {
  BIO_ctrl: ["long", "pointer", "int", "long", "pointer"],
  BIO_f_buffer: ["pointer"],
  BIO_free: ["int", "pointer"],
  BIO_new: ["pointer", "pointer"],
  BIO_new_socket: ["pointer", "int", "int"],
  BIO_pop: ["pointer", "pointer"],
  BIO_push: ["pointer", "pointer", "pointer"],
  BIO_s_mem: ["pointer"],
  BIO_up_ref: ["int", "pointer"],
  BIO_write: ["int", "pointer", "buffer", "int"],
  ERR_clear_error: ["void"],
  ERR_error_string_n: ["void", "word", "buffer", "word"],
  ERR_get_error: ["word"],
  EVP_PKEY_free: ["void", "pointer"],
  OpenSSL_version_num: ["word"],
  PEM_read_bio_PrivateKey: ["pointer", "pointer", "pointer", "pointer", "pointer"],
  PEM_read_bio_X509: ["pointer", "pointer", "pointer", "pointer", "pointer"],
  SSL_CIPHER_description: ["pointer", "pointer", "buffer", "int"],
  SSL_CIPHER_get_protocol_id: ["int", "pointer"],
  SSL_CTX_ctrl: ["long", "pointer", "int", "long", "pointer"],
  SSL_CTX_free: ["void", "pointer"],
  SSL_CTX_new: ["pointer", "pointer"],
  SSL_CTX_set_cipher_list: ["int", "pointer", "buffer"],
  SSL_CTX_set_ciphersuites: ["int", "pointer", "buffer"],
  SSL_CTX_set_options: ["word", "pointer", "word"],
  SSL_CTX_set_session_id_context: ["int", "pointer", "buffer", "int"],
  SSL_CTX_set_timeout: ["long", "pointer", "long"],
  SSL_CTX_use_PrivateKey: ["int", "pointer", "pointer"],
  SSL_CTX_use_certificate: ["int", "pointer", "pointer"],
  SSL_do_handshake: ["int", "pointer"],
  SSL_free: ["void", "pointer"],
  SSL_get_current_cipher: ["pointer", "pointer"],
  SSL_get_error: ["int", "pointer", "int"],
  SSL_get_rbio: ["pointer", "pointer"],
  SSL_new: ["pointer", "pointer"],
  SSL_peek: ["int", "pointer", "buffer", "int"],
  SSL_read: ["int", "pointer", "buffer", "int"],
  SSL_session_reused: ["int", "pointer"],
  SSL_set0_rbio: ["void", "pointer", "pointer"],
  SSL_set_accept_state: ["void", "pointer"],
  SSL_set_bio: ["void", "pointer", "pointer", "pointer"],
  SSL_shutdown: ["int", "pointer"],
  SSL_version: ["int", "pointer"],
  SSL_write: ["int", "pointer", "buffer", "int"],
  TLS_server_method: ["pointer"],
  X509_free: ["void", "pointer"],
};

/** The calls; `undefined` where they cannot be made. Bun's own TLS is BoringSSL's, and cheaper than these. */
export function openOpenSsl(): OpenSsl | undefined {
  try {
    const library = "Bun" in globalThis ? undefined : "Deno" in globalThis ? openOnDeno() : openOnNode();
    return library !== undefined && works(library) ? library : undefined;
  } catch {
    return undefined;
  }
}

/** Why a call failed; the library forgets it. */
export function errorText({ ERR_get_error, ERR_error_string_n, ERR_clear_error }: OpenSsl): Octets {
  const text = new Uint8Array(256);
  ERR_error_string_n(ERR_get_error(), text, BigInt(text.length));
  ERR_clear_error();
  return libraryText(String.fromCharCode(...text.subarray(0, text.indexOf(0))));
}

/** Whether it is a version that we know, and calls arrive as they were meant. */
function works(library: OpenSsl): boolean {
  const { NULL } = library;
  if (Number(library.OpenSSL_version_num()) < OPENSSL_3) return false;
  const context = library.SSL_CTX_new(library.TLS_server_method());
  if (context === NULL) return false;
  const ssl = library.SSL_new(context);
  if (ssl === NULL) return false;
  const memory = library.BIO_new(library.BIO_s_mem());
  library.SSL_set_bio(ssl, memory, memory);
  library.SSL_set_accept_state(ssl);
  const isTold = library.BIO_write(memory, kernelMemory(1), 1) === 1;
  const isPending = Number(library.BIO_ctrl(memory, BIO_CTRL_PENDING, BigInt(0), NULL)) === 1;
  library.SSL_free(ssl);
  library.SSL_CTX_free(context);
  return isTold && isPending;
}

function openOnDeno(): OpenSsl | undefined {
  if (process.platform !== "linux" || !hasDenoForeign()) return undefined;
  const { Deno } = globalThis as unknown as { readonly Deno: DenoForeign };
  const kinds = { void: "void", int: "i32", long: "i64", word: "u64", pointer: "pointer", buffer: "buffer" };
  const open = (library: string, isPart: (name: string) => boolean) =>
    Deno.dlopen(library, signatures(kinds, isPart, (parameters, result) => ({ parameters, result }))).symbols;
  const isSsl = (name: string) => name.startsWith("SSL_") || name.startsWith("TLS_");
  const calls = { ...open("libcrypto.so.3", (name) => !isSsl(name)), ...open("libssl.so.3", isSsl) };
  const addressOf = (memory: Uint8Array) => Deno.UnsafePointer.of(memory) as Pointer;
  return { ...calls as unknown as OpenSsl, NULL: null as unknown as Pointer, addressOf };
}

/** Node has OpenSSL within it, and another one beside it in the same process would take the one for the other. */
function openOnNode(): OpenSsl {
  const { dlopen, getRawPointer } = nodeForeign();
  const kinds = { void: "void", int: "int32", long: "int64", word: "uint64", pointer: "pointer", buffer: "buffer" };
  const { functions } = dlopen(
    null,
    signatures(kinds, () => true, (args, result) => ({ arguments: args, return: result })),
  );
  const addressOf = (memory: Uint8Array) => getRawPointer(memory) as Pointer;
  return { ...functions as unknown as OpenSsl, NULL: BigInt(0) as unknown as Pointer, addressOf };
}

function signatures(
  kinds: Readonly<Record<Kind, string>>,
  isPart: (name: string) => boolean,
  signature: (takes: readonly string[], returns: string) => object,
): object {
  const calls = Object.entries(CALLS).filter(([name]) => isPart(name)).map(([name, [returns, ...takes]]) => {
    return [name, signature(takes.map((kind) => kinds[kind]), kinds[returns])] as const;
  });
  return Object.fromEntries(calls);
}

/** The first version of the series that we know. */
const OPENSSL_3 = 0x30000000;
export const BIO_CTRL_PENDING = 10;
