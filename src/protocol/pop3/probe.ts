import type { Octets } from "../../runtime.ts";
import type { ProbeScript, ProbeScriptOptions, ProbeStep } from "../../session/probe.ts";
import { GO_ON } from "../../session/probe.ts";
import { isTemporary } from "./temporary.ts";

/** A health check of a POP3 server: greeting, STLS if wanted, CAPA (RFC 2449, 5), QUIT. */
export class Pop3Probe implements ProbeScript {
  readonly #startsTls: boolean;
  #awaits: "greeting" | "startTls" | "capa" | "capabilities" | "quit" = "greeting";

  constructor({ startsTls }: Pick<ProbeScriptOptions, "startsTls">) {
    this.#startsTls = startsTls;
  }

  secured(): ProbeStep {
    return this.#say("capa", "CAPA");
  }

  line(line: Octets): ProbeStep {
    const isOk = /^\+OK(?: |$)/.test(line);
    switch (this.#awaits) {
      case "greeting":
        if (!isOk) return unhealthy(line);
        return this.#startsTls ? this.#say("startTls", "STLS") : this.secured();
      case "startTls":
        return isOk ? { type: "secure" } : unhealthy(line);
      case "capa":
        return this.#capa(line, isOk);
      case "capabilities":
        return line === "." ? this.#healthy() : GO_ON;
      case "quit":
        return { type: "over" };
    }
  }

  /** A server without CAPA is one all the same. */
  #capa(line: Octets, isOk: boolean): ProbeStep {
    if (isOk) {
      this.#awaits = "capabilities";
      return GO_ON;
    }
    return /^-ERR(?: |$)/.test(line) && !isTemporary(line) ? this.#healthy() : unhealthy(line);
  }

  #healthy(): ProbeStep {
    this.#awaits = "quit";
    return { type: "healthy", farewell: QUIT };
  }

  #say(awaits: "startTls" | "capa", command: Octets): ProbeStep {
    this.#awaits = awaits;
    return { type: "send", text: `${command}\r\n`, awaits: `answer to ${command}` };
  }
}

function unhealthy(text: Octets): ProbeStep {
  return { type: "unhealthy", text, farewell: QUIT };
}

const QUIT = "QUIT\r\n";
