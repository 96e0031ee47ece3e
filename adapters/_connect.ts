/** Making connections. */

import { connect as connectRaw, type Socket as RawSocket } from "node:net";
import type { Cancel, ConnectHandler, ConnectTarget } from "../src/runtime.ts";
import { addressesOf } from "./_address.ts";
import { toFailure } from "./_errno.ts";
import { toPath } from "./_octets.ts";
import { type Addresses, NetSocket, type SocketTraits } from "./_socket.ts";

/** See `Runtime.connect`. */
export function connect(target: ConnectTarget, handler: ConnectHandler, traits: SocketTraits): Cancel {
  const raw = "path" in target
    ? connectRaw({ path: toPath(target.path), allowHalfOpen: true })
    : connectRaw({ ...targetAddress(target), allowHalfOpen: true, noDelay: true });
  // Nothing may be read before somebody wants it.
  raw.pause();
  const attempt = new Attempt(raw, { target, handler, traits });
  return () => attempt.cancel();
}

/** A name with addresses of both families has to be asked for the one that we connect from. */
export function targetAddress({ host, port, localAddress }: Extract<ConnectTarget, { host: string }>) {
  if (localAddress === undefined) return { host, port };
  return { host, port, localAddress, family: localAddress.includes(":") ? 6 : 4 };
}

interface Wish {
  readonly target: ConnectTarget;
  readonly handler: ConnectHandler;
  readonly traits: SocketTraits;
}

/** A connection on its way. It lets go of the raw socket as soon as that is connected. */
class Attempt {
  readonly #raw: RawSocket;
  readonly #wish: Wish;
  #isOver = false;
  readonly #onConnect = () => this.#connected();
  readonly #onError = (error: unknown) => this.#failed(error);

  constructor(raw: RawSocket, wish: Wish) {
    this.#raw = raw;
    this.#wish = wish;
    wish.traits.census.open++;
    raw.once("connect", this.#onConnect);
    // It stays until the socket has another: an error that nobody hears would end the process.
    raw.on("error", this.#onError);
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#end();
    this.#raw.destroy();
  }

  #connected(): void {
    if (this.#isOver) return;
    const addresses = this.#addresses();
    if (addresses === undefined) return this.#failed({ code: "ECONNRESET" });
    this.#end();
    const socket = new NetSocket(this.#raw, addresses, this.#wish.traits.census);
    this.#raw.off("error", this.#onError);
    this.#wish.handler.connected(socket);
  }

  #failed(error: unknown): void {
    if (this.#isOver) return;
    this.#end();
    this.#raw.destroy();
    this.#wish.handler.failed(toFailure(error));
  }

  #end(): void {
    this.#isOver = true;
    this.#wish.traits.census.open--;
  }

  #addresses(): Addresses | undefined {
    const { target } = this.#wish;
    if (!("path" in target)) return addressesOf(this.#raw, undefined);
    return { remote: { family: "unix", path: target.path }, local: { family: "unix", path: "" } };
  }
}
