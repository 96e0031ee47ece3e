import { Daemon } from "./daemon.ts";
import { programCommand } from "./program.ts";
import { eventually } from "./watch.ts";

/**
 * What systemd does with a socket unit and `Restart=always`: it holds the listening socket, gives it to the program, and
 * starts the program again whenever it ends. It takes Python, which has `fork` and `exec`.
 */
export class ServiceManager {
  readonly #daemon: Daemon;

  private constructor(daemon: Daemon) {
    this.#daemon = daemon;
  }

  /** Holds `address`, a port of 127.0.0.1 or a path, for a program with these arguments. */
  static async start(address: number | string, ...args: string[]): Promise<ServiceManager> {
    const manager = new ServiceManager(
      new Daemon("python3", ["-u", "-c", SCRIPT, `${address}`, ...programCommand(), ...args]),
    );
    await manager.started(1);
    return manager;
  }

  /** All that the program has logged. */
  get log(): string {
    return this.#daemon.log;
  }

  /** Resolves once the program has come to accept so many times. */
  async started(times: number): Promise<void> {
    // The version line begins each run's log.
    const count = () => this.log.split("(nginx/").length - 1;
    await eventually(() => count() >= times, () => this.log.slice(-2000), PATIENCE);
  }

  /** Ends it, and the program. */
  stop(): Promise<void> {
    return this.#daemon.stop();
  }
}

const PATIENCE = 60_000;

/** Python: listens on the first argument, and starts the program of the others with that socket. */
export const HOLDER = `
import os, select, signal, socket, subprocess, sys, time
address, *command = sys.argv[1:]
if address.isdigit():
    listener = socket.create_server(("127.0.0.1", int(address)), backlog=512)
else:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(512)
    os.chmod(address, 0o666)
if listener.fileno() != 3:
    os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
def start_program():
    start = 'export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"'
    return subprocess.Popen(["/bin/sh", "-c", start, "sh", *command], pass_fds=[3])
`;

const SCRIPT = `${HOLDER}
is_stopping = False
def stop(*_):
    global is_stopping
    is_stopping = True
    child.send_signal(signal.SIGTERM)
while not is_stopping:
    child = start_program()
    signal.signal(signal.SIGTERM, stop)
    child.wait()
`;
