/**
 * Gives conversations their sockets: a listener on a loopback port, one conversation for each connection.
 *
 * @module
 */

import { StartError } from "../proxy/mod.ts";
import { describeFailure, isFailure, type Listener, type Runtime, type Socket } from "../runtime.ts";
import type { Conversation } from "./conversation.ts";

/** A server of the demo at work. */
export interface Host {
  /** Where it listens on 127.0.0.1. */
  readonly port: number;
  /** Lets every conversation say what it has to say now: the store changed. */
  wake(): void;
  /** Cuts all connections; resolves when the port is free. */
  stop(): Promise<void>;
}

/** Listens on a port that the system chooses. */
export async function host(runtime: Runtime, begin: () => Conversation): Promise<Host> {
  const connections = new Set<Connection>();
  const listener = await listenLocally(runtime, 0, (socket) => {
    const connection = new Connection(socket, begin());
    connections.add(connection);
    connection.onClosed = () => connections.delete(connection);
    connection.pump();
  });
  let isWaking = false;
  return {
    port: portOf(listener),
    wake() {
      // One conversation may change the store while it says something: the others have their turn after it.
      if (isWaking) return;
      isWaking = true;
      Promise.resolve().then(() => {
        isWaking = false;
        for (const connection of [...connections]) connection.pump();
      });
    },
    stop() {
      for (const connection of [...connections]) connection.abort();
      return listener.close();
    },
  };
}

/** Listens on a port of 127.0.0.1, or throws {@linkcode StartError}. */
export async function listenLocally(
  runtime: Runtime,
  port: number,
  accept: (socket: Socket) => void,
): Promise<Listener> {
  const address = { host: "127.0.0.1", port };
  const options = { address, ipv6Only: false, backlog: undefined, keepAlive: undefined };
  const listener = await runtime.listen(options, accept);
  if (!isFailure(listener)) return listener;
  throw new StartError([`bind() to 127.0.0.1:${port} failed ${describeFailure(listener)}`]);
}

/** The port a listener has. */
export function portOf(listener: Listener): number {
  return listener.address.family === "unix" ? 0 : listener.address.port;
}

/** A conversation and its socket. It takes no more from the client while the client does not take what was said. */
class Connection {
  onClosed: () => void = () => {};
  readonly #socket: Socket;
  readonly #conversation: Conversation;
  #isBlocked = false;
  #hasEnded = false;
  #isDone = false;

  constructor(socket: Socket, conversation: Conversation) {
    this.#socket = socket;
    this.#conversation = conversation;
    socket.handler = {
      bytes: (bytes) => {
        conversation.receive(bytes);
        this.pump();
      },
      drained: () => {
        this.#isBlocked = false;
        this.pump();
      },
      ended: () => {
        this.#hasEnded = true;
        this.pump();
      },
      closed: () => {
        this.#isDone = true;
        this.onClosed();
      },
    };
  }

  pump(): void {
    while (!this.#isDone && !this.#isBlocked) {
      const said = this.#conversation.next();
      if (said === undefined) break;
      this.#isBlocked = !this.#socket.write(said);
    }
    if (this.#isDone) return;
    if (this.#conversation.isOver || (this.#hasEnded && !this.#isBlocked)) {
      this.#isDone = true;
      this.#socket.close();
    } else if (this.#isBlocked) this.#socket.pause();
    else this.#socket.resume();
  }

  abort(): void {
    this.#isDone = true;
    this.#socket.abort();
  }
}
