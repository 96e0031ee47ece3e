/**
 * The two sockets of a session, as a driver sees them.
 *
 * @module
 */

import type { Socket, SocketHandler, SystemFailure } from "../runtime.ts";
import type { Side } from "../session/mod.ts";

/** Hears what happens at two sockets. */
export interface SidesHandler {
  bytes(side: Side, bytes: Uint8Array): void;
  drained(side: Side): void;
  ended(side: Side): void;
  closed(side: Side, failure: SystemFailure | undefined): void;
}

/** Tells which of the sockets speaks. */
export class SideHandler implements SocketHandler {
  readonly #handler: SidesHandler;
  readonly #side: Side;

  constructor(handler: SidesHandler, side: Side) {
    this.#handler = handler;
    this.#side = side;
  }

  bytes(bytes: Uint8Array): void {
    this.#handler.bytes(this.#side, bytes);
  }

  drained(): void {
    this.#handler.drained(this.#side);
  }

  ended(): void {
    this.#handler.ended(this.#side);
  }

  closed(failure: SystemFailure | undefined): void {
    this.#handler.closed(this.#side, failure);
  }
}

/** For a socket that is done with: what it says last must not be taken for the words of the one that follows. */
export const NOBODY: SocketHandler = { bytes: () => {}, drained: () => {}, ended: () => {}, closed: () => {} };

/** Reads from a socket, or does not. */
export function steer(socket: Socket, mayRead: boolean): void {
  if (mayRead) socket.resume();
  else socket.pause();
}
