import type { Octets } from "../../runtime.ts";
import { Capabilities } from "../../session/capabilities.ts";
import type { UpstreamStep } from "../../session/upstream.ts";
import { chooseSaslClient, type SaslClient } from "../sasl/client.ts";
import type { Proof } from "../sasl/mod.ts";
import { ACCOUNT_DISABLED } from "./reply.ts";
import { isTemporary } from "./temporary.ts";

/** The AUTH to an SMTP server that is the one to check the login (RFC 4954), by what it said in its last EHLO reply. */
export class SmtpReplay {
  readonly #proof: Proof;
  #capabilities = new Capabilities();
  #client: SaslClient | undefined;
  #saslError: Octets | undefined;

  constructor(proof: Proof) {
    this.#proof = proof;
  }

  /** An EHLO was sent: what was learnt before counts no more. */
  greets(): void {
    this.#capabilities = new Capabilities();
  }

  /** Learns from a line of the EHLO reply, without its code. Old servers write `AUTH=…` too. */
  learn(line: Octets): void {
    const [, words] = /^AUTH[ =](.*)$/i.exec(line) ?? [];
    if (words !== undefined) this.#capabilities.addMechanisms(words.split(" "));
  }

  /** The command, or why there is none. */
  command(): { readonly command: Octets } | { readonly problem: Octets } {
    this.#client = chooseSaslClient(this.#proof, this.#capabilities.hasMechanism);
    if (this.#client === undefined) {
      const { method } = this.#proof;
      const what = method === "plain" ? "a password" : method.toUpperCase();
      return { problem: `upstream does not take ${what}, its mechanisms: ${this.#capabilities.describeMechanisms()}` };
    }
    const { mechanism, initialResponse } = this.#client;
    // RFC 4954, 4: a command with its response has at most 12,288 octets; a longer one is asked for.
    if (initialResponse === undefined || initialResponse.length > LONGEST) return { command: `AUTH ${mechanism}` };
    this.#client.answer("");
    return { command: `AUTH ${mechanism} ${initialResponse === "" ? "=" : initialResponse}` };
  }

  /** Takes `334 CHALLENGE`. */
  challenge(challenge: Octets): UpstreamStep {
    const answer = this.#client?.answer(challenge);
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

  /** What a reply to AUTH that is no success means. */
  verdict(line: Octets): UpstreamStep {
    const code = line.slice(0, 3);
    const isAboutLogin = code.startsWith("5") && !ABOUT_THE_WAY.includes(code);
    if (!isAboutLogin) return { type: "refused", text: line, isTemporary: isTemporary(line) };
    const [, smtpCode, text = ""] = /^(\d{3}(?: \d\.\d{1,3}\.\d{1,3})?) ?(.*)$/.exec(line) ?? [];
    const otherFault = code === "525" ? ACCOUNT_DISABLED : undefined;
    return { type: "refused", text: line, refusal: { text, smtpCode, saslError: this.#saslError, otherFault } };
  }
}

const LONGEST = 12_000;
/**
 * What a server says that does not take such a command at all, or not without TLS (RFC 5321, 4.2.3; RFC 4954, 6; RFC
 * 5248, 2.4): no client could do anything about that, but the operator can.
 */
const ABOUT_THE_WAY = ["502", "503", "504", "523", "524", "530", "538"];
