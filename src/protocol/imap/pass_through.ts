import type { Octets } from "../../runtime.ts";
import { Capabilities } from "../../session/capabilities.ts";
import type { UpstreamLogin, UpstreamStep } from "../../session/upstream.ts";
import { WAIT } from "../../session/upstream.ts";
import { chooseSaslClient, type SaslClient } from "../sasl/client.ts";
import type { Proof } from "../sasl/mod.ts";
import { otherFault } from "./other_fault.ts";
import { isTemporary } from "./temporary.ts";

/** What the login depends on. */
export interface ImapPassThroughOptions {
  /** The client's own, so that the server's answer is the client's. */
  readonly tag: Octets;
  readonly proof: Proof;
  readonly startsTls: boolean;
}

type Await = "greeting" | "startTls" | "capability" | "authenticate" | "loginLiteral" | "passwordLiteral" | "login";

/**
 * The login to an IMAP server that is the one to check it: by what this server has (RFC 9051, 6.2). Its refusal is the
 * client's.
 */
export class ImapPassThrough implements UpstreamLogin {
  readonly #options: ImapPassThroughOptions;
  #awaits: Await = "greeting";
  #capabilities = new Capabilities();
  #isKnown = false;
  #client: SaslClient | undefined;
  #saslError: Octets | undefined;

  constructor(options: ImapPassThroughOptions) {
    this.#options = options;
  }

  line(line: Octets): UpstreamStep {
    const { tag } = this.#options;
    if (this.#awaits === "greeting") return this.#greeting(line);
    if (line.startsWith("+")) return this.#continuation(line.slice(1).trimStart());
    if (line.startsWith("* ")) return this.#untagged(line.slice(2));
    if (!line.startsWith(`${tag} `)) return { type: "refused", text: line };
    return this.#completion(line.slice(tag.length + 1));
  }

  /** What was said in clear may have been said by anybody (RFC 9051, 6.2.1). */
  secured(): UpstreamStep {
    this.#capabilities = new Capabilities();
    this.#isKnown = false;
    return this.#askCapability();
  }

  respond(response: Octets): UpstreamStep {
    return { type: "send", text: `${response}\r\n`, action: "sending client's response to upstream" };
  }

  /** PREAUTH is refused: it would put the client into somebody else's session. */
  #greeting(line: Octets): UpstreamStep {
    if (!/^\* OK(?: |$)/i.test(line)) return { type: "refused", text: line, isTemporary: isTemporary(line) };
    if (this.#options.startsTls) return this.#say("startTls", "STARTTLS", "sending STARTTLS to upstream");
    this.#learn(line.slice("* OK ".length));
    return this.#isKnown ? this.#login() : this.#askCapability();
  }

  #askCapability(): UpstreamStep {
    return this.#say("capability", "CAPABILITY", "sending CAPABILITY to upstream");
  }

  /** Learns from `CAPABILITY …` or `[CAPABILITY …] text`. */
  #learn(text: Octets): void {
    const [, words] = /^\[?CAPABILITY ([^\]\r\n]*)/i.exec(text) ?? [];
    if (words === undefined) return;
    const all = words.split(" ");
    this.#capabilities.add(all);
    this.#capabilities.addMechanisms(all.filter((word) => /^AUTH=/i.test(word)).map((word) => word.slice(5)));
    this.#isKnown = true;
  }

  #untagged(text: Octets): UpstreamStep {
    // A server that could not tell whose reply it is sends no other (RFC 9051, 7.1.3).
    if (/^(?:BYE|BAD)(?: |$)/i.test(text)) {
      return { type: "refused", text: `* ${text}`, isTemporary: isTemporary(text) };
    }
    if (this.#awaits === "capability") this.#learn(text);
    return WAIT;
  }

  #completion(text: Octets): UpstreamStep {
    const isOk = /^OK(?: |$)/i.test(text);
    switch (this.#awaits) {
      case "startTls":
        return isOk ? { type: "secure" } : { type: "refused", text };
      case "capability":
        return isOk ? this.#login() : { type: "refused", text };
      default:
        return isOk ? { type: "done", reply: undefined } : this.#refused(text);
    }
  }

  #refused(text: Octets): UpstreamStep {
    const [, words = ""] = /^NO(?: (.*))?$/i.exec(text) ?? [];
    if (!/^NO(?: |$)/i.test(text) || isTemporary(text)) {
      return { type: "refused", text, isTemporary: isTemporary(text) };
    }
    const refusal = { text: words, smtpCode: undefined, saslError: this.#saslError, otherFault: otherFault(words) };
    return { type: "refused", text, refusal };
  }

  #login(): UpstreamStep {
    const { proof } = this.#options;
    const has = this.#capabilities.hasMechanism;
    this.#client = chooseSaslClient(proof, has);
    if (this.#client !== undefined && (proof.method !== "plain" || has("PLAIN"))) {
      return this.#authenticate(this.#client);
    }
    if (proof.method === "plain" && !this.#capabilities.has("LOGINDISABLED")) {
      const text = `LOGIN {${proof.login.length}}`;
      return this.#say("loginLiteral", text, "sending LOGIN command to upstream");
    }
    const method = proof.method === "plain" ? "a password" : proof.method.toUpperCase();
    const offered = this.#capabilities.describeMechanisms();
    return { type: "unusable", text: `upstream does not take ${method}, its mechanisms: ${offered}` };
  }

  #authenticate(client: SaslClient): UpstreamStep {
    const { mechanism, initialResponse } = client;
    const action = "sending AUTHENTICATE to upstream";
    if (initialResponse === undefined || !this.#capabilities.has("SASL-IR")) {
      return this.#say("authenticate", `AUTHENTICATE ${mechanism}`, action);
    }
    // RFC 4959, 3: an empty response is written so.
    client.answer("");
    return this.#say(
      "authenticate",
      `AUTHENTICATE ${mechanism} ${initialResponse === "" ? "=" : initialResponse}`,
      action,
    );
  }

  #continuation(challenge: Octets): UpstreamStep {
    const { proof } = this.#options;
    switch (this.#awaits) {
      case "loginLiteral":
        this.#awaits = "passwordLiteral";
        return this.#literal(`${proof.login} {${proof.secret.length}}`, "sending user name to upstream");
      case "passwordLiteral":
        this.#awaits = "login";
        return this.#literal(proof.secret.reveal(), "sending password to upstream");
      case "authenticate":
        return this.#answer(challenge);
      default:
        return { type: "refused", text: "+" };
    }
  }

  #literal(text: Octets, action: string): UpstreamStep {
    return { type: "send", text: `${text}\r\n`, action };
  }

  #answer(challenge: Octets): UpstreamStep {
    const answer = this.#client?.answer(challenge) ?? { type: "unexpected" };
    switch (answer.type) {
      case "respond":
        return { type: "send", text: `${answer.text}\r\n`, action: "sending response to upstream" };
      case "relay":
        return { type: "challenge", text: challenge };
      case "error":
        this.#saslError = challenge;
        return { type: "send", text: `${answer.text}\r\n`, action: "sending response to upstream" };
      case "unexpected":
        return { type: "unusable", text: "upstream sent an unexpected challenge" };
    }
  }

  #say(awaits: Await, command: Octets, action: string): UpstreamStep {
    this.#awaits = awaits;
    return { type: "send", text: `${this.#options.tag} ${command}\r\n`, action };
  }
}
