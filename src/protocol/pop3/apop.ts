import type { Octets } from "../../runtime.ts";
import type { UpstreamLogin, UpstreamStep } from "../../session/upstream.ts";
import { refusalOf } from "./pass_through.ts";
import { isTemporary } from "./temporary.ts";

/**
 * APOP (RFC 1939, 7) with a server that is the one to check it. It has to greet before the client is greeted: what the
 * client makes its digest with is the timestamp in the server's greeting.
 */
export class Pop3Apop implements UpstreamLogin {
  readonly #startsTls: boolean;
  #awaits: "greeting" | "startTls" | "apop" = "greeting";
  #timestamp: Octets | undefined;

  constructor(startsTls: boolean) {
    this.#startsTls = startsTls;
  }

  line(line: Octets): UpstreamStep {
    const isOk = /^\+OK(?: |$)/.test(line);
    if (this.#awaits === "apop") {
      if (isOk) return { type: "done", reply: undefined };
      if (!line.startsWith("-ERR") || isTemporary(line)) return refused(line);
      return { type: "refused", text: line, refusal: refusalOf(line) };
    }
    if (!isOk) return refused(line);
    if (this.#awaits === "startTls") return { type: "secure" };
    this.#timestamp = /<[^<>@ ]+@[^<>@ ]+>/.exec(line)?.[0];
    return this.#startsTls ? this.#startTls() : this.#ready();
  }

  secured(): UpstreamStep {
    return this.#ready();
  }

  respond(command: Octets): UpstreamStep {
    this.#awaits = "apop";
    return { type: "send", text: `${command}\r\n`, action: "sending APOP to upstream" };
  }

  #startTls(): UpstreamStep {
    this.#awaits = "startTls";
    return { type: "send", text: "STLS\r\n", action: "sending STLS to upstream" };
  }

  #ready(): UpstreamStep {
    return { type: "ready", text: this.#timestamp };
  }
}

function refused(line: Octets): UpstreamStep {
  return { type: "refused", text: line, isTemporary: isTemporary(line) };
}
