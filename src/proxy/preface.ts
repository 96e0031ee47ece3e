import type { Cancel, Millis, Octets, Runtime, Socket, SocketHandler, SystemFailure } from "../runtime.ts";
import { describeFailure } from "../runtime.ts";
import { type Listed, NOWHERE } from "../roster.ts";
import type { StopReason } from "./service.ts";
import { HeaderReader, type ReceivedHeader } from "../protocol/proxy_protocol/mod.ts";

/** How a connection ends whose PROXY header did not come. */
export type PrefaceFailure = "badProxyHeader" | "clientGone" | "timeout" | "shutdown";

/** What a {@linkcode Preface} needs, and whom it tells. Exactly one of `read` and `failed` is called. */
export interface PrefaceOptions {
  readonly socket: Socket;
  readonly runtime: Pick<Runtime, "timer">;
  /** How long the header may take in all. */
  readonly timeout: Millis;
  readonly note: (level: "info" | "error", text: Octets) => void;
  readonly read: (header: ReceivedHeader) => void;
  readonly failed: (result: PrefaceFailure) => void;
}

/** Reads the PROXY header that a client's proxy sends first. Who sends none is not answered: it may be anybody. */
export class Preface implements SocketHandler, Listed {
  readonly #options: PrefaceOptions;
  readonly #reader = new HeaderReader();
  readonly #cancelTimer: Cancel;
  #isOver = false;
  place = NOWHERE;

  constructor(options: PrefaceOptions) {
    this.#options = options;
    this.#cancelTimer = options.runtime.timer(options.timeout, () => {
      this.#fail("timeout", "info", "client timed out (110: Connection timed out)");
    });
    options.socket.handler = this;
    options.socket.resume();
  }

  /** Nobody is logged in here. */
  get idleFor(): undefined {
    return undefined;
  }

  /** Gives the client up. */
  stop(why: StopReason): void {
    if (why === "timeout") this.#fail("shutdown", "info", "shutdown timeout");
    else this.#fail("shutdown");
  }

  abort(): void {
    this.#options.socket.abort();
  }

  bytes(bytes: Uint8Array): void {
    if (this.#isOver) return;
    const header = this.#reader.receive(bytes);
    if (header === "more") return;
    if (header.type === "broken") return this.#fail("badProxyHeader", "error", header.reason);
    this.#end();
    this.#options.socket.pause();
    this.#options.read(header);
  }

  drained(): void {}

  ended(): void {
    this.#fail("clientGone");
  }

  closed(failure: SystemFailure | undefined): void {
    if (failure === undefined) this.#fail("clientGone");
    else this.#fail("clientGone", "info", `recv() failed ${describeFailure(failure)}`);
  }

  #fail(result: PrefaceFailure, level?: "info" | "error", text?: Octets): void {
    if (this.#isOver) return;
    if (level !== undefined && text !== undefined) this.#options.note(level, text);
    this.#end();
    this.#options.socket.abort();
    this.#options.failed(result);
  }

  #end(): void {
    this.#isOver = true;
    this.#cancelTimer();
  }
}
