/**
 * `ipv6only=on` for a runtime that always listens on `[::]` for IPv4, too: the one socket stands for all listeners of
 * its port, and IPv4 connections are given to the listener for their address or closed at once if there is none.
 *
 * The caller opens IPv6 wildcards first: an IPv4 listener opened before would have taken the port.
 */

import type { Listener, ListenOptions, Runtime, Socket, SocketAddress, SystemFailure } from "../src/runtime.ts";
import { tcpAddress, unmapped } from "./_address.ts";
import { failureOf } from "./_errno.ts";
import { KernelSocket } from "./_kernel_socket.ts";
import { NodeConnection } from "./_node_socket.ts";
import { NetSocket } from "./_socket.ts";

type Listen = Runtime["listen"];
type Accept = (socket: Socket) => void;

/** Wraps a `listen` that knows no `ipv6Only`. */
export function separateFamilies(listen: Listen): Listen {
  const shared = new Map<number, SharedPort>();
  return async (options, accept) => {
    if ("path" in options.address || options.descriptor !== undefined) return listen(options, accept);
    const { host, port } = options.address;
    const existing = port === 0 ? undefined : shared.get(port);
    if (existing !== undefined && (isWildcard(host) || !host.includes(":"))) return existing.add(host, accept);
    if (!isWildcard(host) || !options.ipv6Only) return listen(options, accept);
    return await SharedPort.open(shared, { listen, options, accept });
  };
}

interface Opening {
  readonly listen: Listen;
  readonly options: ListenOptions;
  readonly accept: Accept;
}

/** One dual-stack socket and the listeners that it stands for, by the host each of them asked for. */
class SharedPort {
  readonly #accepts = new Map<string, Accept>();
  readonly #ports: Map<number, SharedPort>;
  #listener: Listener | undefined;
  #port = 0;

  private constructor(ports: Map<number, SharedPort>) {
    this.#ports = ports;
  }

  static async open(
    ports: Map<number, SharedPort>,
    { listen, options, accept }: Opening,
  ): Promise<Listener | SystemFailure> {
    const shared = new SharedPort(ports);
    const opened = await listen(options, (socket) => shared.#route(socket));
    if (!("address" in opened) || opened.address.family === "unix") return opened;
    shared.#listener = opened;
    shared.#port = opened.address.port;
    ports.set(shared.#port, shared);
    return shared.add("::", accept);
  }

  add(host: string, accept: Accept): Listener | SystemFailure {
    const key = isWildcard(host) ? "::" : host;
    if (this.#accepts.has(key)) return failureOf("EADDRINUSE");
    this.#accepts.set(key, accept);
    const address: SocketAddress = { family: key === "::" ? 6 : 4, host: key, port: this.#port };
    return { address, close: () => this.#remove(key, accept) };
  }

  async #remove(key: string, accept: Accept): Promise<void> {
    if (this.#accepts.get(key) === accept) this.#accepts.delete(key);
    if (this.#accepts.size > 0) return;
    if (this.#ports.get(this.#port) === this) this.#ports.delete(this.#port);
    await this.#listener?.close();
  }

  #route(socket: Socket): void {
    const accept = this.#acceptFor(socket);
    if (accept === undefined) socket.abort();
    else accept(socket);
  }

  #acceptFor(socket: Socket): Accept | undefined {
    const local = plain(socket.local);
    if (local === undefined || local.family === "unix") return this.#accepts.get("::");
    if (socket instanceof NetSocket || socket instanceof NodeConnection || socket instanceof KernelSocket) {
      socket.local = local;
      socket.remote = plain(socket.remote) ?? socket.remote;
    }
    return this.#accepts.get(local.host) ?? this.#accepts.get("0.0.0.0");
  }
}

/** The IPv4 address of a connection that came over IPv4. */
function plain(address: SocketAddress): SocketAddress | undefined {
  return address.family === 6 ? tcpAddress(unmapped(address.host), address.port) : undefined;
}

function isWildcard(host: string): boolean {
  return host.includes(":") && /^[0:]+$/.test(host);
}
