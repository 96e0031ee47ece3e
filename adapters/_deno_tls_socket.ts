/**
 * A connection over TLS on Deno's handle beneath a stream of `node:tls`. The stream does the handshake and the end; what
 * is read and written between goes past it.
 */

import type { TLSSocket } from "node:tls";
import type { Handle, TlsHandle } from "./_node_native.ts";
import type { NodeShared } from "./_node_socket.ts";
import { TlsConnection, type TlsParts } from "./_node_tls_socket.ts";

export class DenoTlsConnection extends TlsConnection {
  readonly #stream: TLSSocket;
  readonly #clear: Handle;

  constructor(stream: TLSSocket, parts: TlsParts, shared: NodeShared) {
    super(parts, shared);
    this.#stream = stream;
    this.#clear = parts.handle;
    // It has begun to read already, and who is told is settled when that begins.
    parts.tls.readStop();
    this.#clear.readStop();
    // Whatever ends the stream behind our back ends us.
    stream.once("close", () => this.abort());
  }

  protected override start(): void {
    super.start();
    if (!this.isDestroyed && !this.hasEnded) this.#clear.readStart();
  }

  /** TLS would read on, for itself, until there is no more memory. */
  protected override stop(): void {
    super.stop();
    if (!this.isDestroyed) this.#clear.readStop();
  }

  protected override free(done: () => void): void {
    if (this.#stream.closed) return queueMicrotask(done);
    this.#stream.once("close", done);
    this.#stream.destroy();
  }
}

/** The handle of a stream; `undefined` where it has none that we can work with. */
export function tlsHandleOf(stream: TLSSocket): TlsHandle | undefined {
  const { _handle: handle } = stream as TLSSocket & { readonly _handle?: TlsHandle | null };
  if (typeof handle !== "object" || handle === null) return undefined;
  return METHODS.every((name) => name in handle) ? handle : undefined;
}

const METHODS: readonly string[] = ["onread", "readStart", "readStop", "useUserBuffer", "writeBuffer", "shutdown"];
