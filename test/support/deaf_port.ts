import { connect, type Socket } from "node:net";
import { Daemon } from "./daemon.ts";

/** A port that has no room for one connection more: whoever connects waits. It takes Python, which accepts nothing. */
export class DeafPort {
  readonly port: number;
  readonly #daemon: Daemon;
  readonly #fillers: readonly Socket[];

  private constructor(port: number, daemon: Daemon, fillers: readonly Socket[]) {
    this.port = port;
    this.#daemon = daemon;
    this.#fillers = fillers;
  }

  static async open(): Promise<DeafPort> {
    const daemon = new Daemon("python3", ["-u", "-c", SCRIPT], "KILL");
    const [, port] = await daemon.until(/listening on (\d+)\n/);
    const fillers = [await connected(Number(port)), connecting(Number(port))];
    return new DeafPort(Number(port), daemon, fillers);
  }

  async stop(): Promise<void> {
    for (const filler of this.#fillers) filler.destroy();
    await this.#daemon.stop();
  }
}

function connecting(port: number): Socket {
  return connect({ host: "127.0.0.1", port }).on("error", () => {});
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connecting(port);
    socket.once("connect", () => resolve(socket));
  });
}

const SCRIPT = `
import signal, socket
listener = socket.create_server(("127.0.0.1", 0), backlog=0)
print("listening on", listener.getsockname()[1])
signal.pause()
`;
