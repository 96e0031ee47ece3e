/**
 * Datagram sockets towards a path, such as `/dev/log`, which no runtime has: over the kernel's own calls. They are for logs:
 * nothing here ever waits, and what cannot be sent is lost.
 */

import { Buffer } from "node:buffer";
import type { DatagramHandler, DatagramSocket, Millis, Octets, SystemFailure } from "../src/runtime.ts";
import { failureOf } from "./_errno.ts";
import {
  AF_UNIX,
  EAGAIN,
  isPassing,
  type Kernel,
  kernelMemory,
  openKernel,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
} from "./_kernel.ts";
import { systemFailure } from "./_kernel_shared.ts";
import { clearTimer, setTimer, type Timer } from "./_timer.ts";

/** See `Runtime.datagram`. */
export function openUnixDatagram(path: Octets, handler: DatagramHandler): DatagramSocket {
  return new UnixDatagram(path, handler);
}

/** Whether there are such sockets here. */
export function hasUnixDatagrams(): boolean {
  return openKernel() !== undefined;
}

/** Each datagram goes to whoever has the path by then, so that another server that takes it over is found at once. */
class UnixDatagram implements DatagramSocket {
  readonly #handler: DatagramHandler;
  readonly #kernel: Kernel | undefined = openKernel();
  readonly #address: Uint8Array;
  #descriptor = NONE;
  #isClosed = false;
  /** What the server had no room for. By default the kernel keeps 11 datagrams that a server has not read yet. */
  readonly #waiting: Uint8Array[] = [];
  #timer: Timer | undefined;
  #pause: Millis = SHORTEST_PAUSE;
  #whenSent = () => {};

  constructor(path: Octets, handler: DatagramHandler) {
    this.#handler = handler;
    this.#address = addressOf(path);
    const kernel = this.#kernel;
    if (kernel !== undefined) this.#descriptor = kernel.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (this.#descriptor !== NONE) return;
    this.#fail(kernel === undefined ? failureOf("EAFNOSUPPORT") : systemFailure(kernel.errno()));
  }

  send(bytes: Uint8Array): void {
    if (this.#waiting.length === 0 && this.#isDone(bytes)) return;
    if (this.#waiting.length < MOST_WAITING) this.#waiting.push(bytes);
    else this.#tellLoss();
    // Whoever reads faster than now and then is not held up by our pauses.
    this.#sendWaiting();
  }

  async end(): Promise<void> {
    if (this.#waiting.length > 0) {
      await new Promise<void>((resolve) => {
        const patience = setTimer(LONGEST_END, resolve);
        this.#whenSent = () => {
          clearTimer(patience);
          resolve();
        };
      });
    }
    this.close();
  }

  close(): void {
    this.#isClosed = true;
    this.#letGo();
  }

  /** Sends a datagram, unless there is no room for it. */
  #isDone(bytes: Uint8Array): boolean {
    const kernel = this.#kernel;
    if (kernel === undefined || this.#descriptor === NONE) return true;
    if (kernel.sendto(this.#descriptor, bytes, this.#address, this.#address.length) !== -1) return true;
    const number = kernel.errno();
    if (isPassing(number)) return false;
    this.#fail(systemFailure(number));
    return true;
  }

  #sendWaiting(): void {
    const first = this.#waiting.findIndex((bytes) => !this.#isDone(bytes));
    this.#waiting.splice(0, first === -1 ? this.#waiting.length : first);
    if (first !== 0) this.#pause = SHORTEST_PAUSE;
    if (this.#waiting.length === 0) this.#whenSent();
    else this.#timer ??= setTimer(this.#pause, () => this.#ring());
  }

  #ring(): void {
    this.#timer = undefined;
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
    this.#sendWaiting();
  }

  #tellLoss(): void {
    queueMicrotask(() => {
      if (!this.#isClosed) this.#handler.lost?.(systemFailure(EAGAIN));
    });
  }

  /** Nothing can be sent any more; that is told a moment later, for whoever sends does not expect to be called. */
  #fail(failure: SystemFailure): void {
    this.#letGo();
    queueMicrotask(() => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      this.#handler.failed(failure);
    });
  }

  #letGo(): void {
    if (this.#descriptor !== NONE) this.#kernel?.close(this.#descriptor);
    this.#descriptor = NONE;
    clearTimer(this.#timer);
    this.#timer = undefined;
    this.#waiting.length = 0;
    this.#whenSent();
  }
}

/** A `struct sockaddr_un`. */
function addressOf(path: Octets): Uint8Array {
  const address = kernelMemory(FAMILY + path.length + 1);
  const view = Buffer.from(address.buffer);
  view.writeUInt16LE(AF_UNIX, 0);
  view.write(path, FAMILY, "latin1");
  return address;
}

/** No descriptor. */
const NONE = -1;
/** Octets of the family, which the path follows. */
const FAMILY = 2;
/** How long a server has to make room: longer each time, as long as it makes none. */
const SHORTEST_PAUSE: Millis = 1;
const LONGEST_PAUSE: Millis = 100;
/** How long the end waits for that. */
const LONGEST_END: Millis = 500;
/** More than a turn of the event loop ever has to say, and less than 10 MB. */
const MOST_WAITING = 4096;
