import type { Certificate } from "./certificates.ts";
import { TlsServer } from "./tls_wire.ts";
import { type Wire, WireServer } from "./wire.ts";

/** An `auth_http` server over TLS that keeps its connections, and answers all requests alike. */
export class HttpsAuth {
  /** All heads that came, line ends included. */
  readonly requests: string[] = [];
  readonly #tls: TlsServer;
  readonly #answer: string;
  readonly #server: WireServer;

  private constructor(tls: TlsServer, answer: string, server: WireServer) {
    this.#tls = tls;
    this.#answer = answer;
    this.#server = server;
  }

  static async start(certificate: Certificate, answer: string): Promise<HttpsAuth> {
    const server = await WireServer.start((wire) => void auth.#serve(wire));
    const auth = new HttpsAuth(new TlsServer(certificate), answer, server);
    return auth;
  }

  get port(): number {
    return this.#server.port;
  }

  /** How many clients have finished the handshake. */
  get connections(): number {
    return this.#tls.wires.length;
  }

  async stop(): Promise<void> {
    for (const wire of this.#tls.wires) wire.destroy();
    await this.#server.stop();
  }

  async #serve(clear: Wire): Promise<void> {
    const wire = await this.#tls.startTls(clear);
    for (let head = await wire.nextUpTo("\r\n\r\n"); head !== undefined; head = await wire.nextUpTo("\r\n\r\n")) {
      this.requests.push(head);
      wire.send(`HTTP/1.1 200 OK\r\nContent-Length: 0\r\n${this.#answer}\r\n`);
    }
  }
}
