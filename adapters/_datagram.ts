/** Datagram sockets over `node:dgram`, which all three runtimes have. */

import { createSocket, type Socket as RawSocket } from "node:dgram";
import type { DatagramHandler, DatagramSocket, DatagramTarget } from "../src/runtime.ts";
import { toFailure } from "./_errno.ts";

/** See `Runtime.datagram`. */
export function openDatagram(target: HostAndPort, handler: DatagramHandler): DatagramSocket {
  return new NetDatagram(target, handler);
}

/** Connected, so that Node and Bun tell when nobody listens there. */
class NetDatagram implements DatagramSocket {
  readonly #handler: DatagramHandler;
  #raw: RawSocket | undefined;
  /** What waits for the socket to connect, or for the datagram before: Deno mixes up those sent in one turn. */
  readonly #waiting: Uint8Array[] = [];
  #isBusy = true;
  #isClosed = false;
  #whenSent: () => void = () => {};

  constructor({ host, port }: HostAndPort, handler: DatagramHandler) {
    this.#handler = handler;
    const family = host.includes(":") ? 6 : 4;
    try {
      const raw = createSocket(family === 6 ? "udp6" : "udp4");
      this.#raw = raw;
      raw.on("message", (bytes, from) => {
        if (!this.#isClosed) handler.received(bytes, { family, host: from.address, port: from.port });
      });
      raw.on("error", (error) => this.#fail(error));
      raw.once("connect", () => this.#sendNext());
      raw.unref();
      raw.connect(port, host);
    } catch (error) {
      // No descriptor is left, for one.
      queueMicrotask(() => this.#fail(error));
    }
  }

  send(bytes: Uint8Array): void {
    // Who sends faster than the system takes them loses datagrams, as on any network.
    if (this.#isClosed || this.#waiting.length >= MOST_WAITING) return;
    this.#waiting.push(bytes);
    if (!this.#isBusy) this.#sendNext();
  }

  async end(): Promise<void> {
    if (this.#isBusy && !this.#isClosed) await new Promise<void>((resolve) => this.#whenSent = resolve);
    this.close();
  }

  close(): void {
    this.#isClosed = true;
    this.#whenSent();
    this.#waiting.length = 0;
    try {
      this.#raw?.close();
    } catch {
      // It was never open.
    }
    this.#raw = undefined;
  }

  #sendNext(): void {
    const bytes = this.#waiting.shift();
    this.#isBusy = bytes !== undefined;
    if (bytes === undefined) return this.#whenSent();
    try {
      this.#raw?.send(bytes, (error) => {
        if (error === null || error === undefined) this.#sendNext();
        else this.#fail(error);
      });
    } catch (error) {
      queueMicrotask(() => this.#fail(error));
    }
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    this.close();
    this.#handler.failed(toFailure(error));
  }
}

type HostAndPort = Extract<DatagramTarget, { readonly host: string }>;

/** More than a turn of the event loop ever has to say, and less than 10 MB. */
const MOST_WAITING = 4096;
