/**
 * TLS towards clients. There is one path for all: the first message of the client is read from the socket in clear,
 * the server is chosen by it, what was read is put back, and the runtime's TLS server of that one context begins on the
 * connected socket. No runtime would do all of that for implicit TLS, STARTTLS and PROXY headers alike.
 */

import { Buffer } from "node:buffer";
import { createServer, type Server, type TLSSocket } from "node:tls";
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
import type { Census, NetSocket } from "./_socket.ts";
import { commonFacts, faultText, Handshake, PEER_CLOSED } from "./_tls_handshake.ts";
import { type ClientHello, LONGEST_HELLO, readClientHello } from "./_tls_hello.ts";
import { checkServer, type Face, type ServerSettings } from "./_tls_options.ts";
import { TicketServers } from "./_ticket_keys.ts";
import { ClientJudge } from "./_peer_certificate.ts";
import type { TlsTraits } from "./_tls_traits.ts";
import type { Turns } from "./_turns.ts";

/** See `Runtime.createTlsServer`. */
export function createTlsServer(options: TlsServerOptions, traits: TlsTraits): ServerContext | TlsFault {
  const settings = checkServer(options, traits);
  return "part" in settings ? settings : new ServerContext(options, settings, traits);
}

/** A server that its runtime has accepted. It never listens; each of its connections is handed to it. */
export class ServerContext implements TlsContext {
  readonly kind = "server";
  readonly expires: number;
  readonly caveat: TlsFault | undefined;
  readonly #options: TlsServerOptions;
  readonly #hasTls13: boolean;
  readonly #faces: readonly (Face & { readonly servers: TicketServers })[];
  readonly #judge: ClientJudge;
  /** Handshakes under way, by their raw sockets. */
  readonly #handshakes = new WeakMap<object, ServerHandshake>();

  constructor(options: TlsServerOptions, settings: ServerSettings, traits: TlsTraits) {
    this.expires = settings.expires;
    this.caveat = settings.caveat;
    this.#options = options;
    this.#hasTls13 = options.versions.includes("TLSv1.3");
    this.#judge = new ClientJudge(settings.policy, traits.judgesClients);
    this.#faces = settings.faces.map((face) => {
      return { ...face, servers: new TicketServers(settings.ticketKeys, (ticketKeys) => this.#open(face, ticketKeys)) };
    });
  }

  /** Whether a client that offers these protocols can be served (RFC 7301, 3.2). */
  speaksOneOf(offered: readonly Octets[]): boolean {
    const { alpn } = this.#options;
    return offered.length === 0 || alpn.length === 0 || offered.some((name) => alpn.includes(name));
  }

  /** The server for a client; `undefined` when all would come to a cipher suite that is not allowed. */
  serverFor({ takesEcdsa, suites, offersTls13, ticketKey }: ClientHello): Server | undefined {
    const isFree = this.#hasTls13 && offersTls13;
    return this.#faces.find(({ isEcdsa, ciphers }) => {
      return (takesEcdsa || !isEcdsa) && (isFree || ciphers?.admits(suites) !== false);
    })?.servers.for(ticketKey);
  }

  begin(handshake: ServerHandshake, server: Server): void {
    const { raw } = handshake;
    this.#handshakes.set(raw, handshake);
    server.emit("connection", raw);
  }

  factsOf(tls: TLSSocket, hello: ClientHello): TlsFacts {
    // A session that is resumed may bring a certificate that this server never asked for (Deno has one key for all).
    const certificate = this.#options.requestsCertificate ? this.#judge.judge(tls) : undefined;
    return { ...commonFacts(tls), serverName: hello.serverName, certificate };
  }

  #open({ settings, ciphers }: Face, ticketKeys: Buffer | undefined): Server {
    const server = createServer(ticketKeys === undefined ? settings : { ...settings, ticketKeys });
    server.on("secureConnection", (tls: TLSSocket) => {
      const handshake = this.#handshakeOf(tls);
      if (handshake === undefined) {
        tls.destroy();
        return;
      }
      const facts = this.factsOf(tls, handshake.hello);
      handshake.watch(tls);
      if (ciphers?.leftOut.includes(facts.cipher) === true) handshake.fail(`error:${NO_SHARED_CIPHER.text}`);
      else handshake.succeed(tls, facts);
    });
    server.on("tlsClientError", (error: unknown, tls: TLSSocket) => {
      this.#handshakeOf(tls)?.fail(faultText(error));
      tls.destroy();
    });
    return server;
  }

  /** Which connection in clear a TLS socket was made of: no runtime tells otherwise, all three keep it here. */
  #handshakeOf(tls: TLSSocket): ServerHandshake | undefined {
    const raw = "_parent" in tls ? tls._parent : undefined;
    return typeof raw === "object" && raw !== null ? this.#handshakes.get(raw) : undefined;
  }
}

/** What a server's handshake begins with. */
export interface ServerStart {
  readonly socket: NetSocket;
  readonly choose: (serverName: Octets | undefined) => TlsContext;
  readonly held: Uint8Array;
  readonly handler: SecureHandler;
  readonly census: Census;
  /** When handshakes may begin, see `TlsTraits`. */
  readonly turns: Turns;
}

/** See `Runtime.secureServer`. */
export function secureServer(start: ServerStart): Cancel {
  const greeter = new HelloReader(start);
  return () => greeter.cancel();
}

/** A handshake on the server's side, once the client's first message is known. */
class ServerHandshake extends Handshake {
  readonly hello: ClientHello;

  constructor(start: ServerStart, hello: ClientHello) {
    super(start);
    this.hello = hello;
  }
}

/** Reads the first message of a client, on the socket in clear. */
class HelloReader implements SocketHandler {
  readonly #start: ServerStart;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;
  /** How many octets there must be for another look to be worth it. */
  #wanted = 1;
  #isOver = false;
  #handshake: ServerHandshake | undefined;

  constructor(start: ServerStart) {
    this.#start = start;
    const { socket, held } = start;
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
    if (hello !== undefined) return this.#begin(hello, received);
    if (this.#length > LONGEST_INPUT) return this.#fail("error:0A000098:SSL routines::excessive message size");
    if (received.length >= 5) this.#wanted = 5 + (received[3] ?? 0) * 256 + (received[4] ?? 0);
  }

  drained(): void {}

  ended(): void {
    this.#fail(PEER_CLOSED);
  }

  closed(): void {
    this.#fail(PEER_CLOSED);
  }

  cancel(): void {
    this.#handshake?.cancel();
    if (this.#isOver) return;
    this.#isOver = true;
    this.#start.socket.abort();
  }

  #joined(): Uint8Array {
    const joined = Buffer.concat(this.#chunks, this.#length);
    this.#chunks.splice(0, this.#chunks.length, joined);
    return joined;
  }

  #begin(hello: ClientHello, received: Uint8Array): void {
    const context = this.#start.choose(hello.serverName);
    if (!(context instanceof ServerContext)) throw new TypeError("A TLS server was chosen that is not this adapter's");
    if (!context.speaksOneOf(hello.alpn)) return this.#refuse(NO_APPLICATION_PROTOCOL);
    const server = context.serverFor(hello);
    if (server === undefined) return this.#refuse(NO_SHARED_CIPHER);
    this.#isOver = true;
    const handshake = new ServerHandshake(this.#start, hello);
    this.#handshake = handshake;
    handshake.raw.unshift(received);
    handshake.whenFlushed(() =>
      this.#start.turns.run(() => {
        if (!handshake.isOver) context.begin(handshake, server);
      })
    );
  }

  /** The alert is ours: Deno's for ALPN comes too late, after the server's certificate. */
  #refuse({ alert, text }: Refusal): void {
    this.#start.socket.write(new Uint8Array([21, 3, 3, 0, 2, FATAL, alert]));
    this.#fail(`error:${text}`);
  }

  #fail(text: Octets): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#start.socket.close();
    this.#start.handler.failed(text);
  }
}

/** Why a client is turned away by its first message: for itself (RFC 8446, 6) and for the log. */
interface Refusal {
  readonly alert: number;
  readonly text: Octets;
}

/** RFC 7301, 3.2. */
const NO_APPLICATION_PROTOCOL: Refusal = { alert: 120, text: "0A0000EB:SSL routines::no application protocol" };
/** `handshake_failure`. */
const NO_SHARED_CIPHER: Refusal = { alert: 40, text: "0A0000C1:SSL routines::no shared cipher" };
const FATAL = 2;
/** The longest hello in the smallest sensible records. */
const LONGEST_INPUT = LONGEST_HELLO * 2;
