import { connectTo } from "./raw_client.ts";
import { type ClientTls, connectTls, type SecureWire } from "./tls_wire.ts";
import { type Wire, WireServer } from "./wire.ts";

/** How {@linkcode TlsRelay} passes on what a client sends. */
export interface TlsRelayOptions {
  readonly port: number;
  /** Octets that go before the client's first, in one segment with it. */
  readonly prefix?: string;
  /** Whether each octet is sent on its own. */
  readonly isSlow?: boolean;
}

/** Stands between a TLS client and a port, and cuts and completes what the client sends in clear or not. */
export class TlsRelay {
  readonly #server: WireServer;
  readonly #far: Wire[];

  private constructor(server: WireServer, far: Wire[]) {
    this.#server = server;
    this.#far = far;
  }

  static async start({ port, prefix = "", isSlow = false }: TlsRelayOptions): Promise<TlsRelay> {
    const far: Wire[] = [];
    const server = await WireServer.start((near) => {
      connectTo(port).then((wire) => {
        far.push(wire);
        let waiting = prefix;
        const pass = (octets: string) => {
          const all = waiting + octets;
          waiting = "";
          for (const part of isSlow ? all : [all]) wire.send(part);
        };
        near.onMore(pass);
        wire.consume((bytes) => near.send(bytes.slice()));
        near.untilClosed().then(() => wire.destroy(), () => wire.destroy());
        wire.untilOver().then(() => near.end(), () => near.destroy());
      }, () => near.destroy());
    });
    return new TlsRelay(server, far);
  }

  /** A client of the port, by way of this. */
  connect(tls: ClientTls = {}): Promise<SecureWire> {
    return connectTls(this.#server.port, tls);
  }

  async stop(): Promise<void> {
    for (const wire of this.#far) wire.destroy();
    await this.#server.stop();
  }
}

/** The first message of a TLS client of this runtime, as it goes over the wire. */
export async function clientHello(tls: ClientTls = {}): Promise<string> {
  const server = await WireServer.start(() => {});
  const client = connectTls(server.port, tls).then(() => {}, () => {});
  const wire = await server.wire(0);
  const length = () => 5 + wire.received.charCodeAt(3) * 256 + wire.received.charCodeAt(4);
  await wire.until(() => wire.received.length >= 5 && wire.received.length >= length());
  await server.stop();
  await client;
  return wire.received;
}
