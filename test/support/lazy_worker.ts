import { Daemon } from "./daemon.ts";
import { programCommand } from "./program.ts";
import { HOLDER } from "./service_manager.ts";

/**
 * A process that shares the program's listening socket, is woken for a connection like a worker, and serves none. It takes
 * Python, which has `EPOLLEXCLUSIVE`.
 */
export class LazyWorker {
  readonly #daemon: Daemon;

  private constructor(daemon: Daemon) {
    this.#daemon = daemon;
  }

  /** Opens a port of 127.0.0.1, and starts the program with it and with these arguments. */
  static async start(port: number, ...args: string[]): Promise<LazyWorker> {
    const worker = new LazyWorker(new Daemon("python3", ["-u", "-c", SCRIPT, `${port}`, ...programCommand(), ...args]));
    await worker.#daemon.until(/start worker process/);
    return worker;
  }

  /** For how many connections it was woken. */
  get woken(): number {
    return this.#daemon.log.split("woken for nothing").length - 1;
  }

  /** Ends it, and the program. */
  stop(): Promise<void> {
    return this.#daemon.stop();
  }
}

const SCRIPT = `${HOLDER}
program = start_program()
signal.signal(signal.SIGTERM, lambda *_: program.send_signal(signal.SIGTERM))
epoll = select.epoll()
epoll.register(3, select.EPOLLIN | select.EPOLLEXCLUSIVE)
while program.poll() is None:
    if epoll.poll(0.2):
        print("woken for nothing")
        while select.select([3], [], [], 0)[0]:
            time.sleep(0.01)
`;
