/**
 * Listeners on Bun. They are opened by `node:net`, which knows what errors are called, and shares a listener among the
 * worker processes of a cluster; what they accept are Bun's own sockets, without the streams around them.
 */

import { createServer, type Server } from "node:net";
import type { Listener, ListenOptions, Socket, SocketAddress, SystemFailure } from "../src/runtime.ts";
import { addressesOf, tcpAddress } from "./_address.ts";
import { BUN_HANDLERS, type BunListener, type BunSocket } from "./_bun_native.ts";
import { discard } from "./_bun_connect.ts";
import { BunConnection, type BunShared } from "./_bun_socket.ts";
import { commonLocal, openListener } from "./_listener.ts";
import type { Addresses } from "./_socket.ts";

/** Opens a listener; `accept` gets paused sockets. */
export function listenNatively(
  options: ListenOptions,
  accept: (socket: Socket) => void,
  shared: BunShared,
): Promise<Listener | SystemFailure> {
  const path = "path" in options.address ? options.address.path : undefined;
  const server = createServer({ allowHalfOpen: true });
  let common: SocketAddress | undefined;
  const take = (raw: BunSocket) => {
    const addresses = common === undefined ? addressesOf(raw, path) : remoteTo(common, raw);
    if (addresses === undefined) return discard(raw);
    // Bun sets the idle time to 10 probes of 1 s with it.
    if (options.keepAlive !== undefined) raw.setKeepAlive(options.keepAlive !== false);
    accept(new BunConnection(raw, addresses, shared));
  };
  // At once: nothing may be accepted before.
  server.once("listening", () => {
    common = commonLocal(server);
    handleOf(server).reload({ socket: { ...BUN_HANDLERS, open: take } });
  });
  return openListener(server, options);
}

function remoteTo(local: SocketAddress, raw: BunSocket): Addresses | undefined {
  const remote = tcpAddress(raw.remoteAddress, raw.remotePort);
  return remote === undefined ? undefined : { remote, local };
}

/** What Bun's `node:net` keeps where Node's keeps its own. */
function handleOf(server: Server): BunListener {
  return (server as unknown as { readonly _handle: BunListener })._handle;
}
