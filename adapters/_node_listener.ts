/**
 * Listeners on Node. They are opened by `node:net`, which knows what errors are called and shares a listener among the
 * worker processes of a cluster; what they accept are libuv's handles, without the streams around them.
 */

import { createServer, type Server, type Socket as RawSocket } from "node:net";
import type { Listener, ListenOptions, Octets, SocketAddress, SystemFailure } from "../src/runtime.ts";
import { tcpAddress } from "./_address.ts";
import { commonLocal, type KeepAliveSetter, type ListenTraits, openListener } from "./_listener.ts";
import type { Acceptor, Handle, RawAddress } from "./_node_native.ts";
import { localAddressOf, type NodeConnection, type NodeShared } from "./_node_socket.ts";

/** What a listener works with. */
export interface NodeListening {
  readonly shared: NodeShared;
  readonly setKeepAlive: KeepAliveSetter;
  readonly attend?: ListenTraits["attend"];
}

/** Opens a listener; `accept` gets paused sockets. */
export function listenNatively(
  options: ListenOptions,
  accept: (socket: NodeConnection) => void,
  { shared, setKeepAlive, attend }: NodeListening,
): Promise<Listener | SystemFailure> {
  const path = "path" in options.address ? options.address.path : undefined;
  const server = createServer();
  // At once: nothing may be accepted before.
  server.once("listening", () => {
    const common: SocketAddress | undefined = path === undefined ? commonLocal(server) : { family: "unix", path };
    const acceptor = handleOf(server);
    acceptor.onconnection = (status, given) => {
      // Such as too many open files: the listener lives on, and one connection less is no reason to end.
      const handle = status === 0 ? shared.accepted(acceptor, given) : undefined;
      if (handle === undefined) return;
      const remote = remoteAddressOf(handle, path);
      const local = common ?? localAddressOf(handle);
      if (remote === undefined || local === undefined) return handle.close();
      handle.setNoDelay?.(true);
      if (options.keepAlive === true) handle.setKeepAlive?.(true, 0, 0, 0);
      else if (typeof options.keepAlive === "object") setKeepAlive(asStream(handle), options.keepAlive);
      const connection = shared.open(handle, remote);
      connection.local = local;
      accept(connection);
    };
  });
  return openListener(server, options, attend);
}

function remoteAddressOf(handle: Handle, path: Octets | undefined): SocketAddress | undefined {
  if (path !== undefined) return { family: "unix", path: "" };
  const found: RawAddress = {};
  return handle.getpeername?.(found) === 0 ? tcpAddress(found.address, found.port) : undefined;
}

/** Probes are set the way a stream does it, in milliseconds. */
function asStream(handle: Handle): Pick<RawSocket, "setKeepAlive"> {
  const seconds = (time: unknown) => Math.trunc(Number(time ?? 0) / 1000);
  const stream = {
    setKeepAlive(isOn = true, idle?: number, interval?: number, count?: number) {
      handle.setKeepAlive?.(isOn, seconds(idle), seconds(interval), count ?? 0);
      return stream as RawSocket;
    },
  };
  return stream as Pick<RawSocket, "setKeepAlive">;
}

/** Where `node:net` keeps what it listens with. */
function handleOf(server: Server): Acceptor {
  return (server as unknown as { readonly _handle: Acceptor })._handle;
}
