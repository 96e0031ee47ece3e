/**
 * What an adapter must offer. Everything under `src/` reaches the world through a {@linkcode Runtime} and nothing else;
 * `adapters/` has one for Node, one for Deno and one for Bun.
 *
 * Strings that come from the wire, from files or from the command line are *octet strings*: each character stands for
 * one octet (latin1), so that nothing is lost or re-encoded on its way through. Paths are octet strings too; the
 * adapter turns them into what its runtime wants.
 *
 * @module
 */

/** Milliseconds. */
export type Millis = number;

/** A string whose characters are octets, 0 to 255 each. */
export type Octets = string;

/** Where one end of a connection is. A unix socket's client end usually has no path. */
export type SocketAddress =
  | { readonly family: 4 | 6; readonly host: string; readonly port: number }
  | { readonly family: "unix"; readonly path: Octets };

/** Where to connect to. `host` is a numeric address or a name, which the adapter then looks up. */
export type ConnectTarget =
  | { readonly host: string; readonly port: number }
  | { readonly path: Octets };

/** Why the system refused something, in the words the C library has for it. */
export interface SystemFailure {
  /** The errno value; 0 where the system gave none. */
  readonly number: number;
  /** The text for it, such as `Connection refused`. */
  readonly text: string;
  /** Whether it was a TLS handshake that failed, so that the text is the TLS library's. */
  readonly isHandshake?: true;
}

/** What a socket tells its owner. The owner is one object at a time; {@linkcode Socket.handler} may be replaced. */
export interface SocketHandler {
  /** Octets arrived. They are valid only during the call: whoever needs them later copies them. */
  bytes(bytes: Uint8Array): void;
  /** All that was written has left for the kernel after a `write` that returned `false`. */
  drained(): void;
  /** The peer sends no more (FIN). Writing to it may still work. Told even while paused where the runtime can. */
  ended(): void;
  /** The socket is gone, and this is its last call. `failure` says why, unless it was closed in order. */
  closed(failure: SystemFailure | undefined): void;
}

/** One connected stream socket. */
export interface Socket {
  /** The addresses of both ends, as they were when the connection was made. */
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
  /** Whom this socket tells. A new socket is paused until it has a handler and {@linkcode resume} is called. */
  handler: SocketHandler;
  /**
   * Sends octets, in order. The caller gives `bytes` away: it must not change them afterwards. Returns `false` when
   * the kernel did not take them and more than a chunk or so waits: nothing is lost, but the caller should write no
   * more before `drained`. Does nothing on a socket that is closed.
   */
  write(bytes: Uint8Array): boolean;
  /** How many octets were written and have not left for the kernel yet. */
  readonly queued: number;
  /** Stops and starts `bytes` calls; a paused socket stops reading, so that the peer is slowed down. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then FIN; reading goes on. */
  end(): void;
  /**
   * Sends what is queued, then FIN, throws away what still arrives, and closes when the peer has ended too or, all
   * being sent, after 2 seconds (30 in all): so the peer gets our last line even when it was still sending. No call but
   * `closed` follows.
   */
  close(): void;
  /** Closes at once; what is queued is lost. `closed` follows. */
  abort(): void;
}

/** What becomes of a connection that is being made. Exactly one of the two is called, unless it is cancelled. */
export interface ConnectHandler {
  connected(socket: Socket): void;
  failed(failure: SystemFailure): void;
}

/** Takes back what was asked for; harmless when it already happened. */
export type Cancel = () => void;

/** What a datagram socket tells its owner. */
export interface DatagramHandler {
  /**
   * A datagram arrived. Its octets are valid only during the call. It may come from anybody (Deno lets all of them
   * through), so whoever cares compares `from`.
   */
  received(bytes: Uint8Array, from: SocketAddress): void;
  /** The socket broke, or the other side refuses datagrams; it is closed, and this is its last call. */
  failed(failure: SystemFailure): void;
}

/** A UDP socket with one address to send to and a port of its own that the system chose. */
export interface DatagramSocket {
  /** Sends one datagram. The caller gives `bytes` away. Does nothing on a socket that is closed. */
  send(bytes: Uint8Array): void;
  /** Closes once what was given has left, or cannot. */
  end(): Promise<void>;
  /** Closes at once. The handler is not called any more. */
  close(): void;
}

export type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";

/** A certificate chain with its key, both in PEM. */
export interface KeyPair {
  /** The leaf first, then the chain. */
  readonly certificate: Octets;
  readonly key: Octets;
  /** Tried in turn on a key that is encrypted. */
  readonly passphrases: readonly Octets[];
}

/** What a TLS server is, from `ssl_*`. All files have been read: PEM is an octet string. */
export interface TlsServerOptions {
  /** At least one; several are of different key types. */
  readonly keyPairs: readonly KeyPair[];
  readonly versions: readonly TlsVersion[];
  /** An OpenSSL cipher list for TLS 1.2 and below. */
  readonly ciphers: Octets;
  readonly prefersServerCiphers: boolean;
  /** An OpenSSL list of groups; `auto` leaves the choice to the runtime. */
  readonly ecdhCurve: Octets;
  readonly dhparam: Octets | undefined;
  readonly sessionTickets: boolean;
  /** 48 octets of nginx's ticket key file, or none for keys of the process's own. */
  readonly ticketKey: Uint8Array | undefined;
  /** How long a session may be resumed. */
  readonly sessionTimeout: Millis;
  /** Keeps sessions of one server block from being resumed at another. */
  readonly sessionContext: Octets;
  /** Whether a client is asked for a certificate. It is never refused by the runtime for one: the core judges. */
  readonly requestsCertificate: boolean;
  /** The authorities for client certificates, in PEM; empty for none. */
  readonly authorities: Octets;
  /** Revocation lists in PEM; empty for none. */
  readonly crl: Octets;
  readonly verifyDepth: number;
  /** The application protocols we speak: a client that offers others only is refused with an alert. */
  readonly alpn: readonly string[];
}

/** What a TLS client wants of a server, from `proxy_ssl_*`. */
export interface TlsClientOptions {
  readonly keyPair: KeyPair | undefined;
  readonly versions: readonly TlsVersion[];
  readonly ciphers: Octets;
  /** The name in SNI; empty for none. */
  readonly serverName: Octets;
  /** The name that the certificate must be for, or `undefined` when the certificate is not looked at. */
  readonly verifiedName: Octets | undefined;
  /** The authorities in PEM; empty for the system's. */
  readonly authorities: Octets;
  readonly crl: Octets;
  readonly verifyDepth: number;
  /** The SHA-256 of the only certificate that is taken, in lower-case hex without colons. */
  readonly fingerprint: Octets | undefined;
  readonly reusesSessions: boolean;
}

/** Options that a runtime has looked at and found usable; what is in it is the adapter's. */
export interface TlsContext {
  readonly kind: "server" | "client";
}

/** What is wrong with options for TLS. */
export interface TlsFault {
  readonly part:
    | "certificate"
    | "key"
    /** The key is not the certificate's. */
    | "mismatch"
    | "authorities"
    | "crl"
    | "versions"
    | "ciphers"
    | "curves"
    | "dhparam";
  /** Which key pair it is about; 0 where it is about none. */
  readonly index: number;
  /** OpenSSL's error where it has one, such as `error:0480006C:PEM routines::no start line`. */
  readonly text: Octets;
}

/** What became known of a peer in a TLS handshake. */
export interface TlsFacts {
  readonly version: TlsVersion;
  /** OpenSSL's name of the cipher suite. */
  readonly cipher: Octets;
  /** The server name the client asked for. */
  readonly serverName: Octets | undefined;
  readonly alpn: Octets | undefined;
  readonly isResumed: boolean;
  /** The client's certificate, if it showed one. */
  readonly certificate: PeerCertificate | undefined;
}

/** A client's certificate. */
export interface PeerCertificate {
  /** Distinguished names as RFC 2253 writes them, most specific part first. */
  readonly subject: Octets;
  readonly issuer: Octets;
  /** Upper-case hex. */
  readonly serial: Octets;
  /** SHA-1, lower-case hex. */
  readonly fingerprint: Octets;
  readonly pem: Octets;
  /** `undefined` when it was verified: chain, dates, purpose, depth and revocation. */
  readonly verifyError: { readonly number: number; readonly text: Octets } | undefined;
}

/** What becomes of a handshake. Exactly one of the two is called, unless it is cancelled. */
export interface SecureHandler {
  /** The socket that speaks in clear over TLS; the one it was made of is not to be used any more. */
  secured(socket: Socket, facts: TlsFacts): void;
  /** The connection is closed already. `text` is what the TLS library says. */
  failed(text: Octets): void;
}

/** What to listen on. */
export interface ListenOptions {
  readonly address:
    | { readonly host: string; readonly port: number }
    | { readonly path: Octets };
  /** For IPv6 wildcards: leave IPv4 alone (`ipv6only=on`). */
  readonly ipv6Only: boolean;
  /** Length of the accept queue; the runtime's own where `undefined`. */
  readonly backlog: number | undefined;
  /** Whether accepted sockets probe silent peers (`so_keepalive=on`), or leave it to the system (`undefined`). */
  readonly keepAlive: KeepAlive | boolean | undefined;
}

/** `so_keepalive=idle:intvl:cnt`, in milliseconds and probes; `undefined` leaves the system's value. */
export interface KeepAlive {
  readonly idle: Millis | undefined;
  readonly interval: Millis | undefined;
  readonly count: number | undefined;
}

/** A socket that accepts. */
export interface Listener {
  /** The address in force: with port 0 asked for, the port that was given. */
  readonly address: SocketAddress;
  /** Accepts no more; connections already accepted live on. Resolves when the address is free again. */
  close(): Promise<void>;
}

/** What moves the bytes of a logged-in session, see {@linkcode Runtime.relay}. */
export interface RelayOptions {
  readonly client: Socket;
  readonly upstream: Socket;
  /** Octets that were read before the relay began and go first. */
  readonly toClient: Uint8Array;
  readonly toUpstream: Uint8Array;
  /** Whether the client has ended already, so that the upstream is told once `toUpstream` is out. */
  readonly clientEnded: boolean;
  /** Ends the relay after this long without a byte in either direction. */
  readonly timeout: Millis;
  /** Called once, when both sockets are done with. */
  readonly done: (result: RelayResult) => void;
}

export type RelayEnd = "clientClosed" | "upstreamClosed" | "timedOut" | "stopped";

/** Why one side of a relay broke, and which. */
export interface RelayFailure extends SystemFailure {
  readonly side: "client" | "upstream";
}

export interface RelayResult {
  readonly end: RelayEnd;
  /** What broke first, if anything did. */
  readonly failure: RelayFailure | undefined;
  /** Octets passed on by the relay, those that were read before it included. */
  readonly bytesToClient: number;
  readonly bytesToUpstream: number;
}

/** A relay at work. */
export interface Relay {
  /**
   * Ends it: `lastLine` goes to the client once what is under way there has left, then both sides are closed. Where the
   * upstream was cut off in the middle of a line the client hears nothing: it would take our words for the rest of it.
   */
  stop(lastLine: Uint8Array): void;
}

/** A log file that is appended to. */
export interface LogFile {
  /** Writes one line, newline included, at once. Failures are swallowed: a full disk must not end mail sessions. */
  write(line: Octets): void;
  /** Closes the file and opens its path anew (log rotation). */
  reopen(): SystemFailure | undefined;
  close(): void;
}

/** Files. All calls are synchronous: they serve start-up, reload and logs, never the path of a session. */
export interface Files {
  read(path: Octets): Uint8Array | SystemFailure;
  /** Names in a directory, sorted by octets. */
  list(path: Octets): readonly Octets[] | SystemFailure;
  exists(path: Octets): boolean;
  write(path: Octets, text: Octets): SystemFailure | undefined;
  remove(path: Octets): SystemFailure | undefined;
  openLog(path: Octets): LogFile | SystemFailure;
}

export type SignalName = "SIGTERM" | "SIGINT" | "SIGQUIT" | "SIGHUP" | "SIGUSR1" | "SIGUSR2" | "SIGWINCH";

/** The process this runs in. */
export interface Process {
  readonly pid: number;
  readonly hostname: string;
  readonly isRoot: boolean;
  workingDirectory(): Octets;
  environment(name: string): string | undefined;
  stdout(text: Octets): void;
  stderr(text: Octets): void;
  onSignal(name: SignalName, handle: () => void): void;
  /** Hears of every error that nobody caught; from then on such an error does not end the process. */
  onUncaught(handle: (error: unknown) => void): void;
  /** Sends a signal to a process. */
  kill(pid: number, name: SignalName): SystemFailure | undefined;
  exit(code: number): never;
}

/** One thing a runtime does not do as asked, see {@linkcode Runtime.capabilities}. */
export type Capability =
  | "listen.backlog"
  | "listen.bufferSizes"
  | "listen.ipv6Only"
  | "listen.keepAliveIdle"
  | "listen.keepAliveProbes"
  | "listen.multipath"
  | "log.unixDatagram"
  | "tls.ciphers"
  | "tls.ciphersuites"
  | "tls.clientCiphers"
  | "tls.clientSessionReuse"
  | "tls.confCommand"
  | "tls.crl"
  | "tls.curves"
  | "tls.dhparam"
  | "tls.oldVersions"
  | "tls.preferServerCiphers"
  | "tls.separateSessions"
  | "tls.sessionCache"
  | "tls.sessionTimeout"
  | "tls.severalCertificates"
  | "tls.ticketKeys"
  | "tls.ticketsOff"
  | "tls.unannouncedAuthorities"
  | "tls.verifyDepth";

/** How a runtime stands to a capability: it has it, it lacks it (with the reason), or we do it for the runtime. */
export type CapabilityState =
  | { readonly state: "yes" }
  | { readonly state: "emulated"; readonly reason: string }
  | { readonly state: "no"; readonly reason: string };

export interface Runtime {
  readonly name: "node" | "deno" | "bun";
  /** The runtime's own version, such as `26.10.0`. */
  readonly version: string;
  /** The TLS library, as `-V` prints it. */
  readonly tlsLibrary: string;
  readonly capabilities: Readonly<Record<Capability, CapabilityState>>;
  readonly files: Files;
  readonly process: Process;
  /** A clock that never goes back, for deadlines. */
  now(): Millis;
  /** The wall clock, in milliseconds since 1970, for logs. */
  date(): Millis;
  /** How far local time is ahead of UTC at that moment, in minutes. */
  utcOffset(date: Millis): number;
  /** Calls `fire` once after `delay`. A timer does not keep the process alive. */
  timer(delay: Millis, fire: () => void): Cancel;
  /** Fills the array with random octets fit for secrets, and returns it. */
  random(bytes: Uint8Array): Uint8Array;
  listen(options: ListenOptions, accept: (socket: Socket) => void): Promise<Listener | SystemFailure>;
  connect(target: ConnectTarget, handler: ConnectHandler): Cancel;
  /** Checks options and makes them usable. */
  createTlsServer(options: TlsServerOptions): TlsContext | TlsFault;
  createTlsClient(options: TlsClientOptions): TlsContext | TlsFault;
  /**
   * Begins TLS on a connected socket, which the adapter takes over: its handler is told nothing any more. `held` are
   * octets that were read already and belong to the handshake. A server chooses among `contexts` by the name the client
   * asks for; `choose` gets it in lower case, or `undefined`.
   */
  secureServer(
    socket: Socket,
    tls: { readonly choose: (serverName: Octets | undefined) => TlsContext; readonly held: Uint8Array },
    handler: SecureHandler,
  ): Cancel;
  secureClient(socket: Socket, context: TlsContext, handler: SecureHandler): Cancel;
  /**
   * A datagram socket towards a numeric address. The handler is called only after this has returned. The socket does
   * not keep the process alive.
   */
  datagram(target: { readonly host: string; readonly port: number }, handler: DatagramHandler): DatagramSocket;
  /** The addresses a name has, IPv4 first as the system orders them. */
  lookup(name: string): Promise<readonly string[] | SystemFailure>;
  /** Moves bytes both ways until both sides are done. It takes both sockets over. */
  relay(options: RelayOptions): Relay;
  /** How many sockets there are now: accepted, connected or connecting, and not closed yet. */
  sockets(): number;
  /** How many descriptors this process may have, and how many it has now. */
  descriptors(): { readonly limit: number; readonly open: number };
}

/** Tells what is wrong with TLS options from what was made of them. */
export function isFault(value: TlsContext | TlsFault): value is TlsFault {
  return "part" in value;
}

/** Tells a failure from what was asked for. */
export function isFailure(value: unknown): value is SystemFailure {
  return typeof value === "object" && value !== null && "number" in value && "text" in value;
}

/** `(111: Connection refused)`, as the log writes it. */
export function describeFailure(failure: SystemFailure): string {
  return `(${failure.number}: ${failure.text})`;
}

/** `recv() failed (104: …)`, with the call that met the failure: only a write meets a broken pipe. */
export function describeBrokenSocket(failure: SystemFailure): string {
  return `${isBrokenPipe(failure) ? "send" : "recv"}() failed ${describeFailure(failure)}`;
}

/** Whether a socket broke because its peer reads no more. */
export function isBrokenPipe(failure: SystemFailure): boolean {
  return failure.number === EPIPE;
}

const EPIPE = 32;

/** As nginx writes that a connection was not made. */
export function describeConnectFailure(failure: SystemFailure): Octets {
  return failure.isHandshake ? describeHandshakeFailure(failure.text) : `connect() failed ${describeFailure(failure)}`;
}

/** As nginx writes a handshake that failed. A peer that left is no fault of the library's. */
export function describeHandshakeFailure(text: Octets): Octets {
  return text === PEER_CLOSED ? text : `SSL_do_handshake() failed (SSL: ${text})`;
}

/** What {@linkcode SecureHandler.failed} is told when the peer ended the connection in the handshake. */
const PEER_CLOSED = "peer closed connection in SSL handshake";
