import type { Octets } from "../../runtime.ts";
import { Capabilities } from "../../session/capabilities.ts";
import { breaksLine } from "../../session/line.ts";
import type { UpstreamLogin, UpstreamRefusal, UpstreamStep } from "../../session/upstream.ts";
import { WAIT } from "../../session/upstream.ts";
import { chooseSaslClient, type SaslClient } from "../sasl/client.ts";
import type { Proof } from "../sasl/mod.ts";
import { otherFault } from "./other_fault.ts";
import { isTemporary } from "./temporary.ts";

/** What the login depends on. */
export interface Pop3PassThroughOptions {
  readonly proof: Proof;
  readonly startsTls: boolean;
}

type Await = "greeting" | "startTls" | "capa" | "capabilities" | "auth" | "user" | "pass";

/**
 * The login to a POP3 server that is the one to check it: by USER and PASS where it has them, else by SASL (RFC 5034).
 * Its refusal is the client's.
 */
export class Pop3PassThrough implements UpstreamLogin {
  readonly #options: Pop3PassThroughOptions;
  #awaits: Await = "greeting";
  #capabilities = new Capabilities();
  #client: SaslClient | undefined;
  #saslError: Octets | undefined;

  constructor(options: Pop3PassThroughOptions) {
    this.#options = options;
  }

  line(line: Octets): UpstreamStep {
    if (this.#awaits === "capabilities") return this.#capability(line);
    if (line.startsWith("+ ") || line === "+") return this.#challenge(line.slice(2));
    const isOk = /^\+OK(?: |$)/.test(line);
    switch (this.#awaits) {
      case "greeting":
        if (!isOk) return refused(line);
        return this.#options.startsTls ? this.#say("startTls", "STLS", "sending STLS to upstream") : this.#askCapa();
      case "startTls":
        return isOk ? { type: "secure" } : refused(line);
      case "capa":
        // A server without CAPA (RFC 2449) has USER and PASS.
        if (!isOk) return this.#login(true);
        this.#awaits = "capabilities";
        return WAIT;
      case "user":
        if (!isOk) return this.#verdict(line);
        return this.#say("pass", `PASS ${this.#options.proof.secret.reveal()}`, "sending password to upstream");
      default:
        return isOk ? { type: "done", reply: undefined } : this.#verdict(line);
    }
  }

  /** What was said in clear may have been said by anybody (RFC 2595, 4). */
  secured(): UpstreamStep {
    return this.#askCapa();
  }

  respond(response: Octets): UpstreamStep {
    return { type: "send", text: `${response}\r\n`, action: "sending client's response to upstream" };
  }

  #askCapa(): UpstreamStep {
    this.#capabilities = new Capabilities();
    return this.#say("capa", "CAPA", "sending CAPA to upstream");
  }

  #capability(line: Octets): UpstreamStep {
    if (line === ".") return this.#login(this.#capabilities.has("USER"));
    const [name = "", ...words] = line.split(" ");
    this.#capabilities.add([name]);
    if (name.toUpperCase() === "SASL") this.#capabilities.addMechanisms(words);
    return WAIT;
  }

  #login(hasUser: boolean): UpstreamStep {
    const { proof } = this.#options;
    if (proof.method === "plain" && hasUser && proof.message === undefined) return this.#user(proof.login);
    this.#client = chooseSaslClient(proof, this.#capabilities.hasMechanism);
    if (this.#client !== undefined) {
      return this.#say("auth", `AUTH ${this.#client.mechanism}`, "sending AUTH to upstream");
    }
    if (proof.method === "plain" && hasUser) return this.#user(proof.login);
    const method = proof.method === "plain" ? "a password" : proof.method.toUpperCase();
    const offered = this.#capabilities.describeMechanisms();
    return { type: "unusable", text: `upstream does not take ${method}, its mechanisms: ${offered}` };
  }

  #user(login: Octets): UpstreamStep {
    if (breaksLine(login) || breaksLine(this.#options.proof.secret.reveal())) {
      return { type: "failed", text: "login or password with a line break cannot be sent to a POP3 upstream" };
    }
    return this.#say("user", `USER ${login}`, "sending user name to upstream");
  }

  #challenge(challenge: Octets): UpstreamStep {
    const answer = this.#awaits === "auth" ? this.#client?.answer(challenge) : undefined;
    switch (answer?.type) {
      case "error":
        this.#saslError = challenge;
        return { type: "send", text: `${answer.text}\r\n`, action: "sending response to upstream" };
      case "respond":
        return { type: "send", text: `${answer.text}\r\n`, action: "sending response to upstream" };
      case "relay":
        return { type: "challenge", text: challenge };
      default:
        return { type: "unusable", text: "upstream sent an unexpected challenge" };
    }
  }

  #verdict(line: Octets): UpstreamStep {
    if (!/^-ERR(?: |$)/.test(line) || isTemporary(line)) return refused(line);
    return { type: "refused", text: line, refusal: refusalOf(line, this.#saslError) };
  }

  #say(awaits: Await, command: Octets, action: string): UpstreamStep {
    this.#awaits = awaits;
    return { type: "send", text: `${command}\r\n`, action };
  }
}

function refused(line: Octets): UpstreamStep {
  return { type: "refused", text: line, isTemporary: isTemporary(line) };
}

/** A server's `-ERR` to a login, as the client is to hear it. */
export function refusalOf(line: Octets, saslError?: Octets): UpstreamRefusal {
  const text = line.slice("-ERR ".length);
  return { text, smtpCode: undefined, saslError, otherFault: otherFault(text) };
}
