import type { Octets } from "../../runtime.ts";
import type { ProbeScript, ProbeScriptOptions, ProbeStep } from "../../session/probe.ts";
import { GO_ON } from "../../session/probe.ts";

/** A health check of an IMAP server: greeting, STARTTLS if wanted, CAPABILITY, LOGOUT (RFC 9051, 6.1). */
export class ImapProbe implements ProbeScript {
  readonly #startsTls: boolean;
  #awaits: "greeting" | "startTls" | "capability" | "logout" = "greeting";

  constructor({ startsTls }: Pick<ProbeScriptOptions, "startsTls">) {
    this.#startsTls = startsTls;
  }

  secured(): ProbeStep {
    return this.#say("capability", "CAPABILITY");
  }

  line(line: Octets): ProbeStep {
    if (this.#awaits === "greeting") return this.#greeting(line);
    if (this.#awaits === "logout") return line.startsWith(TAG) ? { type: "over" } : GO_ON;
    if (/^\* BYE(?: |$)/i.test(line)) return { type: "unhealthy", text: line, farewell: "" };
    if (line.startsWith("* ")) return GO_ON;
    if (!/^h OK(?: |$)/i.test(line)) return { type: "unhealthy", text: line, farewell: LOGOUT };
    if (this.#awaits === "startTls") return { type: "secure" };
    this.#awaits = "logout";
    return { type: "healthy", farewell: LOGOUT };
  }

  /** A server that takes whoever comes for somebody (PREAUTH) would not be used for any login. */
  #greeting(line: Octets): ProbeStep {
    if (/^\* BYE(?: |$)/i.test(line)) return { type: "unhealthy", text: line, farewell: "" };
    if (!/^\* OK(?: |$)/i.test(line)) return { type: "unhealthy", text: line, farewell: LOGOUT };
    return this.#startsTls ? this.#say("startTls", "STARTTLS") : this.secured();
  }

  #say(awaits: "startTls" | "capability", command: Octets): ProbeStep {
    this.#awaits = awaits;
    return { type: "send", text: `${TAG}${command}\r\n`, awaits: `answer to ${command}` };
  }
}

const TAG = "h ";
const LOGOUT = `${TAG}LOGOUT\r\n`;
