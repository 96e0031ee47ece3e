/**
 * Connections over Deno's own handles, which it has under the names of libuv's, TLS over `node:tls`. Beside `node:net` a
 * login in clear costs a third less CPU (`bench/README.md`).
 */

import { DenoShared } from "./_deno_socket.ts";
import { listen } from "./_listener.ts";
import { createNetwork, type NetTraits, type Network } from "./_network.ts";
import { nodeParts } from "./_node_native.ts";
import { createHandleNetwork } from "./_node_network.ts";

export function createDenoNetwork(traits: NetTraits): Network {
  const parts = nodeParts();
  if (parts === undefined || !("accept" in parts.TCP.prototype)) return createNetwork(traits);
  const shared = new DenoShared(parts);
  const { census } = shared;
  const network = createHandleNetwork(traits, shared);
  return {
    ...network,
    // Unix sockets have handles of another kind, and are rare.
    listen: (options, accept) =>
      "path" in options.address ? listen(options, accept, { ...traits, census }) : network.listen(options, accept),
  };
}
