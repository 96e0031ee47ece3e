/** Sockets that accept. */

import cluster from "node:cluster";
import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import {
  connect,
  createServer,
  type ListenOptions as RawOptions,
  type Server,
  type Socket as RawSocket,
} from "node:net";
import type { KeepAlive, Listener, ListenOptions, Octets, SocketAddress, SystemFailure } from "../src/runtime.ts";
import { addressesOf, tcpAddress } from "./_address.ts";
import { codeOf, toFailure } from "./_errno.ts";
import { toPath } from "./_octets.ts";
import { type DescribedHandle, type Descriptor, descriptorOf, NetSocket, type SocketTraits } from "./_socket.ts";
import { setLater } from "./_timer.ts";

/** Asks for probes of silent peers on an accepted socket, as far as the runtime can. */
export type KeepAliveSetter = (raw: Pick<RawSocket, "setKeepAlive">, setting: KeepAlive) => void;

/** What all listeners of a runtime share. */
export interface ListenTraits extends SocketTraits {
  readonly setKeepAlive: KeepAliveSetter;
  /** Looks after a server of TCP as long as it listens. */
  readonly attend?: (server: Server) => void;
}

/** Opens a listener; `accept` gets paused sockets. */
export function listen(
  options: ListenOptions,
  accept: (socket: NetSocket) => void,
  traits: ListenTraits,
): Promise<Listener | SystemFailure> {
  const path = "path" in options.address ? options.address.path : undefined;
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.on("connection", (raw) => {
    if (path === undefined) raw.setNoDelay(true);
    if (options.keepAlive !== undefined) applyKeepAlive(raw, options.keepAlive, traits.setKeepAlive);
    const addresses = addressesOf(raw, path);
    if (addresses === undefined) discard(raw);
    else accept(new NetSocket(raw, addresses, traits.census));
  });
  return openListener(server, options, traits.attend);
}

/** Lets a server listen. */
export async function openListener(
  server: Server,
  options: ListenOptions,
  attend?: ListenTraits["attend"],
): Promise<Listener | SystemFailure> {
  // The file of a socket that others share is theirs: the main process's, or of whoever gave it to us.
  const isOwn = options.descriptor === undefined && !cluster.isWorker;
  const path = "path" in options.address && isOwn ? options.address.path : undefined;
  let error = await open(server, options);
  if (error !== undefined && path !== undefined && codeOf(error) === "EADDRINUSE" && await removeIfDead(path)) {
    error = await open(server, options);
  }
  if (error !== undefined) return toFailure(error);
  // Such as too many open files at an accept: the listener lives on, and one connection less is no reason to end.
  server.on("error", () => {});
  if (path !== undefined) openToAll(path);
  if (!("path" in options.address)) attend?.(server);
  return new NetListener(server, options.address, path);
}

/** Our end of all that a listener of TCP accepts; `undefined` for one on a wildcard, where each has its own. */
export function commonLocal(server: Server): SocketAddress | undefined {
  const address = addressOf(server);
  if (address === undefined || address.family === "unix") return undefined;
  return /^[0:.]+$/.test(address.host) ? undefined : address;
}

export class NetListener implements Listener {
  readonly address: SocketAddress;
  /** See {@linkcode commonLocal}. */
  readonly commonLocal: SocketAddress | undefined;
  readonly #server: Server;
  /** Which file a unix socket has, so that a newer one under the same name survives us. */
  readonly #inode: number | undefined;
  #closed: Promise<void> | undefined;

  /** `ownPath` is the unix socket's file, if it is ours. */
  constructor(server: Server, asked: ListenOptions["address"], ownPath: Octets | undefined) {
    this.#server = server;
    this.commonLocal = "path" in asked ? undefined : commonLocal(server);
    this.#inode = ownPath === undefined ? undefined : inodeOf(ownPath);
    this.address = "path" in asked ? { family: "unix", path: asked.path } : addressOf(server) ?? addressAsked(asked);
  }

  /** Of what it listens with. */
  descriptor(): Descriptor | undefined {
    return descriptorOf((this.#server as unknown as { readonly _handle: DescribedHandle | null })._handle);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { address } = this;
    // `close` of the server waits for its connections, but the address is free as soon as the call is made.
    this.#server.close();
    if (address.family === "unix") return removeOwn(address.path, this.#inode);
    await new Promise<void>((resolve) => setLater(resolve));
  }
}

function open(server: Server, options: ListenOptions): Promise<unknown> {
  return new Promise((resolve) => {
    const onError = (error: unknown) => {
      server.off("listening", onListening);
      resolve(error);
    };
    const onListening = () => {
      server.off("error", onError);
      resolve(undefined);
    };
    server.once("error", onError);
    server.once("listening", onListening);
    server.listen(rawOptions(options));
  });
}

function rawOptions({ address, descriptor, ipv6Only, backlog }: ListenOptions): RawOptions & { readonly fd?: number } {
  const common = backlog === undefined ? {} : { backlog };
  if (descriptor !== undefined) return { ...common, fd: descriptor };
  if ("path" in address) return { ...common, path: toPath(address.path) };
  return { ...common, host: address.host, port: address.port, ipv6Only };
}

function addressOf(server: Server): SocketAddress | undefined {
  const address = server.address();
  return typeof address === "object" ? tcpAddress(address?.address, address?.port) : undefined;
}

/** Not every runtime knows where a socket listens that it was given. */
function addressAsked({ host, port }: { readonly host: string; readonly port: number }): SocketAddress {
  return { family: host.includes(":") ? 6 : 4, host, port };
}

function applyKeepAlive(raw: RawSocket, keepAlive: KeepAlive | boolean, set: KeepAliveSetter): void {
  if (typeof keepAlive === "boolean") raw.setKeepAlive(keepAlive);
  else set(raw, keepAlive);
}

/** Closes a connection that ended before we could ask who it was. */
function discard(raw: RawSocket): void {
  raw.on("error", () => {});
  raw.destroy();
}

/** Who may connect is up to the folder, as with nginx. */
export function openToAll(path: Octets): void {
  try {
    chmodSync(toPath(path), 0o666);
  } catch {
    // It is somebody else's, or gone.
  }
}

/** Removes the file a dead process left behind. One that answers, or is no socket, is left alone. */
async function removeIfDead(path: Octets): Promise<boolean> {
  if (inodeOf(path) === undefined || await answers(path)) return false;
  try {
    unlinkSync(toPath(path));
    return true;
  } catch {
    return false;
  }
}

function answers(path: Octets): Promise<boolean> {
  return new Promise((resolve) => {
    const raw = connect({ path: toPath(path) });
    raw.once("connect", () => {
      raw.destroy();
      resolve(true);
    });
    raw.once("error", (error) => resolve(codeOf(error) !== "ECONNREFUSED"));
  });
}

function removeOwn(path: Octets, inode: number | undefined): void {
  if (inode === undefined || inodeOf(path) !== inode) return;
  try {
    unlinkSync(toPath(path));
  } catch {
    // Somebody was faster.
  }
}

/** The inode of a socket file; `undefined` for anything else. */
function inodeOf(path: Octets): number | undefined {
  try {
    const stats = lstatSync(toPath(path));
    return stats.isSocket() ? stats.ino : undefined;
  } catch {
    return undefined;
  }
}
