/** Making connections with the kernel's own calls: to numeric addresses, the way of nearly all logins. */

import type { Cancel, ConnectHandler, SystemFailure } from "../src/runtime.ts";
import {
  AF_INET,
  AF_INET6,
  EPOLLERR,
  EPOLLET,
  EPOLLHUP,
  IPPROTO_TCP,
  kernelInt,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  TCP_NODELAY,
} from "./_kernel.ts";
import type { KernelShared } from "./_kernel_shared.ts";
import { KernelSocket } from "./_kernel_socket.ts";
import type { NumericTarget } from "./_node_connect.ts";
import { type Pollable, READABLE, WRITABLE } from "./_poller.ts";

/** See `Runtime.connect`. */
export function connectByKernel(target: NumericTarget, handler: ConnectHandler, shared: KernelShared): Cancel {
  const attempt = new Attempt(target, handler, shared);
  attempt.start();
  return () => attempt.cancel();
}

/** A connection on its way. */
class Attempt implements Pollable {
  ticket = 0;
  readonly #target: NumericTarget;
  readonly #handler: ConnectHandler;
  readonly #shared: KernelShared;
  #descriptor = -1;
  #isPolled = false;
  #isOver = false;

  constructor(target: NumericTarget, handler: ConnectHandler, shared: KernelShared) {
    this.#target = target;
    this.#handler = handler;
    this.#shared = shared;
    shared.census.open++;
  }

  start(): void {
    const failure = this.#connect();
    // Nobody may be told before they have the means to cancel.
    if (failure !== undefined) queueMicrotask(() => this.#fail(failure));
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#leave();
    this.#close();
  }

  ready(events: number): void {
    if (this.#isOver) return;
    const shared = this.#shared;
    const descriptor = this.#descriptor;
    if ((events & (EPOLLERR | EPOLLHUP)) !== 0) {
      const failure = shared.failureOn(descriptor);
      if (failure !== undefined) return this.#fail(failure);
    }
    if ((events & WRITABLE) === 0) return;
    this.#leave();
    shared.set(descriptor, IPPROTO_TCP, TCP_NODELAY, ON);
    const { host, port } = this.#target;
    const socket = new KernelSocket(descriptor, { family: familyOf(host), host, port }, shared, true);
    this.#handler.connected(socket);
    // A server may have greeted by now, or gone.
    if ((events & READABLE) !== 0) socket.ready(events & READABLE);
  }

  #connect(): SystemFailure | undefined {
    const { kernel, poller, address } = this.#shared;
    const { host, port, localAddress } = this.#target;
    const family = familyOf(host) === 6 ? AF_INET6 : AF_INET;
    this.#descriptor = kernel.socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (this.#descriptor < 0) return this.#shared.failure();
    if (localAddress !== undefined) {
      // As nginx: the port is chosen at connect(2), when it is known which ones are free towards that server.
      this.#shared.set(this.#descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, ON);
      const length = address.put(localAddress, 0);
      if (kernel.bind(this.#descriptor, address.octets, length) !== 0) return this.#shared.failure();
    }
    const length = address.put(host, port);
    if (kernel.connect(this.#descriptor, address.octets, length) !== 0 && kernel.errno() !== EINPROGRESS) {
      return this.#shared.failure();
    }
    this.#isPolled = poller.add(this.#descriptor, READABLE | WRITABLE | EPOLLET, this);
    return this.#isPolled ? undefined : this.#shared.failure();
  }

  #fail(failure: SystemFailure): void {
    if (this.#isOver) return;
    this.#leave();
    this.#close();
    this.#handler.failed(failure);
  }

  #close(): void {
    if (this.#isPolled) this.#shared.poller.forget(this.#descriptor);
    if (this.#descriptor >= 0) this.#shared.kernel.close(this.#descriptor);
  }

  #leave(): void {
    this.#isOver = true;
    this.#shared.census.open--;
  }
}

function familyOf(host: string): 4 | 6 {
  return host.includes(":") ? 6 : 4;
}

const ON = kernelInt(1);
const IPPROTO_IP = 0;
const IP_BIND_ADDRESS_NO_PORT = 24;
const EINPROGRESS = 115;
