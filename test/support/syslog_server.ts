import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { Watch } from "./watch.ts";

/** A syslog server on UDP. */
export class SyslogServer {
  readonly lines: string[] = [];
  readonly #socket: UdpSocket = createSocket("udp4");
  readonly #watch = new Watch();

  static async start(): Promise<SyslogServer> {
    const server = new SyslogServer();
    server.#socket.on("message", (bytes) => {
      server.lines.push(bytes.toString("latin1"));
      server.#watch.look();
    });
    await new Promise<void>((resolve) => server.#socket.bind(0, "127.0.0.1", resolve));
    return server;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Resolves once that many lines have come. */
  until(count: number): Promise<void> {
    return this.#watch.until(() => this.lines.length >= count, () => this.lines.join("\n"));
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}
