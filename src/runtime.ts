/**
 * What an adapter must offer. Everything under `src/` reaches the world through a {@linkcode Runtime} and nothing else;
 * `adapters/` has one for Node, one for Deno and one for Bun.
 *
 * Strings that come from the wire, from files or from the command line are *octet strings*: each character stands for
 * one octet (latin1), so that nothing is lost or re-encoded on its way through. Paths are octet strings too; the
 * adapter turns them into what its runtime wants.
 *
 * It is longer than other files because whoever writes an adapter should have all of the contract in one place.
 *
 * @module
 */

import type { Hashing } from "./hashing.ts";
import type { SecureHandler, TlsClientOptions, TlsContext, TlsFault, TlsServerOptions } from "./tls.ts";
import { describeHandshakeFailure } from "./tls.ts";
import type { Workers } from "./workers.ts";

export type { DerivationHandler, Hashing, KeyDerivation } from "./hashing.ts";
export type {
  KeyPair,
  PeerCertificate,
  SecureHandler,
  TicketKeys,
  TlsClientOptions,
  TlsContext,
  TlsFacts,
  TlsFault,
  TlsServerOptions,
  TlsVersion,
} from "./tls.ts";
export { describeHandshakeFailure, isFault, missingVersions, TLS_VERSIONS } from "./tls.ts";
export { formatIpv6, parseIpv4, parseIpv6 } from "./config/ip.ts";
export { type Listed, NOWHERE, Roster } from "./roster.ts";
export type {
  Account,
  Background,
  BackgroundHandler,
  Exit,
  ForkOptions,
  InheritedSocket,
  Legacy,
  MainLink,
  Predecessor,
  WorkerHandler,
  WorkerProcess,
  Workers,
} from "./workers.ts";

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
  | {
    readonly host: string;
    readonly port: number;
    /** The numeric address of ours to connect from; the system's choice when left out. */
    readonly localAddress?: string;
  }
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

/** Where datagrams go: a numeric address, or a path, which never answers and is for logs (`log.unixDatagram`). */
export type DatagramTarget = { readonly host: string; readonly port: number } | { readonly path: Octets };

/** What a datagram socket tells its owner. */
export interface DatagramHandler {
  /**
   * A datagram arrived. Its octets are valid only during the call. It may come from anybody (Deno lets all of them
   * through), so whoever cares compares `from`.
   */
  received(bytes: Uint8Array, from: SocketAddress): void;
  /** The socket broke, or the other side refuses datagrams; it is closed, and this is its last call. */
  failed(failure: SystemFailure): void;
  /** One was lost, since more wait than may; the socket goes on. */
  lost?(failure: SystemFailure): void;
}

/** A UDP socket with one address to send to and a port of its own that the system chose; or a unix socket without a name. */
export interface DatagramSocket {
  /**
   * Sends one datagram, and never waits. The caller gives `bytes` away. Does nothing on a socket that is closed. Where a path's
   * server is slow, some thousands are kept for it; one that comes after them is lost.
   */
  send(bytes: Uint8Array): void;
  /** Closes once what was given has left, or cannot, or half a second is over. */
  end(): Promise<void>;
  /** Closes at once. The handler is not called any more. */
  close(): void;
}

/** What to listen on. */
export interface ListenOptions {
  readonly address:
    | { readonly host: string; readonly port: number }
    | { readonly path: Octets };
  /** For IPv6 wildcards: leave IPv4 alone (`ipv6only=on`). */
  readonly ipv6Only: boolean;
  /** The socket itself, where the process or its main process was given it with this address. */
  readonly descriptor?: number | undefined;
  /** Length of the accept queue; the runtime's own where `undefined`. */
  readonly backlog: number | undefined;
  /** Whether accepted sockets probe silent peers (`so_keepalive=on`), or leave it to the system (`undefined`). */
  readonly keepAlive: KeepAlive | boolean | undefined;
  /** Whether TLS will be begun on whatever is accepted: an adapter may have sockets of another kind for that. */
  readonly isSecure?: boolean | undefined;
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

/** Sees what a relay passes on. It is called for each chunk, so it has to be quick. */
export interface RelayWatch {
  client(bytes: Uint8Array): void;
  upstream(bytes: Uint8Array): void;
  /** So many octets in bulk passed that nobody has seen; a KiB at least that follows them is seen. */
  clientUnseen(octets: number): void;
  upstreamUnseen(octets: number): void;
  /** Whether the upstream has said all of what it began to say, so that a line of ours would be no part of it. */
  readonly isBetweenReplies: boolean;
  /**
   * Whether the client's last words were that it leaves (`LOGOUT`, `QUIT`): it has nothing more to say. A line of a letter may
   * look like that: a client that a server hangs up on right there may see a reset in place of the server's last words.
   */
  readonly isClientLeaving: boolean;
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
  /** Knows where a last line may stand; without one it may stand behind every line. */
  readonly watch?: RelayWatch | undefined;
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
  /** How long nothing has moved in either direction. */
  readonly idleFor: Millis;
  /**
   * Ends it: `lastLine` goes to the client once what is under way there has left, then both sides are closed. Where the
   * upstream was cut off in the middle of a reply the client hears nothing: it would take our words for the rest of it.
   */
  stop(lastLine: Uint8Array): void;
}

/** A log file that is appended to. */
export interface LogFile {
  /**
   * Writes whole lines, newlines included, at once and in one piece, so that several processes may write to one file.
   * Gives back why they are not, or not all, in the file; a line that is half in it ends there, before the next one.
   */
  write(lines: Octets): WriteFailure | undefined;
  /** Closes the file and opens its path anew (log rotation). */
  reopen(): SystemFailure | undefined;
  close(): void;
}

/** Why lines are not in a log. */
export interface WriteFailure extends SystemFailure {
  /** How many of them are not, or not whole. */
  readonly lost: number;
}

/** What the system knows of a file. */
export interface FileLook {
  /** In octets. */
  readonly size: number;
  /** Another text after every change of the file, also when another file took its name. */
  readonly stamp: Octets;
}

/** Files. All calls are synchronous: they serve start-up, reload and logs, never the path of a session. */
export interface Files {
  read(path: Octets): Uint8Array | SystemFailure;
  /** Names in a directory, sorted by octets. */
  list(path: Octets): readonly Octets[] | SystemFailure;
  exists(path: Octets): boolean;
  /** How a file looks from outside, without reading it. */
  look(path: Octets): FileLook | SystemFailure;
  write(path: Octets, text: Octets): SystemFailure | undefined;
  /** Gives a file another name; one that had it is gone. */
  rename(from: Octets, to: Octets): SystemFailure | undefined;
  remove(path: Octets): SystemFailure | undefined;
  openLog(path: Octets): LogFile | SystemFailure;
  /** Lets everybody read and write, as connecting to a unix socket asks for. */
  openToAll(path: Octets): void;
  /** Makes the file if there is none, and gives it to this user; its group stays. */
  give(path: Octets, owner: { readonly uid: number }): SystemFailure | undefined;
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
  /** Whether somebody types what standard input reads. */
  readonly isTerminal: boolean;
  /** Reads a line from standard input; on a terminal `prompt` asks for it, and what is typed is not shown. */
  readSecret(prompt: string): Promise<Octets>;
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
  | "process.replace"
  | "tls.ciphers"
  | "tls.ciphersuites"
  | "tls.clientCiphers"
  | "tls.clientSessionReuse"
  | "tls.confCommand"
  | "tls.crl"
  | "tls.curves"
  | "tls.dhparam"
  | "tls.longTicketKeys"
  | "tls.oldVersions"
  | "tls.preferServerCiphers"
  | "tls.separateSessions"
  | "tls.sessionCache"
  | "tls.sessionTimeout"
  | "tls.severalCertificates"
  | "tls.ticketKeys"
  | "tls.ticketsOff"
  | "tls.unannouncedAuthorities"
  | "tls.verifyDepth"
  | "tls.versionGaps";

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
  readonly hashing: Hashing;
  readonly workers: Workers;
  /** A clock that never goes back, for deadlines. */
  now(): Millis;
  /** The wall clock, in milliseconds since 1970, for logs. */
  date(): Millis;
  /** How far local time is ahead of UTC at that moment, in minutes. */
  utcOffset(date: Millis): number;
  /**
   * Calls `fire` once after `delay`, or up to 0.1 s later where that is a second or more. A timer does not keep the
   * process alive.
   */
  timer(delay: Millis, fire: () => void): Cancel;
  /**
   * A short text that stands for another one, the same each time in this process and to be foreseen by nobody:
   * HMAC-SHA-256 under a key of the process's own.
   */
  fingerprint(text: Octets): Octets;
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
   * A datagram socket towards a target. The handler is called only after this has returned. The socket does not keep the
   * process alive.
   */
  datagram(target: DatagramTarget, handler: DatagramHandler): DatagramSocket;
  /** The addresses a name has, IPv4 first as the system orders them. */
  lookup(name: string): Promise<readonly string[] | SystemFailure>;
  /** Moves bytes both ways until both sides are done. It takes both sockets over. */
  relay(options: RelayOptions): Relay;
  /** How many sockets there are now: accepted, connected or connecting, and not closed yet. */
  sockets(): number;
  /** How many descriptors this process may have, and how many it has now. */
  descriptors(): { readonly limit: number; readonly open: number };
  /**
   * Hears when no descriptor can be had, and with `undefined` that there are some again. Listeners accept nobody
   * meanwhile, or only to be closed.
   */
  onShortage(hear: (failure: SystemFailure | undefined) => void): Cancel;
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

/** Whether a connection was not made because of what we are short of, which speaks against no server. */
export function isOurs({ number }: SystemFailure): boolean {
  return OURS.includes(number);
}

/** ENOMEM, ENFILE, EMFILE, EADDRINUSE, EADDRNOTAVAIL, ENOBUFS. */
const OURS: readonly number[] = [12, 23, 24, 98, 99, 105];

/** As nginx writes that a connection was not made. */
export function describeConnectFailure(failure: SystemFailure): Octets {
  return failure.isHandshake ? describeHandshakeFailure(failure.text) : `connect() failed ${describeFailure(failure)}`;
}
