/**
 * Connections and TLS over Bun's own sockets. Beside Bun's `node:net` a login costs a good half of the CPU, and a
 * connection that is held a good half of the memory (`bench/README.md`).
 */

import { BunConnector } from "./_bun_connect.ts";
import { listenNatively } from "./_bun_listener.ts";
import type { BunShared } from "./_bun_socket.ts";
import { BunDoor, ownConnection, secureBunClient } from "./_bun_tls.ts";
import { Lingerers } from "./_lingerers.ts";
import type { Network } from "./_network.ts";
import { NetRelay } from "./_relay.ts";
import { createTlsClient } from "./_tls_client.ts";
import { createTlsServer, secureServer } from "./_tls_server.ts";
import type { TlsTraits } from "./_tls_traits.ts";
import { Turns } from "./_turns.ts";

export function createBunNetwork(tls: TlsTraits): Network {
  const census = { open: 0 };
  const shared: BunShared = { census, lingerers: new Lingerers() };
  const connector = new BunConnector(shared);
  const turns = new Turns(tls.handshakesPerTurn);
  return {
    listen: (options, accept) => listenNatively(options, accept, shared),
    connect: (target, handler) => connector.connect(target, handler),
    createTlsServer: (options) => createTlsServer(options, tls, (context, face) => new BunDoor(context, face, shared)),
    createTlsClient: (options) => createTlsClient(options, tls),
    secureServer: (socket, { choose, held }, handler) =>
      secureServer({ socket: ownConnection(socket), choose, held, handler, census, turns }),
    secureClient: (socket, context, handler) =>
      secureBunClient({ socket: ownConnection(socket), handler, shared }, context),
    relay: (options) =>
      new NetRelay({ ...options, client: ownConnection(options.client), upstream: ownConnection(options.upstream) }),
    sockets: () => census.open,
  };
}
