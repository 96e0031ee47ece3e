import type { Cancel, Millis, Octets, Runtime, Socket, TlsContext, TlsFacts } from "../runtime.ts";
import { describeHandshakeFailure } from "../runtime.ts";
import { type Listed, NOWHERE } from "../roster.ts";
import type { StopReason } from "./service.ts";

/** How a connection ends that does not come to speak TLS. */
export type HandshakeFailure = "handshakeFailed" | "timeout" | "shutdown";

/** What a {@linkcode Handshake} needs, and whom it tells. Exactly one of `secured` and `failed` is called. */
export interface HandshakeOptions {
  readonly socket: Socket;
  readonly runtime: Pick<Runtime, "timer" | "secureServer">;
  readonly choose: (serverName: Octets | undefined) => TlsContext;
  /** What was read already: it came behind a PROXY header. */
  readonly held: Uint8Array;
  /** How long the handshake may take in all. */
  readonly timeout: Millis;
  readonly note: (level: "info", text: Octets) => void;
  readonly secured: (socket: Socket, facts: TlsFacts) => void;
  readonly failed: (result: HandshakeFailure) => void;
}

/** The handshake of a client that speaks TLS from its first octet. */
export class Handshake implements Listed {
  place = NOWHERE;
  readonly #options: HandshakeOptions;
  readonly #cancelHandshake: Cancel;
  readonly #cancelTimer: Cancel;

  constructor(options: HandshakeOptions) {
    this.#options = options;
    const { runtime, socket, choose, held, note } = options;
    this.#cancelTimer = runtime.timer(options.timeout, () => {
      note("info", "client timed out (110: Connection timed out)");
      this.#giveUp("timeout");
    });
    this.#cancelHandshake = runtime.secureServer(socket, { choose, held }, {
      secured: (secure, facts) => {
        this.#cancelTimer();
        options.secured(secure, facts);
      },
      failed: (text) => {
        this.#cancelTimer();
        note("info", describeHandshakeFailure(text));
        options.failed("handshakeFailed");
      },
    });
  }

  /** Nobody is logged in here. */
  get idleFor(): undefined {
    return undefined;
  }

  /** Gives the client up. */
  stop(why: StopReason): void {
    if (why === "timeout") this.#options.note("info", "shutdown timeout");
    this.abort();
  }

  /** Gives the client up without a word. */
  abort(): void {
    this.#giveUp("shutdown");
  }

  #giveUp(result: HandshakeFailure): void {
    this.#cancelTimer();
    this.#cancelHandshake();
    this.#options.failed(result);
  }
}
