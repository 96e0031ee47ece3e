import type { Octets } from "../../runtime.ts";
import { Capabilities } from "../../session/capabilities.ts";
import type { ClientId } from "../../session/client_id.ts";
import type { UpstreamLogin, UpstreamStep } from "../../session/upstream.ts";
import { WAIT } from "../../session/upstream.ts";
import { isTemporary } from "./temporary.ts";

/**
 * Tells an IMAP server about the client, before another login takes over: by ID (RFC 2971) with the fields that
 * Dovecot reads from proxies it trusts. A server without ID is told nothing.
 */
export class ImapIntroduction implements UpstreamLogin {
  readonly #tag: Octets;
  readonly #id: ClientId;
  readonly #startsTls: boolean;
  readonly #login: UpstreamLogin;
  #awaits: "greeting" | "tls" | "capability" | "id" | "login" = "greeting";
  #capabilities = new Capabilities();
  /** How the login goes on once the server knows. */
  #goOn: () => UpstreamStep = () => WAIT;

  constructor(
    login: UpstreamLogin,
    options: { readonly tag: Octets; readonly id: ClientId; readonly startsTls: boolean },
  ) {
    this.#login = login;
    this.#tag = options.tag;
    this.#id = options.id;
    this.#startsTls = options.startsTls;
  }

  line(line: Octets): UpstreamStep {
    switch (this.#awaits) {
      case "greeting":
        return this.#greeting(line);
      case "capability":
        return this.#capability(line);
      case "id":
        return this.#introduced(line);
      default:
        return this.#login.line(line);
    }
  }

  secured(): UpstreamStep {
    this.#goOn = () => this.#login.secured();
    return this.#askCapability();
  }

  respond(response: Octets): UpstreamStep {
    return this.#login.respond?.(response) ?? { type: "failed", text: "nobody asked the client" };
  }

  #greeting(line: Octets): UpstreamStep {
    // A proxy that leads to itself would go on until there is nothing left to go on with.
    if (this.#id.hops < 0) {
      return { type: "failed", text: "too many proxies before this one: do they lead in a circle?" };
    }
    const isGood = /^\* OK(?: |$)/i.test(line);
    if (!isGood || this.#startsTls) {
      this.#awaits = "tls";
      return this.#login.line(line);
    }
    this.#goOn = () => this.#login.line(line);
    const [, words] = /\[CAPABILITY ([^\]]*)\]/i.exec(line) ?? [];
    if (words === undefined) return this.#askCapability();
    this.#capabilities.add(words.split(" "));
    return this.#introduce();
  }

  #askCapability(): UpstreamStep {
    this.#capabilities = new Capabilities();
    this.#awaits = "capability";
    return { type: "send", text: `${this.#tag} CAPABILITY\r\n`, action: "sending CAPABILITY to upstream" };
  }

  #capability(line: Octets): UpstreamStep {
    if (/^\* CAPABILITY /i.test(line)) this.#capabilities.add(line.slice("* CAPABILITY ".length).split(" "));
    if (!line.startsWith(`${this.#tag} `)) return this.#untagged(line);
    return this.#introduce();
  }

  #introduce(): UpstreamStep {
    if (!this.#capabilities.has("ID")) return this.#takeOver();
    this.#awaits = "id";
    return { type: "send", text: `${this.#tag} ID (${fields(this.#id)})\r\n`, action: "sending ID to upstream" };
  }

  /** Whatever the server makes of it, the login follows. */
  #introduced(line: Octets): UpstreamStep {
    const isReply = line.startsWith(`${this.#tag} `) || /^\* BAD(?: |$)/i.test(line);
    return isReply ? this.#takeOver() : this.#untagged(line);
  }

  #untagged(line: Octets): UpstreamStep {
    const isReply = /^\* (?:BYE|BAD)(?: |$)/i.test(line);
    return isReply ? { type: "refused", text: line, isTemporary: isTemporary(line) } : WAIT;
  }

  #takeOver(): UpstreamStep {
    this.#awaits = "login";
    return this.#goOn();
  }
}

/** How many proxies a client's ID says may still follow; `undefined` when it says nothing of that. */
export function hopsIn(list: Octets): number | undefined {
  const [, hops] = /"x-proxy-ttl" +"(\d{1,3})"/i.exec(list) ?? [];
  return hops === undefined ? undefined : Number(hops);
}

/** Unix sockets have neither address nor port to tell. */
function fields({ client, server, session, hops }: ClientId): Octets {
  const pairs: [string, string | number][] = [];
  if (client.family !== "unix") pairs.push(["x-originating-ip", client.host], ["x-originating-port", client.port]);
  if (server.family !== "unix") pairs.push(["x-connected-ip", server.host], ["x-connected-port", server.port]);
  pairs.push(["x-session-id", session], ["x-proxy-ttl", hops]);
  return pairs.map(([name, value]) => `"${name}" "${value}"`).join(" ");
}
