/**
 * Connections over Deno's own handles, which it has under the names of libuv's, TLS over `node:tls`. Beside `node:net` a
 * login in clear costs a third less CPU (`bench/README.md`).
 */

import type { Connections } from "./base.ts";
import { DenoShared } from "./_deno_socket.ts";
import { listen } from "./_listener.ts";
import { createNetwork, type NetTraits } from "./_network.ts";
import { nodeParts } from "./_node_native.ts";
import { adopter, createHandleNetwork } from "./_node_network.ts";

export function createDenoNetwork(traits: NetTraits): Connections {
  const parts = nodeParts();
  if (parts === undefined || !("accept" in parts.TCP.prototype)) return { network: createNetwork(traits) };
  const shared = new DenoShared(parts);
  const { census } = shared;
  const network = createHandleNetwork(traits, shared);
  return {
    network: {
      ...network,
      // Unix sockets have handles of another kind, and are rare.
      listen: (options, accept) =>
        "path" in options.address ? listen(options, accept, { ...traits, census }) : network.listen(options, accept),
    },
    adopt: adopter(shared),
  };
}
