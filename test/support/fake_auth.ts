/** An `auth_http` server that answers as a test tells it to. */

import { type Wire, WireServer } from "./wire.ts";

/** The fields of an answer that is sent at once, or what is done instead. */
export type Answer = string | ((wire: Wire, request: string) => void);

/** Lets everybody in, to this port. */
export function accept(port: number): string {
  return `Auth-Status: OK\r\nAuth-Server: 127.0.0.1\r\nAuth-Port: ${port}\r\n`;
}

/** Refuses; with a wait the client may try again after so many seconds. */
export function refuse(text: string, wait = 0): string {
  return `Auth-Status: ${text}\r\nAuth-Wait: ${wait}\r\n`;
}

/** Sends an answer of these fields, and ends. */
export function reply(wire: Wire, fields: string, status = "200 OK"): void {
  wire.send(`HTTP/1.0 ${status}\r\n${fields}\r\n`);
  wire.end();
}

/** The value of a field of a request; `undefined` when it has no such field. */
export function field(request: string | undefined, name: string): string | undefined {
  const line = request?.split("\r\n").find((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`));
  return line?.slice(name.length + 1).trim();
}

/** Serves one request for each connection, as small scripts do. */
export class FakeAuth {
  /** What is answered from now on. */
  answer: Answer;
  /** All heads that came, line ends included. */
  readonly requests: string[] = [];
  readonly #server: WireServer;

  private constructor(answer: Answer, server: WireServer) {
    this.answer = answer;
    this.#server = server;
  }

  static async start(answer: Answer): Promise<FakeAuth> {
    const server = await WireServer.start((wire) => void auth.#serve(wire));
    const auth = new FakeAuth(answer, server);
    return auth;
  }

  get port(): number {
    return this.#server.port;
  }

  get wires(): readonly Wire[] {
    return this.#server.wires;
  }

  /** The connection with this number, counted from 0, once its request is there. */
  async asked(index: number): Promise<Wire> {
    const wire = await this.#server.wire(index);
    await wire.until(() => wire.received.includes("\r\n\r\n"));
    return wire;
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  async #serve(wire: Wire): Promise<void> {
    const request = await wire.nextUpTo("\r\n\r\n");
    if (request === undefined) return;
    this.requests.push(request);
    const { answer } = this;
    if (typeof answer !== "string") return answer(wire, request);
    reply(wire, answer);
  }
}
