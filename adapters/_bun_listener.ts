/**
 * Listeners on Bun. They are opened by `node:net`, which knows what errors are called, and shares a listener among the
 * worker processes of a cluster; what they accept are Bun's own sockets, without the streams around them.
 */

import { createServer, type Server } from "node:net";
import type { Listener, ListenOptions, Socket, SystemFailure } from "../src/runtime.ts";
import { addressesOf } from "./_address.ts";
import { BUN_HANDLERS, type BunListener, type BunSocket } from "./_bun_native.ts";
import { discard } from "./_bun_connect.ts";
import { BunConnection, type BunShared } from "./_bun_socket.ts";
import { openListener } from "./_listener.ts";

/** Opens a listener; `accept` gets paused sockets. */
export function listenNatively(
  options: ListenOptions,
  accept: (socket: Socket) => void,
  shared: BunShared,
): Promise<Listener | SystemFailure> {
  const path = "path" in options.address ? options.address.path : undefined;
  const take = (raw: BunSocket) => {
    const addresses = addressesOf(raw, path);
    if (addresses === undefined) return discard(raw);
    // Bun sets the idle time to 10 probes of 1 s with it.
    if (options.keepAlive !== undefined) raw.setKeepAlive(options.keepAlive !== false);
    accept(new BunConnection(raw, addresses, shared));
  };
  const server = createServer({ allowHalfOpen: true });
  // At once: nothing may be accepted before.
  server.once("listening", () => handleOf(server).reload({ socket: { ...BUN_HANDLERS, open: take } }));
  return openListener(server, options);
}

/** What Bun's `node:net` keeps where Node's keeps its own. */
function handleOf(server: Server): BunListener {
  return (server as unknown as { readonly _handle: BunListener })._handle;
}
