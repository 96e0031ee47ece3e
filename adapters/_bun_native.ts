/**
 * What of Bun's own sockets is used here. They are what its `node:net` is made of, without the streams around them:
 * `Bun.listen`, `Bun.connect`, and `upgradeTLS` as Bun's `node:tls` calls it.
 */

import type { DetailedPeerCertificate } from "node:tls";
import { codeOf } from "./_errno.ts";
import { reportError } from "./_report.ts";
import type { DescribedHandle } from "./_socket.ts";

/** A connected socket. All functions do nothing on one that is closed. */
export interface BunSocket extends DescribedHandle {
  /** Whom the handlers tell. What a listener accepts comes with the listener's own at first. */
  data: unknown;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  /** How many octets the kernel took (or for TLS, the library); negative when the socket is broken. */
  write(bytes: Uint8Array): number;
  pause(): void;
  resume(): void;
  /** Sends FIN, for TLS behind a goodbye; reading goes on. */
  shutdown(): void;
  /** For TLS behind a goodbye, which it waits for at times. */
  close(): void;
  /** Without a word. */
  terminate(): void;
  setKeepAlive(enable: boolean): unknown;
  /**
   * The socket in clear, which keeps its handlers and tells them what is encrypted, and the one over TLS. `initialData`
   * and `isServer` are of `node:tls`'s making, and not in Bun's types.
   */
  upgradeTLS(options: BunUpgrade): readonly [BunSocket, BunSecureSocket];
}

/** One over TLS. */
export interface BunSecureSocket extends BunSocket {
  readonly alpnProtocol: string | false | null;
  getTLSVersion(): string | null;
  getCipher(): { readonly name: string };
  isSessionReused(): boolean;
  getPeerCertificate(isAbbreviated: boolean): DetailedPeerCertificate | undefined;
  setSession(session: Uint8Array): void;
}

/** The functions that are called for each socket of a listener, or for one that was connected. */
export interface BunHandlers {
  readonly open?: (socket: BunSocket) => void;
  readonly data: (socket: BunSocket, bytes: Uint8Array) => void;
  readonly drain: (socket: BunSocket) => void;
  readonly end: (socket: BunSocket) => void;
  readonly close: (socket: BunSocket, error: unknown) => void;
  readonly error: (socket: BunSocket, error: unknown) => void;
  readonly connectError?: (socket: BunSocket, error: unknown) => void;
  readonly handshake?: (socket: BunSecureSocket, isDone: boolean, error: unknown) => void;
  readonly session?: (socket: BunSecureSocket, session: Uint8Array) => void;
  readonly binaryType: "uint8array";
}

export interface BunUpgrade {
  readonly data: BunOwner;
  readonly socket: BunHandlers;
  readonly isServer: boolean;
  readonly initialData?: Uint8Array;
  readonly tls: {
    /** The `context` of a `SecureContext`. */
    readonly secureContext: unknown;
    readonly requestCert: boolean;
    readonly rejectUnauthorized: boolean;
    /** In the form of RFC 7301, 3.1. */
    readonly ALPNProtocols?: Uint8Array;
    readonly serverName?: string;
  };
}

/** What a listener of `node:net` is made of. */
export interface BunListener {
  /** Gives all sockets that it will accept other handlers. */
  reload(options: { readonly socket: BunHandlers }): void;
}

export type BunConnectOptions =
  & { readonly socket: BunHandlers; readonly data: unknown; readonly allowHalfOpen: true }
  & (
    | { readonly hostname: string; readonly port: number; readonly localAddress?: string }
    | { readonly unix: string }
    | { readonly fd: number }
  );

/** Makes a connection; the handlers tell what becomes of it. */
export function connectBun(options: BunConnectOptions): void {
  void (globalThis as unknown as BunGlobal).Bun.connect(options);
}

interface BunGlobal {
  readonly Bun: { connect(options: BunConnectOptions): Promise<unknown> };
}

/** Whoever has a socket at the moment hears of it. */
export interface BunOwner {
  onData(bytes: Uint8Array): void;
  onDrain(): void;
  onEnd(): void;
  /** A TLS session broke; the socket closes. */
  onError(error: unknown): void;
  /** The socket is gone. */
  onClose(error: unknown): void;
}

/** Handlers that all sockets share: a socket costs no closure. */
export const BUN_HANDLERS: BunHandlers = {
  data: (socket, bytes) => ownerOf(socket)?.onData(bytes),
  drain: (socket) => ownerOf(socket)?.onDrain(),
  end: (socket) => ownerOf(socket)?.onEnd(),
  close: (socket, error) => ownerOf(socket)?.onClose(error),
  error: (socket, error) => {
    // Bun hands over here what our own handlers throw: that is a fault of ours, and heard of like any other.
    if (codeOf(error) === undefined) reportError(error);
    else ownerOf(socket)?.onError(error);
  },
  binaryType: "uint8array",
};

/** A socket that TLS was begun on has no owner any more; it is told still what arrives, encrypted. */
function ownerOf(socket: BunSocket): BunOwner | undefined {
  return socket.data as BunOwner | undefined;
}
