import { Buffer } from "node:buffer";
import { chmodSync, rmSync } from "node:fs";
import {
  AF_UNIX,
  type Kernel,
  kernelMemory,
  openKernel,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
} from "../../adapters/_kernel.ts";
import { eventually } from "./watch.ts";

/** The options of a test that needs datagrams towards a path. */
export const UNIX_DATAGRAMS = {
  skip: openKernel() === undefined && "the kernel's calls cannot be made here",
  timeout: 60_000,
};

/** A syslog server at a path, as `/dev/log` is one. It reads only when somebody waits for lines. */
export class UnixSyslogServer {
  readonly path: string;
  /** All that was read, however often it was stopped. */
  readonly lines: string[] = [];
  readonly #kernel: Kernel;
  readonly #memory = kernelMemory(65_536);
  #descriptor = -1;

  constructor(path: string) {
    const kernel = openKernel();
    if (kernel === undefined) throw new Error("The kernel's calls cannot be made here");
    this.path = path;
    this.#kernel = kernel;
  }

  /** Takes the path, from whoever has it. Everybody may write to it. */
  start(): void {
    rmSync(this.path, { force: true });
    const address = kernelMemory(2 + this.path.length + 1);
    const view = Buffer.from(address.buffer);
    view.writeUInt16LE(AF_UNIX, 0);
    view.write(this.path, 2, "latin1");
    this.#descriptor = this.#kernel.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const isBound = this.#kernel.bind(this.#descriptor, address, address.length) === 0;
    if (!isBound) throw new Error(`bind() to ${this.path} failed (${this.#kernel.errno()})`);
    chmodSync(this.path, 0o666);
  }

  /** Resolves once that many lines have come. */
  async until(count: number): Promise<void> {
    await eventually(() => this.read() >= count, () => this.lines.join("\n"));
  }

  /** Reads what is there; how many lines there were in all. */
  read(): number {
    for (;;) {
      const length = this.#kernel.recv(this.#descriptor, this.#memory, 0);
      if (length < 0) return this.lines.length;
      this.lines.push(Buffer.from(this.#memory.subarray(0, length)).toString("latin1"));
    }
  }

  /** Reads what is there, and is gone. The path stays, as behind a server that was killed. */
  stop(): void {
    if (this.#descriptor === -1) return;
    this.read();
    this.#kernel.close(this.#descriptor);
    this.#descriptor = -1;
  }
}
