/**
 * Reading ahead of what is decrypted. While a client sends in bulk OpenSSL has all that came read at once, and not record
 * by record, which costs a tenth less on Node and Deno: a read costs what the acknowledgement costs that it sends.
 *
 * The memory is shared. A connection has some of it from a read that was full until nothing is left to be decrypted.
 */

import { kernelInt } from "./_kernel.ts";
import { BIO_CTRL_PENDING, type OpenSsl, type Pointer } from "./_openssl.ts";

export class ReadAhead {
  readonly #library: OpenSsl;
  readonly #idle: Pointer[] = [];
  #made = 0;

  constructor(library: OpenSsl) {
    this.#library = library;
  }

  /** What a connection reads from in place of its socket; `undefined` when others have all there is. */
  begin(ssl: Pointer): Pointer | undefined {
    const library = this.#library;
    const ahead = this.#idle.pop() ?? this.#make();
    if (ahead === undefined) return undefined;
    const socket = library.SSL_get_rbio(ssl);
    // Each gives up what it refers to when another takes its place.
    for (const each of [socket, ahead]) library.BIO_up_ref(each);
    library.BIO_push(ahead, socket);
    library.SSL_set0_rbio(ssl, ahead);
    return ahead;
  }

  /** Whether nothing waits there to be decrypted. */
  isEmpty(ahead: Pointer): boolean {
    return this.#ask(ahead, BIO_CTRL_PENDING) === 0;
  }

  /** Whether the socket behind it has told of an end. */
  hasSocketEnded(ahead: Pointer): boolean {
    return this.#ask(ahead, BIO_CTRL_EOF) !== 0;
  }

  /** Has the connection read from its socket again. What waited to be decrypted is lost. */
  end(ssl: Pointer, ahead: Pointer): void {
    const library = this.#library;
    library.SSL_set0_rbio(ssl, library.BIO_pop(ahead));
    this.#ask(ahead, BIO_CTRL_RESET);
    this.#idle.push(ahead);
  }

  #ask(ahead: Pointer, command: number): number {
    const { BIO_ctrl, NULL } = this.#library;
    return Number(BIO_ctrl(ahead, command, BigInt(0), NULL));
  }

  #make(): Pointer | undefined {
    if (this.#made === MOST_AHEAD) return undefined;
    const library = this.#library;
    const ahead = library.BIO_new(library.BIO_f_buffer());
    if (ahead === library.NULL) return undefined;
    const isGiven = library.BIO_ctrl(ahead, BIO_C_SET_BUFF_SIZE, BigInt(OCTETS_AHEAD), library.addressOf(FOR_READS));
    if (Number(isGiven) !== 1) {
      library.BIO_free(ahead);
      return undefined;
    }
    this.#made++;
    return ahead;
  }
}

/** Octets that are read at once. */
const OCTETS_AHEAD = 524_288;
/** How many connections read ahead at a time, at most: 8 MiB. Others have each record read when it is needed. */
export const MOST_AHEAD = 16;
/** What tells the library that a size is not that of writes. It has to outlive the call. */
const FOR_READS = kernelInt(0);
/** BIO_ctrl(3), and BIO_set_read_buffer_size(3), which is a macro in C. */
const BIO_CTRL_RESET = 1;
const BIO_CTRL_EOF = 2;
const BIO_C_SET_BUFF_SIZE = 117;
