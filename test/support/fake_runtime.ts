/**
 * A whole {@linkcode Runtime} in memory, for tests of what stands between the sessions and the adapters. Time stands
 * still until `clock.advance`; every connect, listen and relay waits in a list for the test to answer it.
 *
 * @module
 */

import type {
  Cancel,
  CapabilityState,
  ConnectHandler,
  ConnectTarget,
  DatagramHandler,
  DatagramSocket,
  DatagramTarget,
  FileLook,
  Files,
  Listener,
  ListenOptions,
  LogFile,
  Millis,
  Octets,
  Process,
  Relay,
  RelayOptions,
  RelayResult,
  Runtime,
  SignalName,
  Socket,
  SocketAddress,
  SystemFailure,
  TlsContext,
  TlsFault,
} from "../../src/runtime.ts";
import { decode, encode } from "../../src/session/bytes.ts";
import { FakeClock } from "./fake_clock.ts";
import { FakeHashing } from "./fake_hashing.ts";
import { FakeSocket } from "./fake_socket.ts";
import { FakeWorkers } from "./fake_workers.ts";

export { FakeClock, FakeSocket };

/** A connect that the code under test asked for. The test answers it with `accept` or `refuse`. */
export class FakeConnect {
  readonly target: ConnectTarget;
  isCancelled = false;
  isRefused = false;
  /** The socket, once accepted. */
  socket: FakeSocket | undefined;
  readonly #handler: ConnectHandler;
  readonly #clock: FakeClock;

  constructor(target: ConnectTarget, handler: ConnectHandler, clock: FakeClock) {
    this.target = target;
    this.#handler = handler;
    this.#clock = clock;
  }

  accept(): FakeSocket {
    const remote: SocketAddress = "path" in this.target
      ? { family: "unix", path: this.target.path }
      : { family: this.target.host.includes(":") ? 6 : 4, host: this.target.host, port: this.target.port };
    const socket = new FakeSocket(this.#clock, { remote, local: { family: 4, host: "192.0.2.2", port: 50000 } });
    this.socket = socket;
    if (this.isCancelled) socket.isClosed = true;
    else this.#handler.connected(socket);
    return socket;
  }

  refuse(failure: SystemFailure = { number: 111, text: "Connection refused" }): void {
    this.isRefused = true;
    if (!this.isCancelled) this.#handler.failed(failure);
  }

  /** Whether there is a socket for it, or will be. */
  get isOpen(): boolean {
    return this.socket === undefined ? !this.isCancelled && !this.isRefused : !this.socket.isClosed;
  }
}

/** A datagram socket that the code under test opened; the test plays who is at its other end, and strangers. */
export class FakeDatagramSocket implements DatagramSocket {
  /** A path stands in place of a host. */
  readonly target: { readonly host: string; readonly port: number };
  /** Everything that was sent, one entry for each datagram. */
  readonly sent: Uint8Array[] = [];
  isClosed = false;
  readonly #handler: DatagramHandler;

  constructor(target: { readonly host: string; readonly port: number }, handler: DatagramHandler) {
    this.target = target;
    this.#handler = handler;
  }

  send(bytes: Uint8Array): void {
    if (!this.isClosed) this.sent.push(bytes);
  }

  end(): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  close(): void {
    this.isClosed = true;
  }

  /** A datagram arrives, from the target if nobody else is named. It is good only during the call. */
  receives(bytes: Uint8Array, from: Partial<{ readonly host: string; readonly port: number }> = {}): void {
    if (this.isClosed) return;
    const { host, port } = { ...this.target, ...from };
    const lent = bytes.slice();
    this.#handler.received(lent, { family: host.includes(":") ? 6 : 4, host, port });
    lent.fill(POISON);
  }

  breaks(failure: SystemFailure = { number: 111, text: "Connection refused" }): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#handler.failed(failure);
  }

  /** The server takes no more. */
  overflows(): void {
    this.#handler.lost?.({ number: 11, text: "Resource temporarily unavailable" });
  }
}

/** A listener that the code under test asked for; the test plays the clients. */
export class FakeListener implements Listener {
  readonly address: SocketAddress;
  readonly options: ListenOptions;
  isClosed = false;
  readonly sockets: FakeSocket[] = [];
  readonly #accept: (socket: Socket) => void;
  readonly #clock: FakeClock;

  constructor(options: ListenOptions, accept: (socket: Socket) => void, clock: FakeClock) {
    const { address } = options;
    this.options = options;
    this.address = "path" in address
      ? { family: "unix", path: address.path }
      : { family: address.host.includes(":") ? 6 : 4, host: address.host, port: address.port };
    this.#accept = accept;
    this.#clock = clock;
  }

  /** A client connects. */
  client(remote: SocketAddress = { family: 4, host: "192.0.2.1", port: 40000 }): FakeSocket {
    const socket = new FakeSocket(this.#clock, { remote, local: this.address });
    this.sockets.push(socket);
    this.#accept(socket);
    return socket;
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}

/** A relay that was asked for. It moves nothing; the test says how it ends. */
export class FakeRelay implements Relay {
  readonly options: RelayOptions;
  idleFor: Millis = 0;
  /** The line of `stop`, if it was called. */
  lastLine: Octets | undefined;

  constructor(options: RelayOptions) {
    this.options = options;
  }

  stop(lastLine: Uint8Array): void {
    this.lastLine = decode(lastLine);
  }

  /** Ends the relay: both sockets are closed, and the one who asked for it is told. */
  finish(result: Partial<RelayResult> = {}): void {
    this.options.client.abort();
    this.options.upstream.abort();
    const { end = "clientClosed", failure, bytesToClient = 0, bytesToUpstream = 0 } = result;
    this.options.done({ end, failure, bytesToClient, bytesToUpstream });
  }
}

/** The runtime. Its fields are what a test looks at and changes. */
export class FakeRuntime implements Runtime {
  readonly name = "node";
  readonly version = "0.0.0";
  readonly tlsLibrary = "none";
  readonly capabilities: Runtime["capabilities"] = {
    "listen.backlog": YES,
    "listen.bufferSizes": YES,
    "listen.ipv6Only": YES,
    "listen.keepAliveIdle": YES,
    "listen.keepAliveProbes": YES,
    "listen.multipath": YES,
    "log.unixDatagram": YES,
    "process.replace": YES,
    "tls.ciphers": YES,
    "tls.ciphersuites": YES,
    "tls.clientCiphers": YES,
    "tls.clientSessionReuse": YES,
    "tls.confCommand": YES,
    "tls.crl": YES,
    "tls.curves": YES,
    "tls.dhparam": YES,
    "tls.longTicketKeys": YES,
    "tls.oldVersions": YES,
    "tls.preferServerCiphers": YES,
    "tls.separateSessions": YES,
    "tls.sessionCache": YES,
    "tls.sessionTimeout": YES,
    "tls.severalCertificates": YES,
    "tls.ticketKeys": YES,
    "tls.ticketsOff": YES,
    "tls.unannouncedAuthorities": YES,
    "tls.verifyDepth": YES,
    "tls.versionGaps": YES,
  };
  readonly clock = new FakeClock();
  readonly files = new FakeFiles();
  readonly process = new FakeProcess();
  readonly hashing = new FakeHashing();
  readonly workers = new FakeWorkers();
  /** Every connect, in order, answered or not. */
  readonly connects: FakeConnect[] = [];
  readonly listeners: FakeListener[] = [];
  /** Who hears that descriptors run out. */
  readonly shortageHearers = new Set<(failure: SystemFailure | undefined) => void>();
  /** Every datagram socket, in order, open or closed. */
  readonly datagrams: FakeDatagramSocket[] = [];
  readonly relays: FakeRelay[] = [];
  /** What names mean. */
  readonly names = new Map<string, readonly string[]>();
  /** The wall clock when {@linkcode clock} says 0. */
  epoch: Millis = 0;

  now(): Millis {
    return this.clock.now();
  }

  date(): Millis {
    return this.epoch + this.clock.now();
  }

  utcOffset(): number {
    return 0;
  }

  timer(delay: Millis, fire: () => void): Cancel {
    return this.clock.timer(delay, fire);
  }

  fingerprint(text: Octets): Octets {
    return `print of ${text}`;
  }

  random(bytes: Uint8Array): Uint8Array {
    return bytes.fill(7);
  }

  connect(target: ConnectTarget, handler: ConnectHandler): Cancel {
    const connect = new FakeConnect(target, handler, this.clock);
    this.connects.push(connect);
    return () => {
      connect.isCancelled = true;
    };
  }

  listen(options: ListenOptions, accept: (socket: Socket) => void): Promise<Listener | SystemFailure> {
    const listener = new FakeListener(options, accept, this.clock);
    this.listeners.push(listener);
    return Promise.resolve(listener);
  }

  createTlsServer(): TlsContext | TlsFault {
    throw new Error("There is no TLS here");
  }

  createTlsClient(): TlsContext | TlsFault {
    throw new Error("There is no TLS here");
  }

  secureServer(): Cancel {
    throw new Error("There is no TLS here");
  }

  secureClient(): Cancel {
    throw new Error("There is no TLS here");
  }

  datagram(target: DatagramTarget, handler: DatagramHandler): DatagramSocket {
    const socket = new FakeDatagramSocket("path" in target ? { host: target.path, port: 0 } : target, handler);
    this.datagrams.push(socket);
    return socket;
  }

  lookup(name: string): Promise<readonly string[] | SystemFailure> {
    return Promise.resolve(this.names.get(name) ?? { number: 0, text: "Name or service not known" });
  }

  relay(options: RelayOptions): Relay {
    const relay = new FakeRelay(options);
    this.relays.push(relay);
    return relay;
  }

  sockets(): number {
    const accepted = this.listeners.flatMap(({ sockets }) => sockets).filter((socket) => !socket.isClosed);
    return accepted.length + this.connects.filter((connect) => connect.isOpen).length;
  }

  descriptors(): { readonly limit: number; readonly open: number } {
    return { limit: 1024, open: 0 };
  }

  onShortage(hear: (failure: SystemFailure | undefined) => void): Cancel {
    this.shortageHearers.add(hear);
    return () => void this.shortageHearers.delete(hear);
  }
}

/** Files in memory, by path. A log is a file that grows. */
export class FakeFiles implements Files {
  readonly contents = new Map<Octets, Octets>();
  /** Whose files are, if they were given away. */
  readonly given = new Map<Octets, number>();

  read(path: Octets): Uint8Array | SystemFailure {
    const text = this.contents.get(path);
    return text === undefined ? MISSING : encode(text);
  }

  list(path: Octets): readonly Octets[] | SystemFailure {
    const folder = path.endsWith("/") ? path : `${path}/`;
    const below = [...this.contents.keys()].filter((name) => name.startsWith(folder));
    if (below.length === 0) return MISSING;
    return [...new Set(below.map((name) => name.slice(folder.length).split("/")[0] ?? ""))].sort();
  }

  exists(path: Octets): boolean {
    return this.contents.has(path);
  }

  /** Its text is all that can change of it. */
  look(path: Octets): FileLook | SystemFailure {
    const text = this.contents.get(path);
    return text === undefined ? MISSING : { size: text.length, stamp: text };
  }

  write(path: Octets, text: Octets): SystemFailure | undefined {
    this.contents.set(path, text);
    return undefined;
  }

  rename(from: Octets, to: Octets): SystemFailure | undefined {
    const content = this.contents.get(from);
    if (content === undefined) return MISSING;
    this.contents.delete(from);
    this.contents.set(to, content);
    return undefined;
  }

  remove(path: Octets): SystemFailure | undefined {
    return this.contents.delete(path) ? undefined : MISSING;
  }

  /** Why nothing can be written, if so: a full disk. */
  writeFailure: SystemFailure | undefined;

  /** The logs that are open. */
  readonly openLogs = new Set<Octets>();

  openLog(path: Octets): LogFile | SystemFailure {
    if (path.startsWith("/missing/")) return MISSING;
    if (this.openLogs.has(path)) throw new Error(`${path} is open already`);
    const write = (lines: Octets) => {
      if (!this.openLogs.has(path)) return undefined;
      if (this.writeFailure !== undefined) return { ...this.writeFailure, lost: lines.split("\n").length - 1 };
      this.contents.set(path, (this.contents.get(path) ?? "") + lines);
      return undefined;
    };
    this.contents.set(path, this.contents.get(path) ?? "");
    this.openLogs.add(path);
    return { write, reopen: () => undefined, close: () => void this.openLogs.delete(path) };
  }

  openToAll(): void {}

  give(path: Octets, owner: { readonly uid: number }): SystemFailure | undefined {
    this.given.set(path, owner.uid);
    return undefined;
  }
}

/** A process that only remembers what it was told. */
export class FakeProcess implements Process {
  readonly isTerminal = false;
  /** What is typed. */
  secrets: Octets[] = [];

  readSecret(): Promise<Octets> {
    return Promise.resolve(this.secrets.shift() ?? "");
  }

  readonly pid = 4711;
  readonly hostname = "mx.example.org";
  readonly isRoot = false;
  readonly variables = new Map<string, string>();
  readonly kills: { readonly pid: number; readonly name: SignalName }[] = [];
  out = "";
  err = "";
  readonly #handlers = new Map<SignalName, () => void>();

  workingDirectory(): Octets {
    return "/";
  }

  environment(name: string): string | undefined {
    return this.variables.get(name);
  }

  stdout(text: Octets): void {
    this.out += text;
  }

  stderr(text: Octets): void {
    this.err += text;
  }

  onSignal(name: SignalName, handle: () => void): void {
    this.#handlers.set(name, handle);
  }

  /** Somebody sends the process a signal. */
  receive(name: SignalName): void {
    this.#handlers.get(name)?.();
  }

  onUncaught(): void {}

  kill(pid: number, name: SignalName): SystemFailure | undefined {
    this.kills.push({ pid, name });
    return undefined;
  }

  exit(code: number): never {
    throw new Error(`exit ${code}`);
  }
}

/** What lent octets turn into when the call is over. */
const POISON = 0xdb;
const YES: CapabilityState = { state: "yes" };
const MISSING: SystemFailure = { number: 2, text: "No such file or directory" };
