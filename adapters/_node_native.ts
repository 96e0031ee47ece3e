/**
 * What Node's `node:net` is made of, without the streams around it: libuv's handles. They are no public interface, but
 * have been the same for ten years; whatever of them is missing, Postern goes over `node:net` as elsewhere.
 */

import process from "node:process";
import type { DetailedPeerCertificate } from "node:tls";
import type { DescribedHandle } from "./_socket.ts";

/** A connected socket. All numbers that calls return are 0 or a negative error of libuv's. */
export interface Handle extends DescribedHandle {
  /** Called with `this`; what was read is told by {@linkcode Streams.streamBaseState}. */
  onread: (this: Handle) => void;
  /** Whose it is. */
  owner?: HandleOwner;
  readStart(): number;
  readStop(): number;
  /** Reads into this buffer from now on. */
  useUserBuffer(buffer: Uint8Array): void;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  shutdown(request: Request): number;
  close(done?: () => void): void;
  /** TCP alone has those that follow. */
  setNoDelay?(isOn: boolean): number;
  setKeepAlive?(isOn: boolean, idle: number, interval: number, count: number): number;
  getpeername?(into: RawAddress): number;
  getsockname?(into: RawAddress): number;
}

/** One that is not connected yet. */
export interface TcpHandle extends Handle {
  /** Takes a descriptor that is connected. */
  open(descriptor: number): number;
  bind(host: string, port: number): number;
  bind6(host: string, port: number, flags: number): number;
  connect(request: ConnectRequest, host: string, port: number): number;
  connect6(request: ConnectRequest, host: string, port: number): number;
}

/** What a listener of `node:net` listens with. */
export interface Acceptor {
  onconnection: (status: number, handle: Handle | undefined) => void;
}

/** What a handle tells its owner. */
export interface HandleOwner {
  onRead(): void;
  onWritten(status: number, request: WriteRequest): void;
  onShutdown(): void;
}

/** What is under way on a handle. */
export interface Request {
  oncomplete: (this: never, status: number) => void;
  /** Whose it is. */
  owner?: HandleOwner;
}

/** A connection on its way. */
export interface ConnectRequest extends Request {
  attempt?: { onConnected(status: number): void };
}

export interface WriteRequest extends Request {
  /** What is being written; kept, since the kernel has not read it yet. */
  bytes?: Uint8Array | undefined;
  /** Whether the memory goes back to the pool. */
  isCopy?: boolean;
}

export interface RawAddress {
  address?: string;
  port?: number;
}

/** TLS over another handle; what is written is always told to have left later, and only one write may be under way. */
export interface TlsHandle extends Handle {
  onhandshakedone: (this: TlsHandle) => void;
  onerror: (this: TlsHandle, error: unknown) => void;
  owner?: TlsHandleOwner;
  /** Takes what was read before. */
  receive(bytes: Uint8Array): void;
  setVerifyMode(requestsCertificate: boolean, refusesWithout: boolean): void;
  setALPNProtocols(list: Uint8Array): void;
  /** Must not be called within a call of the handle's. */
  destroySSL(): void;
  getALPNNegotiatedProtocol(): string | false;
  getProtocol(): string | null;
  getCipher(): { readonly name: string };
  isSessionReused(): boolean;
  hasPeerCertificate(): boolean;
  getPeerCertificate(isDetailed: true): DetailedPeerCertificate | undefined;
  /** What the library thinks of the certificate. */
  verifyError(): unknown;
}

/** Whom a handle of TLS tells. */
export interface TlsHandleOwner extends HandleOwner {
  onHandshakeDone(): void;
  onTlsError(error: unknown): void;
}

interface TcpBinding {
  readonly TCP: { new (kind: number): TcpHandle; readonly prototype: object };
  readonly TCPConnectWrap: new () => ConnectRequest;
  readonly constants: { readonly SOCKET: number };
}

interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  readonly ShutdownWrap: new () => Request;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

interface TlsBinding {
  readonly TLSWrap: { readonly prototype: object };
  /** `context` is the one within a `SecureContext` of `node:tls`. */
  wrap(handle: Handle, context: object, isServer: boolean, isWriting: boolean): TlsHandle;
}

/** Node's own parts. */
export type NodeParts = TcpBinding & StreamBinding;

/** The parts; `undefined` where this Node keeps them to itself. */
export function nodeParts(): NodeParts | undefined {
  try {
    const { binding } = process as unknown as { binding(name: string): unknown };
    const tcp = binding.call(process, "tcp_wrap") as TcpBinding;
    const stream = binding.call(process, "stream_wrap") as StreamBinding;
    return isWhole(tcp, stream) ? { ...tcp, ...stream } : undefined;
  } catch {
    return undefined;
  }
}

function isWhole(tcp: TcpBinding, stream: StreamBinding): boolean {
  const methods = ["readStart", "readStop", "useUserBuffer", "writeBuffer", "shutdown", "close"];
  const handle = new tcp.TCP(tcp.constants.SOCKET);
  const hasMethods = methods.every((name) => name in handle);
  handle.close();
  const numbers = [stream.kReadBytesOrError, stream.kLastWriteWasAsync];
  return hasMethods && stream.streamBaseState instanceof Int32Array && numbers.every(Number.isInteger);
}

/** Makes a TLS server's end of a connection; `undefined` where this Node keeps that to itself. */
export type TlsWrapper = (handle: Handle, context: object) => TlsHandle;

export function tlsWrapper(): TlsWrapper | undefined {
  try {
    const { binding } = process as unknown as { binding(name: string): unknown };
    const tls = binding.call(process, "tls_wrap") as TlsBinding;
    const isWhole = typeof tls.wrap === "function" && TLS_METHODS.every((name) => name in tls.TLSWrap.prototype);
    return isWhole ? (handle, context) => tls.wrap(handle, context, true, false) : undefined;
  } catch {
    return undefined;
  }
}

const TLS_METHODS: readonly string[] = [
  "readStart",
  "readStop",
  "useUserBuffer",
  "writeBuffer",
  "shutdown",
  "receive",
  "setVerifyMode",
  "setALPNProtocols",
  "destroySSL",
  "getALPNNegotiatedProtocol",
  "getProtocol",
  "getCipher",
  "isSessionReused",
  "hasPeerCertificate",
  "getPeerCertificate",
  "verifyError",
];

/** libuv's word for a peer that sends no more. */
export const END_OF_FILE = -4095;
