/** TLS between two sockets of the runtime under test. */

import { execFile } from "node:child_process";
import { connect } from "node:tls";
import type {
  Octets,
  Runtime,
  SecureHandler,
  Socket,
  TlsClientOptions,
  TlsContext,
  TlsFacts,
  TlsFault,
  TlsServerOptions,
} from "../../src/runtime.ts";
import { isFault } from "../../src/runtime.ts";
import { type Certificate, CertificateFolder, serverExtensions, type Wish } from "../support/certificates.ts";
import { type Exchange, Peer } from "./_peer.ts";

/** Options of a server with these certificates, for the rest nginx's defaults. */
export function serverOptions(
  certificates: readonly Certificate[],
  options: Partial<TlsServerOptions> = {},
): TlsServerOptions {
  return {
    keyPairs: certificates.map(({ certificate, key }) => ({ certificate, key, passphrases: [] })),
    versions: ["TLSv1.2", "TLSv1.3"],
    ciphers: "HIGH:!aNULL:!MD5",
    prefersServerCiphers: false,
    ecdhCurve: "auto",
    dhparam: undefined,
    sessionTickets: true,
    ticketKeys: () => [],
    sessionTimeout: 300_000,
    sessionContext: "test",
    requestsCertificate: false,
    authorities: "",
    crl: "",
    verifyDepth: 1,
    alpn: ["imap"],
    ...options,
  };
}

/** Options of a client that trusts these authorities. */
export function clientOptions(
  authorities: readonly Certificate[],
  options: Partial<TlsClientOptions> = {},
): TlsClientOptions {
  return {
    keyPair: undefined,
    versions: ["TLSv1.2", "TLSv1.3"],
    ciphers: "HIGH:!aNULL:!MD5",
    serverName: "mail.example.org",
    verifiedName: "mail.example.org",
    authorities: authorities.map(({ certificate }) => certificate).join(""),
    crl: "",
    verifyDepth: 1,
    fingerprint: undefined,
    reusesSessions: false,
    ...options,
  };
}

/** The context, or an error with the fault's text. */
export function usable(context: TlsContext | TlsFault): TlsContext {
  if (isFault(context)) throw new Error(`${context.part} ${context.index}: ${context.text}`);
  return context;
}

/** What became of a handshake on one side. */
export type Outcome =
  | { readonly socket: Socket; readonly facts: TlsFacts }
  | { readonly failure: Octets };

/** The two functions of a `SecureHandler` as one promise. */
export function outcome(begin: (handler: SecureHandler) => void): Promise<Outcome> {
  return new Promise((resolve) =>
    begin({
      secured: (socket, facts) => resolve({ socket, facts }),
      failed: (failure) => resolve({ failure }),
    })
  );
}

/** Begins on the server's side, with one context for all names. */
export function serve(
  runtime: Runtime,
  socket: Socket,
  context: TlsContext | ((name: Octets | undefined) => TlsContext),
  held: Uint8Array = new Uint8Array(0),
): Promise<Outcome> {
  const choose = typeof context === "function" ? context : () => context;
  return outcome((handler) => runtime.secureServer(socket, { choose, held }, handler));
}

/** Begins on the client's side. */
export function dial(runtime: Runtime, socket: Socket, context: TlsContext): Promise<Outcome> {
  return outcome((handler) => runtime.secureClient(socket, context, handler));
}

/** The socket and facts of a handshake that must have succeeded. */
export function secured(result: Outcome): { readonly socket: Socket; readonly facts: TlsFacts } {
  if ("failure" in result) throw new Error(`the handshake failed: ${result.failure}`);
  return result;
}

/** Both ends of a connection over TLS. */
export interface TlsPair {
  readonly near: Peer;
  readonly far: Peer;
  readonly nearFacts: TlsFacts;
  readonly farFacts: TlsFacts;
}

/** An authority, a server's certificate of it, and connections between the two. */
export class TlsBench {
  readonly folder = new CertificateFolder();
  readonly authority: Certificate;
  readonly server: Certificate;
  readonly #runtime: Runtime;
  readonly #exchange: Exchange;
  #standard: TlsContext | undefined;

  constructor(runtime: Runtime, exchange: Exchange) {
    this.#runtime = runtime;
    this.#exchange = exchange;
    this.authority = this.folder.authority("authority");
    this.server = this.makeServer("ecdsa");
  }

  makeServer(name: string, wish: Partial<Wish> & { readonly names?: readonly string[] } = {}): Certificate {
    const { names = ["DNS:mail.example.org", "IP:127.0.0.1"], ...rest } = wish;
    return this.folder.make({ name, issuer: this.authority, extensions: serverExtensions(...names), ...rest });
  }

  serverContext(options?: Partial<TlsServerOptions>, certificates = [this.server]): TlsContext {
    const make = () => usable(this.#runtime.createTlsServer(serverOptions(certificates, options)));
    return options === undefined ? this.#standard ??= make() : make();
  }

  clientContext(options: Partial<TlsClientOptions> = {}): TlsContext {
    return usable(this.#runtime.createTlsClient(clientOptions([this.authority], options)));
  }

  async connect(
    nearContext = this.clientContext(),
    farContext = this.serverContext(),
    isCounting = false,
  ): Promise<TlsPair> {
    const { near, far } = await this.#exchange.connect();
    const [nearEnd, farEnd] = await Promise.all([
      dial(this.#runtime, near, nearContext).then(secured),
      serve(this.#runtime, far, farContext).then(secured),
    ]);
    return {
      near: new Peer(nearEnd.socket, isCounting),
      far: new Peer(farEnd.socket, isCounting),
      nearFacts: nearEnd.facts,
      farFacts: farEnd.facts,
    };
  }

  /** What becomes of both sides of a handshake. */
  async attempt(nearContext: TlsContext, farContext = this.serverContext()): Promise<[Outcome, Outcome]> {
    const { near, far } = await this.#exchange.connect();
    const results = await Promise.all([dial(this.#runtime, near, nearContext), serve(this.#runtime, far, farContext)]);
    for (const result of results) if ("socket" in result) result.socket.abort();
    return results;
  }

  /** Serves the next connection that somebody else makes. */
  async serveNext(context = this.serverContext()): Promise<Outcome> {
    return serve(this.#runtime, await this.#exchange.accept(), context);
  }

  /** A ClientHello as somebody really sends it. */
  async hello(): Promise<Uint8Array> {
    const raw = connect({ port: this.#exchange.port, host: "127.0.0.1", servername: "mail.example.org" });
    raw.on("error", () => {});
    const far = new Peer(await this.#exchange.accept());
    far.socket.resume();
    await far.until(() => {
      const [, , , high = 0, low = 0] = far.chunks[0] ?? [];
      return far.received >= 5 && far.received >= 5 + high * 256 + low;
    });
    raw.destroy();
    await abort(far);
    return new Uint8Array(far.chunks.flatMap((chunk) => [...chunk]));
  }

  close(): void {
    this.folder.remove();
  }
}

/** Closes both ends. */
export async function finish(near: Peer, far: Peer): Promise<void> {
  near.socket.close();
  far.socket.close();
  await Promise.all([near.untilClosed(), far.untilClosed()]);
}

/** Gives one end up, without a word. */
export async function abort(peer: Peer): Promise<void> {
  peer.socket.abort();
  await peer.untilClosed();
}

/** Lets everything happen that is about to. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What `openssl s_client` has seen. */
export interface Seen {
  readonly certificate: string;
  readonly isResumed: boolean;
  readonly output: string;
}

/** Connects with `openssl s_client`, which ends when the server does. */
export function openssl(port: number, ...options: string[]): Promise<Seen> {
  return opensslSays("", port, ...options);
}

/** The same, with something to type once it is connected. */
export function opensslSays(text: string, port: number, ...options: string[]): Promise<Seen> {
  const command = ["s_client", "-connect", `127.0.0.1:${port}`, "-servername", "mail.example.org", ...options];
  return new Promise((resolve) => {
    const child = execFile("openssl", command, { timeout: 30_000 }, (_error, stdout, stderr) => {
      const [certificate = ""] = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/.exec(stdout) ?? [];
      resolve({ certificate, isResumed: stdout.includes("Reused, "), output: stdout + stderr });
    });
    if (text !== "") child.stdin?.write(text);
  });
}
