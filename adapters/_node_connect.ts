/** Making connections with libuv's handles: to numeric addresses, the way of nearly all logins. */

import { isIP } from "node:net";
import { getSystemErrorName } from "node:util";
import type { Cancel, ConnectHandler, ConnectTarget } from "../src/runtime.ts";
import { failureOf } from "./_errno.ts";
import type { ConnectRequest, TcpHandle } from "./_node_native.ts";
import type { NodeShared } from "./_node_socket.ts";

/** A target that needs no name service. */
export type NumericTarget = Exclude<ConnectTarget, { readonly path: string }>;

export function isNumeric(target: ConnectTarget): target is NumericTarget {
  return !("path" in target) && isIP(target.host) !== 0;
}

/** See `Runtime.connect`. */
export function connectNatively(target: NumericTarget, handler: ConnectHandler, shared: NodeShared): Cancel {
  const attempt = new Attempt(target, handler, shared);
  attempt.start();
  return () => attempt.cancel();
}

/** A connection on its way. */
class Attempt {
  readonly #target: NumericTarget;
  readonly #handler: ConnectHandler;
  readonly #shared: NodeShared;
  readonly #handle: TcpHandle;
  #isOver = false;

  constructor(target: NumericTarget, handler: ConnectHandler, shared: NodeShared) {
    const { TCP, constants } = shared.parts;
    this.#target = target;
    this.#handler = handler;
    this.#shared = shared;
    this.#handle = new TCP(constants.SOCKET);
    shared.census.open++;
  }

  start(): void {
    const error = this.#bind() || this.#connect();
    // Nobody may be told before they have the means to cancel.
    if (error !== 0) queueMicrotask(() => this.onConnected(error));
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#leave();
    this.#handle.close();
  }

  #bind(): number {
    const { localAddress } = this.#target;
    if (localAddress === undefined) return 0;
    return localAddress.includes(":") ? this.#handle.bind6(localAddress, 0, 0) : this.#handle.bind(localAddress, 0);
  }

  #connect(): number {
    const { host, port } = this.#target;
    const request = new this.#shared.parts.TCPConnectWrap();
    request.attempt = this;
    request.oncomplete = onComplete;
    return host.includes(":") ? this.#handle.connect6(request, host, port) : this.#handle.connect(request, host, port);
  }

  onConnected(status: number): void {
    if (this.#isOver) return;
    this.#leave();
    if (status !== 0) {
      this.#handle.close();
      return this.#handler.failed(failureOf(getSystemErrorName(status)));
    }
    this.#handle.setNoDelay?.(true);
    const { host, port } = this.#target;
    const remote = { family: host.includes(":") ? 6 : 4, host, port } as const;
    this.#handler.connected(this.#shared.open(this.#handle, remote));
  }

  #leave(): void {
    this.#isOver = true;
    this.#shared.census.open--;
  }
}

/**
 * One function for all: V8 takes a function literal that is assigned to a property for a method, and puts it where only
 * full collections come. Each dead one kept its whole session alive until then, which was a fifth of a login's CPU.
 */
function onComplete(this: ConnectRequest, status: number): void {
  this.attempt?.onConnected(status);
}
