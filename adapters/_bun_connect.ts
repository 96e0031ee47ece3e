/**
 * Making connections with Bun's own sockets. `Bun.connect` costs 15 µs less than the way through Bun's `node:net`, a
 * tenth of a login, but gives its socket away only when it is open: a connection on its way cannot be broken off, and
 * to a host that is silent it would keep its descriptor for the two minutes that the kernel tries. So it is for hosts
 * that are known to answer; all others are connected to by `node:net`, whose socket is then taken over.
 */

import { connect, type Socket as NetStream } from "node:net";
import { performance } from "node:perf_hooks";
import type { Cancel, ConnectHandler, ConnectTarget } from "../src/runtime.ts";
import { addressesOf } from "./_address.ts";
import { type Answer, Answers } from "./_bun_answers.ts";
import { BUN_HANDLERS, type BunHandlers, type BunSocket, connectBun } from "./_bun_native.ts";
import { BunConnection, type BunShared, type RemoteAndLocal } from "./_bun_socket.ts";
import { targetAddress } from "./_connect.ts";
import { toFailure } from "./_errno.ts";
import { toPath } from "./_octets.ts";
import type { Addresses } from "./_socket.ts";

/** Makes connections, and remembers who answers. */
export class BunConnector {
  readonly #shared: BunShared;
  readonly #answers = new Answers();

  constructor(shared: BunShared) {
    this.#shared = shared;
  }

  /** See `Runtime.connect`. */
  connect(target: ConnectTarget, handler: ConnectHandler): Cancel {
    const attempt = new Attempt(target, handler, this.#shared);
    if ("path" in target) {
      // The kernel answers at once.
      connectBun({ socket: HANDLERS, data: attempt, allowHalfOpen: true, unix: toPath(target.path) });
      return () => attempt.cancel();
    }
    const answer = this.#answers.of(target);
    attempt.answer = answer;
    const now = performance.now();
    if (!answer.isPrompt(now) || answer.family === 0) return connectStream(target, attempt);
    answer.begin(now);
    const { host, port, localAddress } = target;
    const from = localAddress === undefined ? {} : { localAddress };
    connectBun({ socket: HANDLERS, data: attempt, allowHalfOpen: true, hostname: host, port, ...from });
    return () => attempt.cancel();
  }
}

/** A connection on its way. */
class Attempt {
  answer: Answer | undefined;
  readonly #target: ConnectTarget;
  readonly #handler: ConnectHandler;
  readonly #shared: BunShared;
  #isOver = false;

  constructor(target: ConnectTarget, handler: ConnectHandler, shared: BunShared) {
    this.#target = target;
    this.#handler = handler;
    this.#shared = shared;
    shared.census.open++;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Nobody waits for it any more. */
  cancel(): void {
    if (this.#isOver) return;
    this.#leave();
    this.answer?.failed();
  }

  connected(raw: BunSocket): void {
    if (this.#isOver) return discard(raw);
    this.answer?.came(performance.now());
    const addresses = this.#addresses(raw);
    if (addresses === undefined) {
      discard(raw);
      return this.failed({ code: "ECONNRESET" });
    }
    this.#leave();
    this.#handler.connected(new BunConnection(raw, addresses, this.#shared));
  }

  failed(error: unknown): void {
    if (this.#isOver) return;
    this.#leave();
    this.answer?.failed();
    this.#handler.failed(toFailure(error));
  }

  /** Whom we connected to is known, unless it was by a name. */
  #addresses(raw: BunSocket): RemoteAndLocal | undefined {
    const target = this.#target;
    if ("path" in target) return { remote: { family: "unix", path: target.path }, local: { family: "unix", path: "" } };
    const { host, port } = target;
    const { family = 0 } = this.answer ?? {};
    if (family === 0) return addressesOf(raw, undefined);
    return { remote: { family: family === 6 ? 6 : 4, host, port } };
  }

  #leave(): void {
    this.#isOver = true;
    this.#shared.census.open--;
  }
}

/** Connects by `node:net`, and takes what its stream is made of as soon as it is connected. */
function connectStream(target: Exclude<ConnectTarget, { path: string }>, attempt: Attempt): Cancel {
  const stream = connect({ ...targetAddress(target), allowHalfOpen: true }) as TakenStream;
  // Bun's own handler has to come to its end first.
  stream.once("connect", () => queueMicrotask(() => take(stream, attempt)));
  stream.on("error", (error) => attempt.failed(error));
  return () => {
    if (attempt.isOver) return;
    attempt.cancel();
    stream.destroy();
  };
}

function take(stream: TakenStream, attempt: Attempt): void {
  const handle = stream._handle;
  if (attempt.isOver) return;
  if (handle === null) return attempt.failed({ code: "ECONNRESET" });
  stream._handle = null;
  handle.data = undefined;
  handle.reload({ socket: BUN_HANDLERS });
  attempt.connected(handle);
  stream.destroy();
}

interface TakenStream extends NetStream {
  _handle: (BunSocket & { reload(options: { readonly socket: BunHandlers }): void }) | null;
}

/** A connection of Bun's over a descriptor that is connected and ours; `undefined` where Bun does not take it. */
export function adoptConnection(
  descriptor: number,
  addresses: Addresses,
  shared: BunShared,
): BunConnection | undefined {
  let raw: BunSocket | undefined;
  const open = (socket: BunSocket) => raw = socket;
  // There is nothing to wait for: it is open when this returns.
  const handlers = { ...BUN_HANDLERS, open, connectError: () => {} };
  connectBun({ socket: handlers, data: undefined, allowHalfOpen: true, fd: descriptor });
  return raw === undefined ? undefined : new BunConnection(raw, addresses, shared);
}

/** Closes a connection that nobody has. */
export function discard(raw: BunSocket): void {
  raw.data = undefined;
  raw.close();
}

/** Before it is open an attempt has the socket; after that it has an owner like any other. */
const HANDLERS: BunHandlers = {
  ...BUN_HANDLERS,
  open: (socket) => (socket.data as Attempt).connected(socket),
  connectError: (socket, error) => (socket.data as Attempt).failed(error),
};
