import type { Accepted } from "../../auth/mod.ts";
import type { Octets } from "../../runtime.ts";
import { breaksLine } from "../../session/line.ts";
import type { UpstreamLogin, UpstreamStep } from "../../session/upstream.ts";
import { NO_PASSWORD } from "../../session/upstream.ts";
import { isTemporary } from "./temporary.ts";

/** The login to a POP3 server: USER and PASS; the answer to PASS is the client's. */
export class Pop3Upstream implements UpstreamLogin {
  readonly #accepted: Accepted;
  readonly #startsTls: boolean;
  #awaits: "greeting" | "startTls" | "user" | "pass" = "greeting";

  constructor(accepted: Accepted, startsTls: boolean) {
    this.#accepted = accepted;
    this.#startsTls = startsTls;
  }

  secured(): UpstreamStep {
    return this.#user();
  }

  line(line: Octets): UpstreamStep {
    if (!isOk(line)) {
      return { type: "refused", text: line, isTemporary: this.#awaits === "greeting" || isTemporary(line) };
    }
    switch (this.#awaits) {
      case "greeting":
        return this.#startsTls ? this.#startTls() : this.#user();
      case "startTls":
        return { type: "secure" };
      case "user":
        this.#awaits = "pass";
        return {
          type: "send",
          text: `PASS ${this.#accepted.secret?.reveal() ?? ""}\r\n`,
          action: "sending password to upstream",
        };
      case "pass":
        return { type: "done", reply: undefined };
    }
  }

  #startTls(): UpstreamStep {
    this.#awaits = "startTls";
    return { type: "send", text: "STLS\r\n", action: "sending STLS to upstream" };
  }

  /** An auth server may have put another name in place of the client's, so both are looked at once more. */
  #user(): UpstreamStep {
    const { login, secret } = this.#accepted;
    if (secret === undefined) return NO_PASSWORD;
    if (breaksLine(login) || breaksLine(secret.reveal())) {
      return { type: "failed", text: "login or password with a line break cannot be sent to a POP3 upstream" };
    }
    this.#awaits = "user";
    return { type: "send", text: `USER ${login}\r\n`, action: "sending user name to upstream" };
  }
}

/** The status indicator is `+OK`, and a blank or nothing follows it (RFC 1939, 3). */
function isOk(line: Octets): boolean {
  return line.startsWith("+OK") && (line.length === 3 || line[3] === " ");
}
