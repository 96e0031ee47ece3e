import type { Octets } from "../../runtime.ts";
import type { ProbeScript, ProbeScriptOptions, ProbeStep } from "../../session/probe.ts";
import { GO_ON } from "../../session/probe.ts";

type Stage = "greeting" | "clearHello" | "startTls" | "hello" | "oldHello" | "quit";

/** A health check of an SMTP server: greeting, EHLO, STARTTLS if wanted and EHLO again, QUIT (RFC 5321, 3). */
export class SmtpProbe implements ProbeScript {
  readonly #options: ProbeScriptOptions;
  #stage: Stage = "greeting";
  #offersTls = false;

  constructor(options: ProbeScriptOptions) {
    this.#options = options;
  }

  secured(): ProbeStep {
    return this.#say("hello", `EHLO ${this.#options.serverName}`);
  }

  line(line: Octets): ProbeStep {
    if (!/^\d{3}(?:[ -]|$)/.test(line)) return unhealthy(line);
    if (this.#stage === "clearHello" && /^250[ -]STARTTLS *$/i.test(line)) this.#offersTls = true;
    if (line[3] === "-") return GO_ON;
    if (this.#stage === "quit") return { type: "over" };
    if (line.startsWith(EXPECTED[this.#stage])) return this.#next();
    // RFC 5321, 3.2: a server that is too old for EHLO is asked for less.
    const isOld = this.#stage === "hello" && !this.#options.startsTls && line.startsWith("5");
    return isOld ? this.#say("oldHello", `HELO ${this.#options.serverName}`) : unhealthy(line);
  }

  #next(): ProbeStep {
    switch (this.#stage) {
      case "greeting":
        return this.#options.startsTls ? this.#say("clearHello", `EHLO ${this.#options.serverName}`) : this.secured();
      case "clearHello":
        if (this.#offersTls) return this.#say("startTls", "STARTTLS");
        return { type: "unhealthy", reason: "the server does not offer STARTTLS", farewell: QUIT };
      case "startTls":
        return { type: "secure" };
      default:
        this.#stage = "quit";
        return { type: "healthy", farewell: QUIT };
    }
  }

  #say(stage: Stage, command: Octets): ProbeStep {
    this.#stage = stage;
    const [verb = ""] = command.split(" ");
    return { type: "send", text: `${command}\r\n`, awaits: `answer to ${verb}` };
  }
}

/** 421 is said by a server that closes the connection (RFC 5321, 3.8); all others wait for QUIT, whatever they said. */
function unhealthy(text: Octets): ProbeStep {
  return { type: "unhealthy", text, farewell: text.startsWith("421") ? "" : QUIT };
}

const QUIT = "QUIT\r\n";

const EXPECTED: Readonly<Record<Exclude<Stage, "quit">, Octets>> = {
  greeting: "220",
  clearHello: "250",
  startTls: "220",
  hello: "250",
  oldHello: "250",
};
