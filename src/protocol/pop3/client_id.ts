import type { Octets } from "../../runtime.ts";
import type { ClientId } from "../../session/client_id.ts";
import type { UpstreamLogin, UpstreamStep } from "../../session/upstream.ts";

/**
 * Tells a POP3 server about the client, before another login takes over: by Dovecot's XCLIENT, to a server that offers
 * it in its greeting. Any other is told nothing.
 */
export class Pop3Introduction implements UpstreamLogin {
  readonly #id: ClientId;
  readonly #startsTls: boolean;
  readonly #login: UpstreamLogin;
  #awaits: "greeting" | "xclient" | "login" = "greeting";
  #isOffered = false;
  #goOn: () => UpstreamStep = () => this.#login.secured();

  constructor(login: UpstreamLogin, options: { readonly id: ClientId; readonly startsTls: boolean }) {
    this.#login = login;
    this.#id = options.id;
    this.#startsTls = options.startsTls;
  }

  line(line: Octets): UpstreamStep {
    if (this.#awaits === "greeting") return this.#greeting(line);
    if (this.#awaits === "login") return this.#login.line(line);
    // Whatever the server makes of it, the login follows.
    this.#awaits = "login";
    return this.#goOn();
  }

  secured(): UpstreamStep {
    return this.#isOffered ? this.#introduce() : this.#login.secured();
  }

  respond(response: Octets): UpstreamStep {
    return this.#login.respond?.(response) ?? { type: "failed", text: "nobody asked the client" };
  }

  #greeting(line: Octets): UpstreamStep {
    this.#isOffered = /^\+OK \[XCLIENT\]/i.test(line);
    if (this.#isOffered && !this.#startsTls) {
      this.#goOn = () => this.#login.line(line);
      return this.#introduce();
    }
    this.#awaits = "login";
    return this.#login.line(line);
  }

  #introduce(): UpstreamStep {
    this.#awaits = "xclient";
    const { client, session, hops } = this.#id;
    const address = client.family === "unix" ? "" : ` ADDR=${client.host} PORT=${client.port}`;
    const text = `XCLIENT${address} SESSION=${session} TTL=${hops}\r\n`;
    return { type: "send", text, action: "sending XCLIENT to upstream" };
  }
}
