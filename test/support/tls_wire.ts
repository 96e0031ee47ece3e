/** TLS on the wires of the tests, spoken by the library of the runtime that runs them. */

import { connect, type ConnectionOptions, createServer, type Server, type TlsOptions, type TLSSocket } from "node:tls";
import type { Certificate } from "./certificates.ts";
import { connectTo } from "./raw_client.ts";
import { Wire } from "./wire.ts";

/** What a client of the tests wants; without `ca` it takes any certificate. */
export interface ClientTls {
  readonly ca?: Certificate;
  /** The name it asks for, and looks for in the certificate; none if not given. */
  readonly name?: string;
  readonly own?: Certificate;
  readonly version?: "TLSv1.2" | "TLSv1.3";
  readonly alpn?: readonly string[];
}

/** A wire over TLS, with what the client knows of the server. */
export interface SecureWire {
  readonly wire: Wire;
  /** The common name in the server's certificate. */
  readonly serverName: string;
  readonly version: string;
}

/** Begins TLS on a wire that spoke in clear, which is not to be used any more. Rejects when the handshake fails. */
export function beginTls(clear: Wire, tls: ClientTls = {}): Promise<SecureWire> {
  const options: ConnectionOptions = {
    socket: clear.release(),
    servername: tls.name ?? "",
    rejectUnauthorized: tls.ca !== undefined,
    ...tls.ca === undefined ? {} : { ca: tls.ca.certificate },
    ...tls.name === undefined ? { checkServerIdentity: () => undefined } : {},
    ...tls.own === undefined ? {} : { cert: tls.own.certificate, key: tls.own.key },
    ...tls.version === undefined ? {} : { minVersion: tls.version, maxVersion: tls.version },
    ...tls.alpn === undefined ? {} : { ALPNProtocols: [...tls.alpn] },
  };
  return new Promise((resolve, reject) => {
    const socket = connect(options);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed in the handshake")));
    socket.once("secureConnect", () => {
      socket.off("error", reject);
      const name = socket.getPeerCertificate().subject?.CN ?? "";
      resolve({
        wire: new Wire(socket),
        serverName: Array.isArray(name) ? name[0] ?? "" : name,
        version: socket.getProtocol() ?? "",
      });
    });
  });
}

/** Connects to a loopback port and speaks TLS from the first octet. */
export async function connectTls(port: number, tls: ClientTls = {}): Promise<SecureWire> {
  return await beginTls(await connectTo(port), tls);
}

/** What a server of the tests found out about its client. */
export interface Heard {
  readonly servername: string | undefined;
  /** The common name in the client's certificate. */
  readonly clientName: string | undefined;
  readonly version: string;
  readonly isResumed: boolean;
}

/** A TLS server for wires that are accepted elsewhere: a step of an upstream's script, see `startTls`. */
export class TlsServer {
  /** What was learnt of each client whose handshake succeeded, and the wires to them. */
  readonly heard: Heard[] = [];
  readonly wires: Wire[] = [];
  readonly #server: Server;
  readonly #waiting = new Map<unknown, (socket: TLSSocket | undefined) => void>();

  constructor(certificate: Certificate, options: TlsOptions = {}) {
    this.#server = createServer({ cert: certificate.certificate, key: certificate.key, ...options });
    this.#server.on("secureConnection", (socket) => this.#settle(socket, socket));
    this.#server.on("tlsClientError", (_error, socket) => {
      this.#settle(socket, undefined);
      socket.destroy();
    });
  }

  /** Waits for the client's handshake; never resolves when there is none. */
  readonly startTls = (clear: Wire): Promise<Wire> => {
    const raw = clear.release();
    return new Promise((resolve) => {
      this.#waiting.set(raw, (socket) => {
        if (socket === undefined) return;
        const wire = new Wire(socket);
        this.wires.push(wire);
        const { CN } = socket.getPeerCertificate()?.subject ?? {};
        this.heard.push({
          servername: typeof socket.servername === "string" ? socket.servername : undefined,
          clientName: typeof CN === "string" ? CN : undefined,
          version: socket.getProtocol() ?? "",
          isResumed: socket.isSessionReused(),
        });
        resolve(wire);
      });
      this.#server.emit("connection", raw);
    });
  };

  /** The connection in clear that a TLS socket was made of is kept in it by all three runtimes. */
  #settle(socket: TLSSocket, result: TLSSocket | undefined): void {
    const raw = "_parent" in socket ? socket._parent : undefined;
    this.#waiting.get(raw)?.(result);
    this.#waiting.delete(raw);
  }
}
