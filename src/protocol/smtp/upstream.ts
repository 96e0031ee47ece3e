import type { Accepted } from "../../auth/mod.ts";
import type { Octets, SocketAddress } from "../../runtime.ts";
import { toBase64 } from "../../session/base64.ts";
import { breaksLine } from "../../session/line.ts";
import type { UpstreamLogin, UpstreamStep } from "../../session/upstream.ts";
import { NO_PASSWORD, WAIT } from "../../session/upstream.ts";
import { AUTHENTICATED } from "./reply.ts";
import type { SmtpReplay } from "./replay.ts";
import { isTemporary } from "./temporary.ts";

/** What the login to an SMTP server depends on. */
export interface SmtpUpstreamOptions {
  readonly accepted: Accepted;
  readonly serverName: Octets;
  /** Who the client is, when the server is to be told so. `host` is its verified name or `[UNAVAILABLE]`. */
  readonly xclient: { readonly client: SocketAddress; readonly host: Octets } | undefined;
  /** Whether XCLIENT is said only to a server that offers it; nginx says it to any. */
  readonly isXclientOptional: boolean;
  readonly smtpAuth: boolean;
  /** How the client's login is said again to a server that is the one to check it. */
  readonly replay: SmtpReplay | undefined;
  /** Whether the server is asked for TLS first. */
  readonly startsTls: boolean;
  /** The name the client gave in HELO or EHLO, empty when it gave none. */
  readonly helo: Octets;
  /** Whether the client said EHLO. */
  readonly isExtended: boolean;
  /** The client's MAIL and RCPT lines, when it has not logged in. */
  readonly mail: { readonly from: Octets; readonly to: Octets } | undefined;
}

type Stage = "greeting" | "clearHello" | "startTls" | "hello" | "xclient" | "clientHello" | "auth" | "mail" | "rcpt";

/**
 * The login to an SMTP server: greeting, EHLO, XCLIENT, the client's own EHLO, and then AUTH, or MAIL and RCPT, or
 * nothing more. Each stage waits for the reply to what it said.
 */
export class SmtpUpstream implements UpstreamLogin {
  readonly #options: SmtpUpstreamOptions;
  #stage: Stage = "greeting";
  #offersTls = false;
  #offersXclient = false;

  constructor(options: SmtpUpstreamOptions) {
    this.#options = options;
  }

  line(line: Octets): UpstreamStep {
    const { replay } = this.#options;
    if (!isReplyLine(line)) return { type: "refused", text: line };
    if (this.#stage === "clearHello" && isStartTls(line.slice(4))) this.#offersTls = true;
    if (this.#stage === "hello" || this.#stage === "clientHello") this.#learn(line.slice(4));
    if (line[3] === "-") return WAIT;
    if (this.#stage === "auth" && replay !== undefined) return this.#replayed(line, replay);
    if (this.#stage !== "rcpt" && !EXPECTED[this.#stage].includes(line.slice(0, 3))) {
      return { type: "refused", text: line, isTemporary: this.#stage === "greeting" || isTemporary(line) };
    }
    return this.#next();
  }

  #learn(ehloLine: Octets): void {
    if (/^XCLIENT(?: |$)/i.test(ehloLine)) this.#offersXclient = true;
    this.#options.replay?.learn(ehloLine);
  }

  #introduce(): UpstreamStep {
    const { xclient, isXclientOptional } = this.#options;
    const isWanted = xclient !== undefined && (this.#offersXclient || !isXclientOptional);
    return isWanted ? this.#xclient(xclient) : this.#transact();
  }

  #replayed(line: Octets, replay: SmtpReplay): UpstreamStep {
    if (line.startsWith("334")) return replay.challenge(line.slice(4));
    return line.startsWith("235") ? DONE : replay.verdict(line);
  }

  respond(response: Octets): UpstreamStep {
    return { type: "send", text: `${response}\r\n`, action: "sending client's response to upstream" };
  }

  #next(): UpstreamStep {
    const { helo, mail } = this.#options;
    switch (this.#stage) {
      case "greeting":
        return this.#options.startsTls ? this.#clearHello() : this.#hello();
      case "clearHello":
        if (this.#offersTls) return this.#say("startTls", "STARTTLS", "sending STARTTLS to upstream");
        return { type: "unusable", text: "upstream does not offer STARTTLS" };
      case "startTls":
        return { type: "secure" };
      case "hello":
        return this.#introduce();
      case "xclient":
        return helo === "" ? this.#transact() : this.#clientHello(helo);
      case "clientHello":
        return this.#transact();
      case "auth":
        return DONE;
      case "mail":
        return this.#say("rcpt", mail?.to ?? "", "sending RCPT TO to upstream");
      case "rcpt":
        // Whatever the server thinks of the recipient, the client is to hear it from the server.
        return { type: "done", reply: undefined };
    }
  }

  secured(): UpstreamStep {
    return this.#hello();
  }

  /** What it says of itself in clear counts for this alone: whether TLS is to be had. */
  #clearHello(): UpstreamStep {
    return this.#say("clearHello", `EHLO ${this.#options.serverName}`, "sending HELO/EHLO to upstream");
  }

  #hello(): UpstreamStep {
    const { xclient, isExtended, serverName, replay } = this.#options;
    replay?.greets();
    const verb = xclient !== undefined || isExtended || replay !== undefined ? "EHLO" : "HELO";
    return this.#say("hello", `${verb} ${serverName}`, "sending HELO/EHLO to upstream");
  }

  #clientHello(helo: Octets): UpstreamStep {
    const { replay } = this.#options;
    replay?.greets();
    const verb = this.#options.isExtended || replay !== undefined ? "EHLO" : "HELO";
    return this.#say("clientHello", `${verb} ${helo}`, "sending client HELO/EHLO to upstream");
  }

  #xclient(xclient: { readonly client: SocketAddress; readonly host: Octets }): UpstreamStep {
    const { accepted, smtpAuth } = this.#options;
    const isToLogIn = smtpAuth || this.#options.replay !== undefined;
    const login = accepted.login === "" || isToLogIn ? "" : ` LOGIN=${xtext(accepted.login)}`;
    const command = `XCLIENT ADDR=${xclientAddress(xclient.client)}${login} NAME=${xclient.host}`;
    return this.#say("xclient", command, "sending XCLIENT to upstream");
  }

  /** What is left to do once the greetings are over. */
  #transact(): UpstreamStep {
    const { mail, smtpAuth, accepted, replay } = this.#options;
    if (mail) return this.#say("mail", mail.from, "sending MAIL FROM to upstream");
    if (replay !== undefined) return this.#replay(replay);
    if (!smtpAuth) return DONE;
    if (accepted.secret === undefined) return NO_PASSWORD;
    const message = toBase64(`\0${accepted.login}\0${accepted.secret.reveal()}`);
    return this.#say("auth", `AUTH PLAIN ${message}`, "sending AUTH to upstream");
  }

  #replay(replay: SmtpReplay): UpstreamStep {
    const said = replay.command();
    if ("problem" in said) return { type: "unusable", text: said.problem };
    return this.#say("auth", said.command, "sending AUTH to upstream");
  }

  #say(stage: Stage, command: Octets, action: string): UpstreamStep {
    if (breaksLine(command)) {
      return { type: "failed", text: `${action}: value with a line break cannot be sent to an SMTP upstream` };
    }
    this.#stage = stage;
    return { type: "send", text: `${command}\r\n`, action };
  }
}

const DONE: UpstreamStep = { type: "done", reply: AUTHENTICATED };

/** The reply codes that let each stage go on. A server may greet anew after XCLIENT. */
const EXPECTED: Readonly<Record<Exclude<Stage, "rcpt">, readonly string[]>> = {
  greeting: ["220"],
  clearHello: ["250"],
  startTls: ["220"],
  hello: ["250"],
  xclient: ["220", "250"],
  clientHello: ["250"],
  auth: ["235"],
  mail: ["250"],
};

/** Three digits, then a blank, a hyphen or nothing (RFC 5321, 4.2). */
function isReplyLine(line: Octets): boolean {
  for (let i = 0; i < 3; i++) {
    const octet = line.charCodeAt(i);
    if (!(octet >= 0x30 && octet <= 0x39)) return false;
  }
  return line.length === 3 || line[3] === " " || line[3] === "-";
}

function isStartTls(ehloLine: Octets): boolean {
  return ehloLine.trimEnd().toUpperCase() === "STARTTLS";
}

function xclientAddress(client: SocketAddress): Octets {
  switch (client.family) {
    case 4:
      return client.host;
    case 6:
      return `IPV6:${client.host}`;
    case "unix":
      return "unix:";
  }
}

/** The xtext of RFC 3461, 4: what could end or split an attribute becomes `+XX`. */
function xtext(octets: Octets): Octets {
  let text = "";
  for (let i = 0; i < octets.length; i++) {
    const octet = octets.charCodeAt(i);
    const isPlain = octet > 0x20 && octet < 0x7f && octet !== 0x2b && octet !== 0x3d;
    text += isPlain ? octets[i] : `+${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return text;
}
