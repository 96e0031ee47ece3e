import type { Accepted } from "../../auth/mod.ts";
import type { Octets } from "../../runtime.ts";
import { capitals } from "../../session/line.ts";
import type { UpstreamLogin, UpstreamStep } from "../../session/upstream.ts";
import { NO_PASSWORD, WAIT } from "../../session/upstream.ts";
import { isTemporary } from "./temporary.ts";

type Await = "greeting" | "startTls" | "loginLiteral" | "passwordLiteral" | "completion";

/**
 * The login to an IMAP server, under the client's own tag, so that the server's answer is the client's. Login and
 * password go as synchronizing literals, which every server takes and which need no quoting.
 */
export class ImapUpstream implements UpstreamLogin {
  readonly #tag: Octets;
  readonly #accepted: Accepted;
  #awaits: Await = "greeting";

  readonly #startsTls: boolean;

  constructor(tag: Octets, accepted: Accepted, startsTls: boolean) {
    this.#tag = tag;
    this.#accepted = accepted;
    this.#startsTls = startsTls;
  }

  secured(): UpstreamStep {
    return this.#login();
  }

  line(line: Octets): UpstreamStep {
    switch (this.#awaits) {
      case "greeting":
        return this.#greeting(line);
      case "startTls":
        return this.#startTls(line);
      case "loginLiteral":
        return this.#continuation(line, "passwordLiteral", () => this.#loginLine(), "sending user name to upstream");
      case "passwordLiteral":
        return this.#continuation(line, "completion", () => this.#passwordLine(), "sending password to upstream");
      case "completion":
        return this.#completion(line);
    }
  }

  /**
   * PREAUTH is refused: it would put the client into somebody else's session. Whatever else is said here is not about
   * this client.
   */
  #greeting(line: Octets): UpstreamStep {
    if (!isWord(line, "* ", "OK")) return { type: "refused", text: line, isTemporary: true };
    if (!this.#startsTls) return this.#login();
    this.#awaits = "startTls";
    return { type: "send", text: `${this.#tag} STARTTLS\r\n`, action: "sending STARTTLS to upstream" };
  }

  #startTls(line: Octets): UpstreamStep {
    if (isWord(line, `${this.#tag} `, "OK")) return { type: "secure" };
    return isUntagged(line) ? WAIT : this.#refused(line);
  }

  #login(): UpstreamStep {
    if (this.#accepted.secret === undefined) return NO_PASSWORD;
    this.#awaits = "loginLiteral";
    const text = `${this.#tag} LOGIN {${this.#accepted.login.length}}\r\n`;
    return { type: "send", text, action: "sending LOGIN command to upstream" };
  }

  #continuation(line: Octets, next: Await, text: () => Octets, action: string): UpstreamStep {
    if (line.startsWith("+")) {
      this.#awaits = next;
      return { type: "send", text: text(), action };
    }
    return isUntagged(line) ? WAIT : this.#refused(line);
  }

  #loginLine(): Octets {
    return `${this.#accepted.login} {${this.#accepted.secret?.length ?? 0}}\r\n`;
  }

  #passwordLine(): Octets {
    return `${this.#accepted.secret?.reveal() ?? ""}\r\n`;
  }

  /** Untagged lines, such as the CAPABILITY that belongs to the login, reach the client with the answer. */
  #completion(line: Octets): UpstreamStep {
    if (isWord(line, `${this.#tag} `, "OK")) return { type: "done", reply: undefined };
    return isUntagged(line) ? WAIT : this.#refused(line);
  }

  #refused(line: Octets): UpstreamStep {
    const tag = `${this.#tag} `;
    const text = line.startsWith(tag) ? line.slice(tag.length) : line;
    return { type: "refused", text, isTemporary: isTemporary(text) };
  }
}

function isWord(line: Octets, prefix: Octets, word: Octets): boolean {
  if (!line.startsWith(prefix)) return false;
  const end = prefix.length + word.length;
  const next = line[end];
  return capitals(line.slice(prefix.length, end)) === word && (next === undefined || next === " ");
}

/**
 * A BYE ends the conversation, and a BAD stands for the reply of a server that could not tell whose it is (RFC 9051,
 * 7.1.3); everything else without a tag only informs.
 */
function isUntagged(line: Octets): boolean {
  return line.startsWith("* ") && !isWord(line, "* ", "BYE") && !isWord(line, "* ", "BAD");
}
