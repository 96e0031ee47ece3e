/**
 * IMAP (RFC 9051) in the not-authenticated state: what a client may say before it is logged in.
 *
 * @module
 */

import type { Accepted, Refused } from "../../auth/mod.ts";
import type { Octets } from "../../runtime.ts";
import { type ByTls, byTls } from "../../session/by_tls.ts";
import type { LoginOptions } from "../../session/login.ts";
import { LoginSession } from "../../session/login.ts";
import { Secret } from "../../session/secret.ts";
import { MOST_HOPS } from "../../session/client_id.ts";
import type { UpstreamLogin } from "../../session/upstream.ts";
import { ImapWatch } from "./between_replies.ts";
import type { ImapParse } from "./command.ts";
import { parseImapCommand, tagOf } from "./command.ts";
import { hopsIn, ImapIntroduction } from "./client_id.ts";
import * as reply from "./reply.ts";
import { ImapPassThrough } from "./pass_through.ts";
import { ImapUpstream } from "./upstream.ts";

export interface ImapOptions extends LoginOptions {
  /** The whole untagged CAPABILITY replies, in clear and over TLS, see `capability.ts`. */
  readonly capability: ByTls<Octets>;
}

type ImapCommand = Extract<ImapParse, { type: "command" }>;

/** One IMAP client on its way to its server. */
export class ImapSession extends LoginSession<ImapOptions> {
  protected readonly protocol = "imap";
  protected readonly greeting = reply.GREETING;
  protected readonly challengePrefix = "+ ";
  protected readonly loginFailed = reply.LOGIN_FAILED;
  protected readonly limitReached = reply.LIMIT_REACHED;
  /** Of the command under way; forgotten with it, so that no later reply carries it. */
  #tag: Octets | undefined;
  /** Where the literal ends that the client was told to send. */
  #announced = 0;
  /** How many proxies may still come, this one included: a client that is a proxy says so in its ID. */
  #hops = MOST_HOPS;

  protected command(): boolean {
    const parse = parseImapCommand(this.input, this.options.clientBuffer, this.#announced);
    switch (parse.type) {
      case "more":
        // A full buffer ends the session, but the reply still names the command.
        if (this.input.length >= this.options.clientBuffer) this.#tag = tagOf(this.input);
        return false;
      case "literal":
        this.#announced = parse.end;
        this.say(reply.CONTINUE);
        return true;
      case "invalid":
        this.#consume(parse.length, parse.tag);
        this.unparsable();
        if (parse.isFollowedByLiteral && this.phase !== "over") this.close("protocolError");
        return true;
      case "command":
        this.#consume(parse.length, parse.tag);
        if (this.isAllowed()) this.#obey(parse);
        return true;
    }
  }

  #consume(length: number, tag: Octets | undefined): void {
    this.input.consume(length);
    this.#announced = 0;
    this.#tag = tag;
  }

  #obey(command: ImapCommand): void {
    switch (command.word) {
      case "CAPABILITY":
        return this.say(byTls(this.options.capability, this.isSecure) + reply.completed(command.tag));
      case "ID":
        this.#hops = hopsIn(command.args[0] ?? "") ?? this.#hops;
        return this.say(reply.NO_ID + reply.completed(command.tag));
      case "NOOP":
        return this.say(reply.completed(command.tag));
      case "LOGOUT":
        this.say(reply.BYE + reply.completed(command.tag));
        return this.close("quit");
      case "LOGIN":
        return this.#mayLogIn(command) ? this.#login(command.args) : this.misuse();
      case "AUTHENTICATE":
        return this.#mayLogIn(command) ? this.startSasl(command.args) : this.misuse();
      case "STARTTLS":
        return this.startTls();
    }
  }

  /** No server answers a login under an empty tag (RFC 9051, 9: one octet at least). */
  #mayLogIn({ tag }: ImapCommand): boolean {
    return !this.mustSecure && tag !== "";
  }

  #login(args: readonly Octets[]): void {
    const [login, password] = args;
    if (args.length !== 2 || password === undefined || !login) return this.misuse();
    this.logIn({ method: "plain", login, secret: new Secret(password), salt: undefined });
  }

  protected commandName(): Octets {
    const start = this.input.text(0, Math.min(this.input.length, LONGEST_NAME));
    return start.split(" ", 2).join(" ").split("\r")[0] ?? "";
  }

  protected reset(): void {
    this.#tag = undefined;
  }

  /** Nobody in clear says how many proxies there are. */
  protected override forgetClear(): void {
    this.#hops = MOST_HOPS;
  }

  protected startUpstream(accepted: Accepted): UpstreamLogin {
    const startsTls = this.startsUpstreamTls(accepted);
    const tag = this.#tag ?? "";
    const proof = accepted.isPassThrough ? this.proofFor(accepted) : undefined;
    const login = proof ? new ImapPassThrough({ tag, proof, startsTls }) : new ImapUpstream(tag, accepted, startsTls);
    if (!this.options.tellsClientId) return login;
    return new ImapIntroduction(login, { tag, id: this.clientId(this.#hops - 1), startsTls });
  }

  protected invalidCommand(): Octets {
    return reply.invalidCommand(this.#tag);
  }

  protected internalError(): Octets {
    return reply.INTERNAL_ERROR;
  }

  protected startTlsReply(): Octets {
    return reply.completed(this.#tag ?? "");
  }

  protected certificateRefused(text: Octets): Octets {
    return `* BYE ${text}\r\n`;
  }

  protected forbidden(): Octets {
    return reply.FORBIDDEN;
  }

  protected tooMany(): Octets {
    return reply.TOO_MANY;
  }

  protected override createWatch(): ImapWatch {
    return new ImapWatch();
  }

  protected farewell(): Octets {
    return reply.SHUTTING_DOWN;
  }

  protected refusal(refused: Refused): Octets {
    return reply.refused(this.#tag, refused.text);
  }
}

/** A tag of 32 octets, a blank, and the longest word. */
const LONGEST_NAME = 46;
