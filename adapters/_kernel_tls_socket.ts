/**
 * A connection over TLS on a socket of the kernel's: OpenSSL reads and writes the descriptor by itself. From the
 * handshake on it is a socket like one in clear, but for where its octets come from and go to.
 */

import type { Octets, SocketAddress, SystemFailure, TlsVersion } from "../src/runtime.ts";
import { type HandshakeListener, isLeaving, type SecureConnection } from "./_clear_handshake.ts";
import { EAGAIN, EPOLLIN, IPPROTO_TCP, isPassing, kernelInt, TCP_CORK } from "./_kernel.ts";
import { type KernelShared, systemFailure } from "./_kernel_shared.ts";
import { KernelSocket, type Surrendered } from "./_kernel_socket.ts";
import { errorText, type OpenSsl, type Pointer } from "./_openssl.ts";
import { WRITABLE } from "./_poller.ts";
import type { ReadAhead } from "./_read_ahead.ts";

/** What a connection over TLS is made of. */
export interface TlsMeans {
  readonly library: OpenSsl;
  readonly shared: KernelShared;
  readonly ahead: ReadAhead;
}

/** Why the library does not go on: for a moment, since the peer has said farewell, or for good. */
type Halt = "wantsRead" | "wantsWrite" | "ended" | SystemFailure;

export class KernelTlsSocket extends KernelSocket implements SecureConnection {
  handshake: HandshakeListener | undefined;
  readonly #means: TlsMeans;
  readonly #library: OpenSsl;
  readonly #ssl: Pointer;
  #isCorked = false;
  /** What comes behind the octets that were told last. */
  #failureBehind: SystemFailure | undefined;
  /** Where the library reads from while a peer sends in bulk. */
  #ahead: Pointer | undefined;

  /** `ssl` is this socket's from now on. */
  constructor(raw: Surrendered, remote: SocketAddress, ssl: Pointer, means: TlsMeans) {
    super(raw.descriptor, remote, means.shared, raw.isPolled);
    this.#means = means;
    this.#library = means.library;
    this.#ssl = ssl;
  }

  get version(): TlsVersion {
    return VERSIONS.get(this.#library.SSL_version(this.#ssl)) ?? "TLSv1.2";
  }

  get isResumed(): boolean {
    return this.#library.SSL_session_reused(this.#ssl) === 1;
  }

  /** The cipher suite's name in OpenSSL. */
  get cipher(): Octets {
    const { SSL_CIPHER_description, SSL_CIPHER_get_protocol_id, SSL_get_current_cipher } = this.#library;
    const cipher = SSL_get_current_cipher(this.#ssl);
    const id = SSL_CIPHER_get_protocol_id(cipher) & 0xffff;
    const known = CIPHERS.get(id);
    if (known !== undefined) return known;
    const text = new Uint8Array(256);
    SSL_CIPHER_description(cipher, text, text.length);
    const name = String.fromCharCode(...text.subarray(0, text.indexOf(SPACE)));
    CIPHERS.set(id, name);
    return name;
  }

  /** Whether more may have been read from the socket than is decrypted, since the peer sends in bulk. */
  get readsAhead(): boolean {
    return this.#ahead !== undefined;
  }

  /** Begins on the server's side with what was read already. */
  begin(read: Uint8Array): void {
    const library = this.#library;
    const ssl = this.#ssl;
    const memory = library.BIO_new(library.BIO_s_mem());
    const socket = library.BIO_new_socket(this.number, 0);
    library.BIO_write(memory, read, read.length);
    library.SSL_set_bio(ssl, memory, socket);
    library.SSL_set_accept_state(ssl);
    this.#shakeHands();
    if (this.isGone) return;
    // What was read is in the library's own buffer by now: it has read ahead.
    library.BIO_up_ref(socket);
    library.SSL_set0_rbio(ssl, socket);
    this.poll();
    // What the kernel has told of before it tells nobody again.
    if (this.handshake !== undefined && !this.isGone) this.#shakeHands();
  }

  /** It would be given away in the middle of TLS. */
  override surrender(): undefined {
    this.abort();
  }

  override ready(events: number): void {
    if (this.isGone) return;
    if (this.handshake !== undefined) return this.#shakeHands();
    const readsOn = this.readsBehindWrite && (events & WRITABLE) !== 0;
    if (readsOn) this.readsBehindWrite = false;
    super.ready(readsOn ? events | EPOLLIN : events);
  }

  protected override peek(buffer: Uint8Array): number {
    if (this.#failureBehind !== undefined) return -1;
    this.#prepare();
    return this.#told(this.#library.SSL_peek(this.#ssl, buffer, buffer.length));
  }

  protected override receive(buffer: Uint8Array): number {
    if (this.#failureBehind !== undefined) {
      this.break(this.#failureBehind);
      return -1;
    }
    const { SSL_read } = this.#library;
    this.#prepare();
    let length = 0;
    let room = buffer;
    // One call reads one record at the most.
    for (let left = MOST_RECORDS; left > 0 && room.length >= LONGEST_RECORD; left--) {
      const read = SSL_read(this.#ssl, room, room.length);
      if (read <= 0) return length === 0 ? this.#told(read) : this.#toldBehind(read, length);
      length += read;
      room = buffer.subarray(length);
    }
    if (room.length < LONGEST_RECORD) this.#readAhead();
    return length;
  }

  protected override transmit(bytes: Uint8Array, isLast: boolean): number {
    const { SSL_write } = this.#library;
    if (isLast) this.#cork();
    this.#prepare();
    // Each record is a packet of its own otherwise: 2 to 6 % of a MiB.
    const areMany = bytes.length > LONGEST_RECORD && !this.#isCorked;
    if (areMany) this.shared.set(this.number, IPPROTO_TCP, TCP_CORK, ON);
    // All or nothing: what was not taken whole has to be handed over whole again.
    const taken = SSL_write(this.#ssl, bytes, bytes.length);
    if (areMany) this.shared.set(this.number, IPPROTO_TCP, TCP_CORK, OFF);
    if (taken > 0) return taken;
    const halt = this.#halt(taken);
    if (halt === "ended") this.break(undefined);
    else if (typeof halt === "object") this.break(halt);
    return 0;
  }

  protected override takeLeave(): boolean {
    this.#cork();
    this.#prepare();
    const result = this.#library.SSL_shutdown(this.#ssl);
    return result >= 0 || this.#halt(result) !== "wantsWrite";
  }

  protected override get isClear(): boolean {
    return false;
  }

  protected override free(): void {
    this.#readAsNeeded();
    this.#library.SSL_free(this.#ssl);
  }

  /** Has what is sent from now on leave with FIN, which follows. */
  #cork(): void {
    if (!this.#isCorked) this.shared.set(this.number, IPPROTO_TCP, TCP_CORK, ON);
    this.#isCorked = true;
  }

  /** What a read that brought nothing means, as {@linkcode receive} has it. */
  #told(result: number): number {
    if (result > 0) return result;
    const halt = this.#halt(result);
    if (halt === "ended") {
      this.#readAsNeeded();
      return 0;
    }
    if (typeof halt === "object") this.break(halt);
    else this.#rest(halt);
    return -1;
  }

  /** The same behind octets that must be told first. */
  #toldBehind(result: number, length: number): number {
    const halt = this.#halt(result);
    if (typeof halt === "object") this.#failureBehind = halt;
    else if (halt !== "ended") this.#rest(halt);
    return length;
  }

  /** The library wants to read, too, when it has read something that is not for us; then the kernel may have more. */
  #rest(halt: "wantsRead" | "wantsWrite"): void {
    this.readsBehindWrite = halt === "wantsWrite";
    if (this.readsBehindWrite) this.awaitRoom();
    // That the kernel has no more does not say that there is none of what was read ahead.
    this.isReadable = halt === "wantsRead" && (this.readsAhead || this.shared.kernel.errno() !== EAGAIN);
    if (this.#ahead !== undefined && this.#means.ahead.isEmpty(this.#ahead)) this.#readAsNeeded();
  }

  #readAhead(): void {
    this.#ahead ??= this.#means.ahead.begin(this.#ssl);
  }

  #readAsNeeded(): void {
    if (this.#ahead !== undefined) this.#means.ahead.end(this.#ssl, this.#ahead);
    this.#ahead = undefined;
  }

  /** Errors of others are none of this connection's. */
  #prepare(): void {
    this.#library.ERR_clear_error();
    this.shared.kernel.clearErrno();
  }

  #shakeHands(): void {
    const { handshake } = this;
    this.#prepare();
    const result = this.#library.SSL_do_handshake(this.#ssl);
    if (result === 1) {
      // It may have read more than the handshake, and does not tell: with other keys that waits elsewhere.
      this.isReadable = true;
      handshake?.secured();
      return;
    }
    const halt = this.#halt(result);
    if (halt === "ended") handshake?.refused();
    else if (halt === "wantsWrite") this.awaitRoom();
    else if (typeof halt === "object") handshake?.refused(isLeaving(halt) ? undefined : halt.text);
  }

  #halt(result: number): Halt {
    switch (this.#library.SSL_get_error(this.#ssl, result)) {
      case WANT_READ:
        return "wantsRead";
      case WANT_WRITE:
        return "wantsWrite";
      case ZERO_RETURN:
        return this.#wasReset() ? systemFailure(ECONNRESET) : "ended";
      case SYSCALL: {
        const number = this.shared.kernel.errno();
        return number === 0 ? "ended" : systemFailure(isPassing(number) ? EPROTO : number);
      }
      default:
        return { number: LIBRARY, text: errorText(this.#library) };
    }
  }

  /**
   * Whether what looks like the peer's end is none. The kernel tells a reset once: a buffer that had a few octets left when
   * it heard of it gives those, and finds an end when it looks again. Once our end has left, a peer's own looks the same.
   */
  #wasReset(): boolean {
    if (this.#ahead === undefined || this.#isCorked) return false;
    return this.#means.ahead.hasSocketEnded(this.#ahead) && this.shared.isReset(this.number);
  }
}

const VERSIONS: ReadonlyMap<number, TlsVersion> = new Map([
  [0x301, "TLSv1"],
  [0x302, "TLSv1.1"],
  [0x303, "TLSv1.2"],
  [0x304, "TLSv1.3"],
]);
/** Names of cipher suites that were agreed on: the library has some dozens. */
const CIPHERS = new Map<number, Octets>();
const SPACE = 0x20;
const ON = kernelInt(1);
const OFF = kernelInt(0);
/** Octets of what one record may carry (RFC 8446, 5.1). */
const LONGEST_RECORD = 16_384;
/** SSL_get_error(3). */
const WANT_READ = 2;
const WANT_WRITE = 3;
const SYSCALL = 5;
const ZERO_RETURN = 6;
const EPROTO = 71;
const ECONNRESET = 104;
/** How many records are read at a time: a full buffer of long ones, or a fair share of short ones. */
const MOST_RECORDS = 64;
/** The number of failures that are the library's, not the system's. */
const LIBRARY = 0;
