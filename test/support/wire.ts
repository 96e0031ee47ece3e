/** Real sockets, octet by octet: what the tests' clients, upstreams and auth servers are made of. */

import { Buffer } from "node:buffer";
import { createServer, type Server, type Socket as RawSocket } from "node:net";
import { assertEquals } from "@std/assert";
import { Watch } from "./watch.ts";

/** One end of a connection. Strings are octet strings. */
export class Wire {
  /** All that arrived so far. */
  received = "";
  /** Whether the peer has sent FIN. */
  hasEnded = false;
  /** Whether the socket is gone. */
  isClosed = false;
  /** Why it broke, such as `ECONNRESET`. */
  failure: string | undefined;
  /** Whether this end stays open when the peer has ended. */
  isPatient = false;
  readonly #socket: RawSocket;
  readonly #watch = new Watch();
  readonly #listeners: readonly (readonly [string, (bytes: Uint8Array) => void])[];
  #used = 0;
  #tell: ((octets: string) => void) | undefined;
  #consume: ((bytes: Uint8Array) => void) | undefined;

  constructor(socket: RawSocket) {
    this.#socket = socket;
    this.#listeners = [
      ["data", (bytes: Uint8Array) => this.#arrived(bytes)],
      ["drain", () => this.#watch.look()],
      ["end", () => this.#ended()],
      ["close", () => this.#closed()],
    ];
    for (const [event, listener] of this.#listeners) socket.on(event, listener);
    socket.on("error", (error: Error & { code?: string }) => this.failure = error.code ?? error.message);
  }

  /** What arrived and no expectation has used up. */
  get unread(): string {
    return this.received.slice(this.#used);
  }

  /** The port this end has. */
  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  /** Whether nothing more will come. */
  get isOver(): boolean {
    return this.hasEnded || this.isClosed;
  }

  /** Says octets; `false` when the kernel did not take them all at once. */
  send(octets: string | Uint8Array): boolean {
    return this.#socket.write(typeof octets === "string" ? Buffer.from(octets, "latin1") : octets);
  }

  /** The next that arrives is exactly this. */
  async expect(octets: string): Promise<void> {
    await this.until(() => this.unread.length >= octets.length || !octets.startsWith(this.unread) || this.isOver);
    assertEquals(this.unread.slice(0, octets.length), octets);
    this.#used += octets.length;
  }

  /** Says this, and gets exactly that. */
  async ask(octets: string, answer: string): Promise<void> {
    this.send(octets);
    await this.expect(answer);
  }

  /** What arrived, as soon as it ends as said; `undefined` when the peer ends before. It may take its time. */
  async nextUpTo(end: string): Promise<string | undefined> {
    await this.until(() => this.unread.endsWith(end) || this.isOver, ENDLESS);
    if (!this.unread.endsWith(end)) return undefined;
    const { unread } = this;
    this.#used = this.received.length;
    return unread;
  }

  /** All that is left is this, and then the peer ends in order. */
  async expectEnd(octets = ""): Promise<void> {
    await this.expect(octets);
    await this.until(() => this.isOver || this.unread !== "");
    assertEquals({ unread: this.unread, hasEnded: this.hasEnded, failure: this.failure }, {
      unread: "",
      hasEnded: true,
      failure: undefined,
    });
  }

  /** All that arrives until the peer has ended, one way or another. */
  async rest(): Promise<string> {
    await this.untilOver();
    const rest = this.unread;
    this.#used += rest.length;
    return rest;
  }

  /** The peer has ended or is gone. */
  untilOver(limit?: number): Promise<void> {
    return this.until(() => this.isOver, limit);
  }

  untilClosed(): Promise<void> {
    return this.until(() => this.isClosed);
  }

  /** What was said has left for the kernel, however long it takes. */
  untilDrained(): Promise<void> {
    return this.until(() => this.#socket.writableLength === 0 || this.isClosed, ENDLESS);
  }

  until(holds: () => boolean, limit?: number): Promise<void> {
    const describe = () => `got ${JSON.stringify(this.unread.slice(-500))}${this.isOver ? ", then the end" : ""}`;
    return this.#watch.until(holds, describe, limit);
  }

  /** From now on this is told of octets that arrive, and of those that nobody used up so far. */
  onMore(tell: (octets: string) => void): void {
    this.#tell = tell;
    this.#tellMore();
  }

  /** From now on octets, and those that nobody used up so far, go to this function and are not kept. */
  consume(consume: (bytes: Uint8Array) => void): void {
    const { unread } = this;
    this.#used = this.received.length;
    this.#consume = consume;
    if (unread !== "") consume(Buffer.from(unread, "latin1"));
  }

  /** Stops and starts reading. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Sends FIN behind all that was said. */
  end(): void {
    this.#socket.end();
  }

  /** Sends RST. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Lets go of the socket. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Gives the socket away, paused: to TLS, which goes on where this wire stops. */
  release(): RawSocket {
    for (const [event, listener] of this.#listeners) this.#socket.off(event, listener);
    this.#socket.pause();
    return this.#socket;
  }

  #ended(): void {
    this.hasEnded = true;
    if (!this.isPatient) this.#socket.end();
    this.#watch.look();
  }

  #closed(): void {
    this.isClosed = true;
    this.#watch.look();
  }

  #arrived(bytes: Uint8Array): void {
    if (this.#consume !== undefined) this.#consume(bytes);
    else this.received += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
    this.#tellMore();
    this.#watch.look();
  }

  #tellMore(): void {
    if (this.#tell === undefined || this.unread === "") return;
    const { unread } = this;
    this.#used = this.received.length;
    this.#tell(unread);
  }
}

/** For those who serve: their peer is waited for by somebody else. */
const ENDLESS = 2 ** 31 - 1;

/** A listener on a loopback port, with the connections it got. */
export class WireServer {
  readonly wires: Wire[] = [];
  readonly #server: Server;
  readonly #watch = new Watch();
  #port = 0;

  private constructor(accepted: (wire: Wire) => void) {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.setNoDelay(true);
      const wire = new Wire(socket);
      this.wires.push(wire);
      accepted(wire);
      this.#watch.look();
    });
  }

  /** Listens, at a port if one is given; `accepted` is told of each connection before anything arrives on it. */
  static async start(accepted: (wire: Wire) => void, port = 0): Promise<WireServer> {
    const server = new WireServer(accepted);
    await new Promise<void>((resolve) => server.#server.listen(port, "127.0.0.1", resolve));
    const address = server.#server.address();
    if (typeof address === "object" && address !== null) server.#port = address.port;
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** The connection with this number, counted from 0, as soon as it is there. */
  async wire(index: number): Promise<Wire> {
    await this.#watch.until(() => this.wires.length > index, () => `${this.wires.length} connections`);
    const wire = this.wires[index];
    if (wire === undefined) throw new Error("unreachable");
    return wire;
  }

  /** Every connection has seen its end. */
  async untilAllOver(): Promise<void> {
    for (const wire of this.wires) await wire.untilOver();
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const wire of this.wires) wire.destroy();
    await closed;
  }
}
