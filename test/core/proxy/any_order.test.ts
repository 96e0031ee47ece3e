import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { serve, type Server } from "../../../src/proxy/mod.ts";
import type { Cancel, Octets, SecureHandler, Socket, TlsContext } from "../../../src/runtime.ts";
import { load, memoryFiles } from "../../support/config.ts";
import { type FakeConnect, type FakeRelay, FakeRuntime, type FakeSocket } from "../../support/fake_runtime.ts";
import { settle } from "./_support.ts";

/** TLS that begins, or fails, when the test says so. */
class TlsRuntime extends FakeRuntime {
  readonly handshakes = new Set<() => void>();

  override createTlsServer(): TlsContext {
    return { kind: "server", expires: Infinity, caveat: undefined };
  }

  override secureServer(socket?: Socket, _tls?: unknown, handler?: SecureHandler): Cancel {
    if (socket === undefined || handler === undefined) throw new Error("nobody begins TLS");
    const end = (then: () => void) => {
      if (this.handshakes.delete(succeed)) then();
    };
    const fail = () => end(() => handler.failed("peer closed connection"));
    const succeed = () => end(() => handler.secured(socket, FACTS));
    this.handshakes.add(succeed);
    socket.handler = { bytes() {}, drained() {}, ended: fail, closed: fail };
    return () => end(() => socket.abort());
  }
}

const FACTS = {
  version: "TLSv1.3",
  cipher: "x",
  serverName: undefined,
  alpn: undefined,
  isResumed: false,
  certificate: undefined,
} as const;

/** Clients, auth server and mail servers that do one thing after another, in an order that a number decides. */
class World {
  readonly runtime: TlsRuntime;
  readonly #clients: FakeSocket[] = [];
  readonly #relays = new Set<FakeRelay>();
  /** What a peer has still to say. */
  readonly #unsaid = new Map<FakeSocket, Octets>();
  readonly #tags = new Map<FakeSocket, Octets>();
  readonly #server: Server;
  #state: number;

  static async begin(seed: number): Promise<World> {
    const runtime = new TlsRuntime();
    runtime.files.read = (path: Octets) => FILES.read(path);
    return new World(await serve(configuration(), runtime), runtime, seed);
  }

  private constructor(server: Server, runtime: TlsRuntime, seed: number) {
    this.#server = server;
    this.runtime = runtime;
    this.#state = seed;
  }

  /** Lets something happen. */
  async goOn(): Promise<void> {
    const deeds = [
      () => this.#comes(),
      () => this.#clientSpeaks(),
      () => this.#isConnected(),
      () => this.#isConnected(),
      () => this.#serverSpeaks(),
      () => this.#serverSpeaks(),
      () => this.#serverSpeaks(),
      () => this.#pick([...this.runtime.handshakes])?.(),
      () => this.#breaks(),
      () => this.#relayEnds(),
      () => this.runtime.clock.advance(this.#chance(20) ? 70_000 : this.#pick([0, 10, 500, 2_000]) ?? 0),
      () => this.#chance(20) && void this.#server.reload(configuration()),
    ];
    this.#pick(deeds)?.();
    await settle();
  }

  /** Everybody leaves, and all time limits pass. */
  async end(): Promise<void> {
    for (const client of this.#clients) client.breaks();
    for (let minute = 0; minute < 10; minute++) {
      for (const relay of this.#running) this.#finish(relay);
      this.runtime.clock.advance(60_000);
      await settle();
    }
  }

  /** How many of so many clients are let in now, each with a login of the same user. */
  async letIn(count: number): Promise<number> {
    const clients = Array.from({ length: count }, () => this.#client());
    for (const client of clients) {
      client.says("a LOGIN anna sesame\r\n");
      for (let step = 0; step < 20; step++) {
        for (const connect of this.runtime.connects) if (isWaiting(connect)) connect.accept();
        for (const { socket, target } of this.runtime.connects) {
          if (socket?.isClosed === false) socket.says(this.#answerOf(socket, isAuth(target) ? "auth" : "mail"));
        }
        await settle();
      }
    }
    return this.#running.length;
  }

  /** Stops, and tells what is left and what the log says that should never be said. */
  async leftovers(): Promise<unknown> {
    const stopped = this.#server.stop("graceful");
    await this.end();
    await stopped;
    const log = this.runtime.files.contents.get("/log") ?? "";
    const alarms = log.split("\n").filter((line) => /\[(?:alert|emerg)\]/.test(line));
    return { sockets: this.runtime.sockets(), timers: this.runtime.clock.pending, alarms };
  }

  /** How many connections and sockets there are. */
  get left(): readonly number[] {
    return [this.#server.connections, this.runtime.sockets()];
  }

  get #running(): readonly FakeRelay[] {
    return this.runtime.relays.filter((relay) => !this.#relays.has(relay));
  }

  #client(): FakeSocket {
    const listener = this.runtime.listeners.find(({ isClosed }) => !isClosed);
    if (listener === undefined) throw new Error("nobody listens");
    const client = listener.client();
    this.#clients.push(client);
    return client;
  }

  #comes(): void {
    if (this.#clients.filter(({ isClosed }) => !isClosed).length < 8) this.#client();
  }

  #clientSpeaks(): void {
    const client = this.#pick(this.#clients.filter(({ isClosed }) => !isClosed));
    if (client !== undefined) this.#speak(client, this.#pick(COMMANDS) ?? "");
  }

  #isConnected(): void {
    const connect = this.#pick(this.runtime.connects.filter(isWaiting));
    if (this.#chance(10)) connect?.refuse();
    else connect?.accept();
  }

  #serverSpeaks(): void {
    const connect = this.#pick(this.runtime.connects.filter(({ socket }) => socket?.isClosed === false));
    const socket = connect?.socket;
    if (socket === undefined) return;
    const answer = this.#unsaid.get(socket) || this.#answerOf(socket, isAuth(connect?.target) ? "auth" : "mail");
    this.#speak(socket, this.#chance(20) ? this.#pick(REFUSALS) ?? "" : answer);
  }

  /** Says all or a part of what is left to be said, or of this. */
  #speak(socket: FakeSocket, text: Octets): void {
    const whole = this.#unsaid.get(socket) || text;
    const length = this.#chance(3) ? Math.ceil(whole.length * this.#random()) : whole.length;
    this.#unsaid.set(socket, whole.slice(length));
    if (length > 0) socket.says(whole.slice(0, length));
  }

  /** What a good server says to what it has heard since it spoke last. */
  #answerOf(socket: FakeSocket, kind: "auth" | "mail"): Octets {
    const heard = socket.heard();
    if (kind === "auth") return heard === "" ? "" : ADMISSION;
    if (!this.#tags.has(socket)) {
      this.#tags.set(socket, "");
      return "* OK ready\r\n";
    }
    const [, tag] = /^(\S+) LOGIN/m.exec(heard) ?? [];
    if (tag !== undefined) this.#tags.set(socket, tag);
    if (heard === "") return "";
    return heard.endsWith("}\r\n") ? "+ go on\r\n" : `${this.#tags.get(socket)} OK done\r\n`;
  }

  #breaks(): void {
    if (!this.#chance(8)) return;
    const servers = this.runtime.connects.flatMap(({ socket }) => socket ?? []);
    const socket = this.#pick([...this.#clients, ...servers].filter(({ isClosed }) => !isClosed));
    if (this.#chance(2)) socket?.hangsUp();
    else socket?.breaks();
  }

  #relayEnds(): void {
    const relay = this.#pick(this.#running);
    if (relay !== undefined && this.#chance(5)) this.#finish(relay);
  }

  #finish(relay: FakeRelay): void {
    this.#relays.add(relay);
    relay.finish();
  }

  #pick<T>(things: readonly T[]): T | undefined {
    return things[Math.floor(this.#random() * things.length)];
  }

  /** Once in so many times. */
  #chance(of: number): boolean {
    return this.#random() * of < 1;
  }

  /** From 0 to 1 (mulberry32). */
  #random(): number {
    this.#state = this.#state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(this.#state ^ this.#state >>> 15, this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  }
}

function isWaiting({ socket, isCancelled, isRefused }: FakeConnect): boolean {
  return socket === undefined && !isCancelled && !isRefused;
}

function isAuth(target: FakeConnect["target"] | undefined): boolean {
  return target !== undefined && "host" in target && target.host === "192.0.2.9";
}

const FILES = memoryFiles({ "/c.pem": "-----BEGIN CERTIFICATE-----", "/k.pem": "-----BEGIN PRIVATE KEY-----" });

/** So many sessions of one user, and no more connections to each server than two of them are. */
const MOST = 4;

function configuration(): ReturnType<typeof load> {
  return load(
    `error_log /log info; events {}
     mail {
       limit_conn_zone $binary_remote_addr zone=clients:1m; limit_conn clients 8;
       limit_conn_zone $auth_user zone=users:1m; limit_conn users ${MOST};
       auth_http 192.0.2.9; auth_http_cache zone=answers:1m; auth_failure_delay 1s 4s;
       ssl_certificate /c.pem; ssl_certificate_key /k.pem; starttls on;
       upstream mail { server 192.0.2.10 max_conns=2; server 192.0.2.11 max_conns=2; }
       server { listen 127.0.0.1:143; }
     }`,
    { files: FILES },
  );
}

const COMMANDS = [
  "a LOGIN anna sesame\r\n",
  "b LOGIN anna sesame\r\nc NOOP\r\n",
  "d LOGIN {4+}\r\nanna sesame\r\n",
  "e STARTTLS\r\n",
  "f AUTHENTICATE PLAIN\r\n",
  "*\r\n",
  "g LOGOUT\r\n",
];
const ADMISSION = "HTTP/1.1 200 OK\r\nAuth-Status: OK\r\nAuth-Server: mail\r\nContent-Length: 0\r\n\r\n";
const REFUSALS = [
  "HTTP/1.1 200 OK\r\nAuth-Status: no\r\nAuth-Wait: 2\r\nContent-Length: 0\r\n\r\n",
  "HTTP/1.1 200 OK\r\nAuth-Status: WAIT\r\nAuth-Wait: 1\r\nContent-Length: 0\r\n\r\n",
  "* BYE too busy\r\n",
  "a NO wrong\r\n",
];

describe("whatever happens, in whatever order", () => {
  it("leaves nothing behind, and nothing that is counted", { timeout: 60_000 }, async () => {
    let relays = 0;
    for (let seed = 1; seed <= 50; seed++) {
      const world = await World.begin(seed);
      for (let step = 0; step < 300; step++) await world.goOn();
      relays += world.runtime.relays.length;
      await world.end();
      assertEquals([seed, world.left], [seed, [0, 0]]);
      assertEquals([seed, await world.letIn(MOST)], [seed, MOST]);
      assertEquals([seed, await world.leftovers()], [seed, { sockets: 0, timers: 0, alarms: [] }]);
    }
    assert(relays > 100, `only ${relays} sessions were logged in`);
  });
});
