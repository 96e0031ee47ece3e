/**
 * Connections over libuv's handles, TLS over `node:tls`. Beside `node:net` a login in clear costs a third less CPU
 * (`bench/README.md`).
 */

import type { Socket } from "../src/runtime.ts";
import type { Connections } from "./base.ts";
import { connect } from "./_connect.ts";
import type { Adopt } from "./_kernel_network.ts";
import { createNetwork, type NetTraits, type Network } from "./_network.ts";
import { connectNatively, isNumeric } from "./_node_connect.ts";
import { NodeDoor } from "./_node_door.ts";
import { listenNatively } from "./_node_listener.ts";
import { nodeParts, tlsWrapper } from "./_node_native.ts";
import { NodeShared } from "./_node_socket.ts";
import { NetRelay } from "./_relay.ts";
import { isStreamSource, type StreamSource } from "./_socket.ts";
import { secureClient } from "./_tls_client.ts";
import { createTlsServer, secureServer } from "./_tls_server.ts";
import { Turns } from "./_turns.ts";

export function createNodeNetwork(traits: NetTraits): Connections {
  const parts = nodeParts();
  if (parts === undefined) return { network: createNetwork(traits) };
  const shared = new NodeShared(parts);
  return { network: withOwnTls(createHandleNetwork(traits, shared), traits, shared), adopt: adopter(shared) };
}

function withOwnTls(network: Network, traits: NetTraits, shared: NodeShared): Network {
  const wrap = tlsWrapper();
  if (wrap === undefined) return network;
  return {
    ...network,
    createTlsServer: (options) =>
      createTlsServer(options, traits.tls, (context, face, ticketKeys) => {
        return new NodeDoor(context, { face, ticketKeys }, { shared, wrap });
      }),
  };
}

/** Makes connections over handles out of descriptors that are connected and ours. */
export function adopter(shared: NodeShared): Adopt {
  const { TCP, constants } = shared.parts;
  return (descriptor, remote, local) => {
    const handle = new TCP(constants.SOCKET);
    if (handle.open(descriptor) !== 0) {
      handle.close();
      return undefined;
    }
    const connection = shared.open(handle, remote);
    connection.local = local;
    return connection;
  };
}

/** Connections in clear over handles, made of what `shared` has. */
export function createHandleNetwork(traits: NetTraits, shared: NodeShared): Network {
  const { census } = shared;
  const turns = new Turns(traits.tls.handshakesPerTurn);
  return {
    ...createNetwork(traits),
    listen: (options, accept) => listenNatively(options, accept, { ...traits, shared }),
    // Names and unix sockets are as rare as they are slow.
    connect: (target, handler) =>
      isNumeric(target) ? connectNatively(target, handler, shared) : connect(target, handler, { ...traits, census }),
    secureServer: (socket, { choose, held }, handler) =>
      secureServer({ socket: ownSocket(socket), choose, held, handler, census, turns }),
    secureClient: (socket, context, handler) => secureClient({ socket: ownSocket(socket), context, handler, census }),
    relay: (options) =>
      new NetRelay({ ...options, client: ownSocket(options.client), upstream: ownSocket(options.upstream) }),
    sockets: () => census.open,
  };
}

function ownSocket(socket: Socket): StreamSource {
  if (isStreamSource(socket)) return socket;
  throw new TypeError("An adapter works with sockets of its own only");
}
