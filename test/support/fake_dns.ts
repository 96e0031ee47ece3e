import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket as TcpSocket } from "node:net";
import { concat } from "../../src/session/bytes.ts";
import { type Query, readQuery, type Reply, response } from "./dns_wire.ts";

/** Answers a query, over UDP or TCP; `undefined` is silence. */
export type Answer = (query: Query, transport: "udp" | "tcp") => Reply | undefined;

/** A name server on 127.0.0.1, with UDP and TCP on one port. */
export class FakeDns {
  /** Every query, such as `udp A mail.test`. */
  readonly heard: string[] = [];
  /** Whether each answer over UDP comes after lies: from another port, with another id, to another question. */
  isBesieged = false;
  readonly #answer: Answer;
  readonly #udp: UdpSocket = createSocket("udp4");
  readonly #stranger: UdpSocket = createSocket("udp4");
  readonly #tcp: Server;
  readonly #sockets = new Set<TcpSocket>();

  private constructor(answer: Answer) {
    this.#answer = answer;
    this.#udp.on("message", (bytes, from) => this.#hear(bytes, from));
    // Bun tells it when a client has closed its socket already.
    this.#udp.on("error", () => {});
    this.#stranger.on("error", () => {});
    this.#tcp = createServer((socket) => this.#serve(socket));
  }

  /** Starts a server that answers so. */
  static async start(answer: Answer): Promise<FakeDns> {
    for (;;) {
      const server = new FakeDns(answer);
      await new Promise<void>((resolve) => server.#tcp.listen(0, "127.0.0.1", resolve));
      await new Promise<void>((resolve) => server.#stranger.bind(0, "127.0.0.1", resolve));
      // Whoever has the TCP port need not get the UDP port of the same number.
      if (await server.#bind()) return server;
      await server.close();
    }
  }

  get address(): { readonly host: string; readonly port: number } {
    const address = this.#tcp.address();
    if (address === null || typeof address === "string") throw new Error("the name server does not listen");
    return { host: "127.0.0.1", port: address.port };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([
      new Promise<void>((resolve) => this.#udp.close(() => resolve())),
      new Promise<void>((resolve) => this.#stranger.close(() => resolve())),
      new Promise<void>((resolve) => this.#tcp.close(() => resolve())),
    ]);
  }

  #bind(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#udp.once("error", () => resolve(false));
      this.#udp.bind(this.address.port, "127.0.0.1", () => resolve(true));
    });
  }

  #hear(bytes: Uint8Array, from: RemoteInfo): void {
    const query = readQuery(bytes);
    const reply = this.#reply(query, "udp");
    if (reply === undefined) return;
    const message = response(query, { id: query.id, ...reply });
    if (!this.isBesieged) return this.#udp.send(message, from.port, from.address);
    const lie = { rcode: 5, id: query.id };
    const send = (socket: UdpSocket, lie: Uint8Array) => {
      return new Promise((resolve) => socket.send(lie, from.port, from.address, resolve));
    };
    send(this.#stranger, response(query, lie))
      .then(() => send(this.#udp, response(query, { ...lie, id: query.id ^ 1 })))
      .then(() => send(this.#udp, response({ wire: Uint8Array.of(0, 0, 1, 0, 1) }, lie)))
      .then(() => send(this.#udp, new Uint8Array(3)))
      .then(() => send(this.#udp, message));
  }

  #serve(socket: TcpSocket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => {});
    let unread: Uint8Array = new Uint8Array(0);
    socket.on("data", (bytes: Uint8Array) => {
      unread = concat([unread, bytes]);
      const length = (unread[0] ?? 0) * 256 + (unread[1] ?? 0);
      if (unread.length < 2 || unread.length < 2 + length) return;
      const query = readQuery(unread.subarray(2));
      const reply = this.#reply(query, "tcp");
      if (reply === undefined) return void socket.destroy();
      const message = response(query, { id: query.id, ...reply });
      socket.write(concat([Uint8Array.of(message.length >> 8, message.length & 255), message]));
    });
  }

  #reply(query: Query, transport: "udp" | "tcp"): Reply | undefined {
    this.heard.push(`${transport} ${query.type} ${query.name}`);
    return this.#answer(query, transport);
  }
}
