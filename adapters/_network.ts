/** Connections and TLS over `node:net` and `node:tls`, which all three runtimes have. */

import type { Runtime, Socket } from "../src/runtime.ts";
import { connect } from "./_connect.ts";
import { listen, type ListenTraits } from "./_listener.ts";
import { NetRelay } from "./_relay.ts";
import { NetSocket } from "./_socket.ts";
import { createTlsClient, secureClient } from "./_tls_client.ts";
import { NetDoor } from "./_tls_door.ts";
import { createTlsServer, secureServer } from "./_tls_server.ts";
import type { TlsTraits } from "./_tls_traits.ts";
import { Turns } from "./_turns.ts";

/** The part of a runtime that makes connections. Its functions work with sockets of its own only. */
export type Network = Pick<
  Runtime,
  "listen" | "connect" | "createTlsServer" | "createTlsClient" | "secureServer" | "secureClient" | "relay" | "sockets"
>;

/** What runtimes have of their own. */
export interface NetTraits extends Omit<ListenTraits, "census"> {
  readonly tls: TlsTraits;
}

export function createNetwork(traits: NetTraits): Network {
  const census = { open: 0 };
  const shared: ListenTraits = { ...traits, census };
  const turns = new Turns(traits.tls.handshakesPerTurn);
  return {
    listen: (options, accept) => listen(options, accept, shared),
    connect: (target, handler) => connect(target, handler, shared),
    createTlsServer: (options) =>
      createTlsServer(options, traits.tls, (context, face, ticketKeys) => new NetDoor(context, face, ticketKeys)),
    createTlsClient: (options) => createTlsClient(options, traits.tls),
    secureServer: (socket, { choose, held }, handler) =>
      secureServer({ socket: ownSocket(socket), choose, held, handler, census, turns }),
    secureClient: (socket, context, handler) => secureClient({ socket: ownSocket(socket), context, handler, census }),
    relay: (options) =>
      new NetRelay({ ...options, client: ownSocket(options.client), upstream: ownSocket(options.upstream) }),
    sockets: () => census.open,
  };
}

function ownSocket(socket: Socket): NetSocket {
  if (socket instanceof NetSocket) return socket;
  throw new TypeError("An adapter works with sockets of its own only");
}
