/**
 * Listeners that accept by the kernel's own calls. They are opened by the runtime, which shares them among the worker
 * processes of a cluster. The first connection has the runtime made deaf to all of them, and they are polled by us until
 * nothing of the kernel's has been open for a while: a program that nobody talks to, or everybody over TLS, is the
 * runtime's.
 */

import type { Cancel, KeepAlive, Listener, ListenOptions, Runtime, Socket, SocketAddress } from "../src/runtime.ts";
import { now } from "./_clock.ts";
import {
  EPOLLEXCLUSIVE,
  EPOLLIN,
  F_DUPFD_CLOEXEC,
  IPPROTO_TCP,
  isPassing,
  kernelInt,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOL_SOCKET,
  TCP_NODELAY,
} from "./_kernel.ts";
import type { KernelShared } from "./_kernel_shared.ts";
import { KernelSocket } from "./_kernel_socket.ts";
import { NetListener } from "./_listener.ts";
import type { Pollable, Silenced } from "./_poller.ts";
import type { Descriptor, OwnSocket } from "./_socket.ts";
import { clearTimer, setLater, setTimer, type Timer } from "./_timer.ts";

/** What all listeners of a runtime have in common. */
export class Reception {
  readonly shared: KernelShared;
  readonly #isCrowded: (besides: number) => boolean;
  readonly #listeners = new Set<KernelListener>();
  #isOpen = false;
  #lull: Timer | undefined;
  #round: Timer | undefined;

  /** `isCrowded` says whether the runtime has so many sockets, besides some, that the kernel's would cost more. */
  constructor(shared: KernelShared, isCrowded: (besides: number) => boolean) {
    this.shared = shared;
    this.#isCrowded = isCrowded;
  }

  /** Whether what is connected to and accepted is the kernel's at the moment. */
  get isOpen(): boolean {
    return this.#isOpen && !this.#isCrowded(0);
  }

  add(listener: KernelListener): void {
    this.#listeners.add(listener);
    if (this.#isOpen) listener.take();
  }

  remove(listener: KernelListener): void {
    this.#listeners.delete(listener);
  }

  /** Somebody came to the runtime; whether whoever follows will come to us. */
  open(): boolean {
    if (this.#isCrowded(1)) return false;
    if (this.#isOpen) return true;
    this.#isOpen = true;
    for (const listener of this.#listeners) listener.take();
    this.#look();
    this.#goRound();
    return true;
  }

  /** Waits for nobody to come. Resolves when all listeners are taken. */
  async openAtOnce(): Promise<void> {
    this.#isOpen = true;
    // A runtime may begin to poll in its next turn only.
    while ([...this.#listeners].some((listener) => !listener.take())) {
      await new Promise<void>((resolve) => setLater(resolve));
    }
  }

  /** The runtime has everybody who comes from now on. */
  close(): void {
    this.#isOpen = false;
    clearTimer(this.#lull);
    clearTimer(this.#round);
    for (const listener of this.#listeners) listener.giveBack();
  }

  #look(): void {
    this.#lull = setTimer(LULL, () => {
      if (this.shared.census.open === 0) this.close();
      else this.#look();
    });
  }

  /** Looks for those of whom only a worker was told that does not run, or had no descriptor left, or was about to end. */
  #goRound(): void {
    this.#round = setTimer(ROUND, () => {
      for (const listener of this.#listeners) listener.look();
      if (this.#isOpen) this.#goRound();
    });
  }
}

/** What a listener works with. */
export interface KernelListening {
  readonly reception: Reception;
  readonly options: ListenOptions;
  readonly accept: (socket: Socket) => void;
  readonly onShortage: Runtime["onShortage"];
}

/** A listener of TCP of the runtime's that we may take. */
export class KernelListener implements Listener, Pollable {
  ticket = 0;
  readonly address: SocketAddress;
  readonly #listener: NetListener;
  readonly #listening: KernelListening;
  readonly #descriptor: Descriptor;
  readonly #stopHearing: Cancel;
  /** How the runtime polled it, as long as it does not; and how it did when it did last. */
  #silenced: Silenced | undefined;
  #before: Silenced | undefined;
  #nextTry = 0;
  #isPolled = false;
  /** How many more it accepts before it lines up behind the other workers. */
  #left = 0;
  #isShort = false;
  #isClosed = false;

  constructor(listener: NetListener, descriptor: Descriptor, listening: KernelListening) {
    const { reception, onShortage } = listening;
    this.address = listener.address;
    this.#listener = listener;
    this.#listening = listening;
    this.#descriptor = descriptor;
    // What is accepted inherits it.
    reception.shared.set(descriptor.number, IPPROTO_TCP, TCP_NODELAY, kernelInt(1));
    this.#stopHearing = onShortage((failure) => {
      this.#isShort = failure !== undefined;
      if (this.#isShort) this.#rest();
      else this.#wake();
    });
    reception.add(this);
  }

  /** Makes the runtime deaf to it, and polls it; whether that could be done. */
  take(): boolean {
    if (this.#silenced !== undefined || this.#isClosed) return true;
    const { poller } = this.#listening.reception.shared;
    this.#silenced = this.#before = poller.silence(this.#descriptor.number, this.#before);
    this.#wake();
    return this.#silenced !== undefined;
  }

  giveBack(): void {
    this.#rest();
    if (this.#silenced !== undefined) this.#listening.reception.shared.poller.restore(this.#silenced);
    this.#silenced = undefined;
  }

  /** Takes what the runtime has accepted, if others are to follow; otherwise that stays the runtime's. */
  received(socket: OwnSocket): void {
    const { reception, accept, options } = this.#listening;
    const { shared } = reception;
    const isOurs = reception.open();
    // What cannot be taken now is looked for again after a while only.
    if (isOurs && now() >= this.#nextTry && !this.take()) this.#nextTry = now() + LULL;
    const theirs = isOurs ? socket.descriptor?.() : undefined;
    const number = theirs === undefined || theirs.isOurs
      ? theirs?.number ?? -1
      : shared.kernel.fcntl(theirs.number, F_DUPFD_CLOEXEC, 0);
    if (number < 0) return accept(socket);
    const { remote, local } = socket;
    socket.leave?.();
    accept(this.#open(number, remote, local, options));
  }

  /** Accepts somebody whom the poller has not told of. */
  look(): void {
    if (this.#isPolled) this.ready();
  }

  /** Called by the poller, and for {@linkcode look}. One at a time, as nginx: other sockets have their turn before the next. */
  ready(): void {
    const { reception, options, accept } = this.#listening;
    if (!reception.isOpen) return reception.close();
    const { kernel, address } = reception.shared;
    address.clear();
    const { number } = this.#descriptor;
    const accepted = kernel.accept4(number, address.octets, address.length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0) {
      // Such as too many open files; a connection that another worker has, or that is gone, is no reason to rest.
      if (!isGone(kernel.errno())) this.#restAWhile();
      return;
    }
    const remote = address.take();
    // The kernel wakes the first in the line that sleeps: without this, the others have the clients that one leaves them.
    if (--this.#left === 0) {
      this.#rest();
      this.#wake();
    }
    if (remote === undefined) kernel.close(accepted);
    else accept(this.#open(accepted, remote, this.#listener.commonLocal, options));
  }

  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#stopHearing();
      this.#rest();
      const { reception } = this.#listening;
      reception.remove(this);
      if (this.#descriptor.isOurs) reception.shared.kernel.close(this.#descriptor.number);
    }
    await this.#listener.close();
  }

  #open(
    descriptor: number,
    remote: SocketAddress,
    local: SocketAddress | undefined,
    { keepAlive }: ListenOptions,
  ): KernelSocket {
    const { shared } = this.#listening.reception;
    if (keepAlive !== undefined) setKeepAlive(descriptor, keepAlive, shared);
    const socket = new KernelSocket(descriptor, remote, shared);
    if (local !== undefined) socket.local = local;
    return socket;
  }

  #wake(): void {
    if (this.#silenced === undefined || this.#isPolled || this.#isClosed || this.#isShort) return;
    const { poller } = this.#listening.reception.shared;
    // Of several workers that sleep one is woken: woken for nothing, eight of them cost a seventh more for a login.
    this.#isPolled = poller.add(this.#descriptor.number, EPOLLIN | EPOLLEXCLUSIVE, this);
    this.#left = MOST_BEFORE_OTHERS;
    if (!this.#isPolled) this.giveBack();
  }

  #rest(): void {
    // Others have the same socket: it does not leave the poller by being closed.
    if (this.#isPolled) this.#listening.reception.shared.poller.remove(this.#descriptor.number);
    this.#isPolled = false;
  }

  #restAWhile(): void {
    this.#rest();
    setTimer(PERIOD, () => this.#wake());
  }
}

/** Whether an accept has met a connection that somebody else has, or that is over (accept(2), "Error handling"). */
function isGone(number: number): boolean {
  return isPassing(number) || GONE.includes(number);
}

function setKeepAlive(descriptor: number, keepAlive: KeepAlive | boolean, shared: KernelShared): void {
  shared.set(descriptor, SOL_SOCKET, SO_KEEPALIVE, kernelInt(keepAlive === false ? 0 : 1));
  if (typeof keepAlive === "boolean") return;
  const { idle, interval, count } = keepAlive;
  const seconds = (time: number) => Math.max(Math.trunc(time / 1000), 1);
  if (idle !== undefined) shared.set(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, kernelInt(seconds(idle)));
  if (interval !== undefined) shared.set(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, kernelInt(seconds(interval)));
  if (count !== undefined) shared.set(descriptor, IPPROTO_TCP, TCP_KEEPCNT, kernelInt(count));
}

/** How long nothing of the kernel's has to be open until the runtime has its listeners back. */
const LULL = 1_000;
/** How often those are looked for of whom nobody was told that could serve them. */
const ROUND = 250;
/** As nginx. */
const MOST_BEFORE_OTHERS = 16;
/** As nginx, which waits so long before it accepts again. */
const PERIOD = 500;
/** EPERM, EPROTO, ENOPROTOOPT, EOPNOTSUPP, ENETDOWN, ENETUNREACH, ECONNABORTED, EHOSTDOWN, EHOSTUNREACH. */
const GONE: readonly number[] = [1, 71, 92, 95, 100, 101, 103, 112, 113];
const SO_KEEPALIVE = 9;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
