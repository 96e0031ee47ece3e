/**
 * TLS towards clients. There is one path for all: the first message of the client is read from the socket in clear,
 * the server is chosen by it, what was read is put back, and the runtime's TLS server of that one context begins on the
 * connected socket. No runtime would do all of that for implicit TLS, STARTTLS and PROXY headers alike.
 */

import { Buffer } from "node:buffer";
import type {
  Cancel,
  Octets,
  SecureHandler,
  SocketHandler,
  TlsContext,
  TlsFacts,
  TlsFault,
  TlsServerOptions,
} from "../src/runtime.ts";
import type { Census, OwnSocket } from "./_socket.ts";
import type { OpenDoor, ServerDoor } from "./_tls_door.ts";
import { commonFacts, PEER_CLOSED, type TlsView } from "./_tls_handshake.ts";
import { type ClientHello, LONGEST_HELLO, readClientHello } from "./_tls_hello.ts";
import { checkServer, type Face, type ServerSettings } from "./_tls_options.ts";
import { nodeTicketKeys, TicketDoors } from "./_ticket_keys.ts";
import { ClientJudge } from "./_peer_certificate.ts";
import type { UsableKeyPair } from "./_tls_keys.ts";
import type { TlsTraits } from "./_tls_traits.ts";
import type { Turns } from "./_turns.ts";

/** See `Runtime.createTlsServer`. */
export function createTlsServer(
  options: TlsServerOptions,
  traits: TlsTraits,
  open: OpenDoor,
): ServerContext | TlsFault {
  const settings = checkServer(options, traits);
  return "part" in settings ? settings : new ServerContext(options, { settings, traits, open });
}

/** What a context is made of besides its options. */
interface Means {
  readonly settings: ServerSettings;
  readonly traits: TlsTraits;
  readonly open: OpenDoor;
}

/** A server that its runtime has accepted. It never listens; each of its connections is handed to it. */
export class ServerContext implements TlsContext {
  readonly kind = "server";
  readonly expires: number;
  readonly caveat: TlsFault | undefined;
  readonly options: TlsServerOptions;
  readonly pairs: readonly UsableKeyPair[];
  readonly #hasTls13: boolean;
  readonly #faces: readonly (Face & { readonly doors: TicketDoors<ServerDoor> })[];
  readonly #judge: ClientJudge;

  constructor(options: TlsServerOptions, { settings, traits, open }: Means) {
    this.expires = settings.expires;
    this.caveat = settings.caveat;
    this.options = options;
    this.pairs = settings.pairs;
    this.#hasTls13 = options.versions.includes("TLSv1.3");
    this.#judge = new ClientJudge(settings.policy, traits.judgesClients);
    this.#faces = settings.faces.map((face) => {
      const openWith = (key: Uint8Array | undefined) => open(this, face, key && nodeTicketKeys(key));
      return { ...face, doors: new TicketDoors(settings.ticketKeys, openWith) };
    });
  }

  /** Whether a client that offers these protocols can be served (RFC 7301, 3.2). */
  speaksOneOf(offered: readonly Octets[]): boolean {
    const { alpn } = this.options;
    return offered.length === 0 || alpn.length === 0 || offered.some((name) => alpn.includes(name));
  }

  /** The door for a client; `undefined` when all would come to a cipher suite that is not allowed. */
  doorFor({ takesEcdsa, suites, offersTls13, ticketKey }: ClientHello): ServerDoor | undefined {
    const isFree = this.#hasTls13 && offersTls13;
    return this.#faces.find(({ isEcdsa, ciphers }) => {
      return (takesEcdsa || !isEcdsa) && (isFree || ciphers?.admits(suites) !== false);
    })?.doors.for(ticketKey);
  }

  factsOf(tls: TlsView, hello: ClientHello): TlsFacts {
    // A session that is resumed may bring a certificate that this server never asked for (Deno has one key for all).
    const certificate = this.options.requestsCertificate ? this.#judge.judge(tls) : undefined;
    return { ...commonFacts(tls), serverName: hello.serverName, certificate };
  }
}

/** What a server begins with. */
export interface Arrival {
  readonly socket: OwnSocket;
  readonly choose: (serverName: Octets | undefined) => TlsContext;
  readonly held: Uint8Array;
  readonly handler: SecureHandler;
}

/** What comes next when it is known who the client wants: `received` is what was read of the handshake. */
export type Introduce = (context: ServerContext, hello: ClientHello, received: Uint8Array) => Cancel | Refusal;

/** What a server's handshake with the runtime's TLS begins with. */
export interface ServerStart extends Arrival {
  readonly census: Census;
  /** When handshakes may begin, see `TlsTraits`. */
  readonly turns: Turns;
}

/** See `Runtime.secureServer`. */
export function secureServer(start: ServerStart): Cancel {
  return receive(start, (context, hello, received) => {
    return context.doorFor(hello)?.enter(start, hello, received) ?? NO_SHARED_CIPHER;
  });
}

/** Reads what the client wants. */
export function receive(arrival: Arrival, introduce: Introduce): Cancel {
  const reader = new HelloReader(arrival, introduce);
  return () => reader.cancel();
}

/** Reads the first message of a client, on the socket in clear. */
class HelloReader implements SocketHandler {
  readonly #arrival: Arrival;
  readonly #introduce: Introduce;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;
  /** How many octets there must be for another look to be worth it. */
  #wanted = 1;
  #isOver = false;
  #cancel: Cancel | undefined;

  constructor(arrival: Arrival, introduce: Introduce) {
    this.#arrival = arrival;
    this.#introduce = introduce;
    const { socket, held } = arrival;
    socket.handler = this;
    // The caller must have the means to cancel before anything is told.
    queueMicrotask(() => {
      if (this.#isOver) return;
      if (socket.hasEnded || socket.isClosed) return this.#fail(PEER_CLOSED);
      if (held.length > 0) this.bytes(held);
      if (!this.#isOver) socket.resume();
    });
  }

  bytes(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.#chunks.push(bytes.slice());
    this.#length += bytes.length;
    if (this.#length < this.#wanted) return;
    const received = this.#joined();
    const hello = readClientHello(received);
    if (typeof hello === "string") return this.#fail(hello);
    if (typeof hello === "object") return this.#begin(hello, received);
    if (hello > LONGEST_INPUT) return this.#fail("error:0A000098:SSL routines::excessive message size");
    this.#wanted = hello;
  }

  drained(): void {}

  ended(): void {
    this.#fail(PEER_CLOSED);
  }

  closed(): void {
    this.#fail(PEER_CLOSED);
  }

  cancel(): void {
    this.#cancel?.();
    if (this.#isOver) return;
    this.#isOver = true;
    this.#arrival.socket.abort();
  }

  #joined(): Uint8Array {
    const [only] = this.#chunks;
    if (only !== undefined && this.#chunks.length === 1) return only;
    const joined = Buffer.concat(this.#chunks, this.#length);
    this.#chunks.splice(0, this.#chunks.length, joined);
    return joined;
  }

  #begin(hello: ClientHello, received: Uint8Array): void {
    const context = this.#arrival.choose(hello.serverName);
    if (!(context instanceof ServerContext)) throw new TypeError("A TLS server was chosen that is not this adapter's");
    if (!context.speaksOneOf(hello.alpn)) return this.#refuse(NO_APPLICATION_PROTOCOL);
    // What follows may fail at once, and is heard by the same handler.
    this.#isOver = true;
    const next = this.#introduce(context, hello, received);
    if (typeof next === "function") this.#cancel = next;
    else {
      this.#isOver = false;
      this.#refuse(next);
    }
  }

  /** The alert is ours: Deno's for ALPN comes too late, after the server's certificate. */
  #refuse({ alert, text }: Refusal): void {
    this.#arrival.socket.write(new Uint8Array([21, 3, 3, 0, 2, FATAL, alert]));
    this.#fail(`error:${text}`);
  }

  #fail(text: Octets): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#arrival.socket.close();
    this.#arrival.handler.failed(text);
  }
}

/** Why a client is turned away by its first message: for itself (RFC 8446, 6) and for the log. */
export interface Refusal {
  readonly alert: number;
  readonly text: Octets;
}

/** RFC 7301, 3.2. */
const NO_APPLICATION_PROTOCOL: Refusal = { alert: 120, text: "0A0000EB:SSL routines::no application protocol" };
/** `handshake_failure`. */
export const NO_SHARED_CIPHER: Refusal = { alert: 40, text: "0A0000C1:SSL routines::no shared cipher" };
const FATAL = 2;
/** The longest hello in the smallest sensible records. */
const LONGEST_INPUT = LONGEST_HELLO * 2;
