/** Sockets over Deno's handles, which are like libuv's but for the ways they come and go. */

import type { TLSSocket } from "node:tls";
import type { SocketAddress } from "../src/runtime.ts";
import { DenoTlsConnection, tlsHandleOf } from "./_deno_tls_socket.ts";
import type { Acceptor, Handle } from "./_node_native.ts";
import { NodeConnection, NodeShared } from "./_node_socket.ts";

export class DenoShared extends NodeShared {
  /** Deno hands over none: the listener fills one that it is given. */
  override accepted(acceptor: Acceptor): Handle | undefined {
    const { TCP, constants } = this.parts;
    const handle = new TCP(constants.SOCKET);
    if ((acceptor as DenoAcceptor).accept(handle) === 0) return handle;
    handle.close();
    return undefined;
  }

  override open(handle: Handle, remote: SocketAddress): NodeConnection {
    return new DenoConnection(handle, remote, this);
  }
}

interface DenoAcceptor extends Acceptor {
  /** Gives `handle` the connection that waits longest; 0, or a negative error. */
  accept(handle: Handle): number;
}

class DenoConnection extends NodeConnection {
  /** A stream wants to be given what was read, and knows nothing of our buffer. An empty one stands for none. */
  override surrender(): ReturnType<NodeConnection["surrender"]> {
    const given = super.surrender();
    given?.handle.useUserBuffer(NONE);
    return given;
  }

  secured(stream: TLSSocket): NodeConnection | undefined {
    const tls = tlsHandleOf(stream);
    // What the stream has read already it would have to give back.
    if (tls === undefined || stream.readableLength > 0 || stream.readableEnded) return undefined;
    return new DenoTlsConnection(stream, { clear: this, handle: this.handle, tls }, this.shared);
  }
}

const NONE = new Uint8Array(0);
