/**
 * Clients' connections with TLS, on Bun's own sockets: a handshake costs 360 to 450 µs with them, and 590 to 640 with
 * `node:tls`.
 */

import { DEAF, type Hearer, type Line } from "./_line.ts";

/** How a client begins. */
export interface TlsCall {
  readonly port: number;
  /** Whether it shows the ticket of an earlier session, once there is one. */
  readonly resumes: boolean;
  readonly hearer: Hearer;
  /** Called if it cannot begin so. */
  failed(error: Error): void;
}

/** The last ticket of each port. */
const tickets = new Map<number, Uint8Array>();

/** Connects; the hearer is told by its line, once there is one. */
export function connectTls(call: TlsCall, begun: (line: Line) => void): void {
  const { port, resumes, failed } = call;
  const ticket = resumes ? tickets.get(port) : undefined;
  bun.connect<TlsLine | undefined>({
    hostname: "127.0.0.1",
    port,
    data: undefined,
    tls: {
      rejectUnauthorized: false,
      serverName: "bench.example.com",
      // All proxies agree on it; with a choice they would compare key exchanges that nginx's OpenSSL does not have.
      ecdhCurve: "X25519",
    },
    socket: {
      open: (socket) => {
        if (ticket !== undefined) socket.setSession(ticket);
      },
      handshake: (socket, isDone) => {
        if (!isDone) return failed(new Error(`TLS with port ${port} has failed`));
        if (ticket !== undefined && !socket.isSessionReused()) return failed(new Error("a session was not resumed"));
        socket.data = new TlsLine(socket, call.hearer);
        begun(socket.data);
      },
      session: (_, session) => tickets.set(port, session),
      data: (socket, octets) => socket.data?.told(octets),
      drain: (socket) => socket.data?.hearer.drained(),
      close: (socket) => {
        if (socket.data === undefined) failed(new Error(`the proxy on port ${port} ended a TLS handshake`));
        else socket.data.hearer.gone();
      },
      error: (_, error) => failed(error),
      connectError: (_, error) => failed(error),
    },
  }).catch(failed);
}

class TlsLine implements Line {
  hearer: Hearer;
  readonly #socket: BunSocket<unknown>;
  #toSkip = 0;

  constructor(socket: BunSocket<unknown>, hearer: Hearer) {
    this.#socket = socket;
    this.hearer = hearer;
  }

  write(octets: Uint8Array): number {
    return Math.max(0, this.#socket.write(octets));
  }

  skip(octets: number): void {
    this.#toSkip = octets;
  }

  end(): void {
    this.hearer = DEAF;
    this.#socket.end();
  }

  told(octets: Uint8Array): void {
    const skipped = Math.min(this.#toSkip, octets.length);
    this.#toSkip -= skipped;
    if (skipped > 0) this.hearer.skipped(skipped);
    if (skipped < octets.length) this.hearer.heard(octets.subarray(skipped));
  }
}

/** The part of Bun's sockets that is used here. */
interface BunSocket<Data> {
  data: Data;
  write(octets: Uint8Array): number;
  end(): void;
  setSession(session: Uint8Array): void;
  isSessionReused(): boolean;
}

interface BunHandler<Data> {
  open(socket: BunSocket<Data>): void;
  handshake(socket: BunSocket<Data>, isDone: boolean): void;
  session(socket: BunSocket<Data>, session: Uint8Array): void;
  data(socket: BunSocket<Data>, octets: Uint8Array): void;
  drain(socket: BunSocket<Data>): void;
  close(socket: BunSocket<Data>): void;
  error(socket: BunSocket<Data>, error: Error): void;
  connectError(socket: BunSocket<Data>, error: Error): void;
}

interface Bun {
  connect<Data>(options: {
    readonly hostname: string;
    readonly port: number;
    readonly data: Data;
    readonly tls: object;
    readonly socket: BunHandler<Data>;
  }): Promise<unknown>;
}

const { Bun: bun } = globalThis as unknown as { readonly Bun: Bun };
