/**
 * POP3 (RFC 1939) in the AUTHORIZATION state: what a client may say before it is logged in.
 *
 * @module
 */

import type { Accepted, Refused } from "../../auth/mod.ts";
import type { Octets } from "../../runtime.ts";
import { type ByTls, byTls } from "../../session/by_tls.ts";
import { breaksLine } from "../../session/line.ts";
import type { LoginOptions } from "../../session/login.ts";
import { LoginSession } from "../../session/login.ts";
import type { Connection } from "../../session/mod.ts";
import { Secret } from "../../session/secret.ts";
import { MOST_HOPS } from "../../session/client_id.ts";
import type { UpstreamLogin } from "../../session/upstream.ts";
import type { Proof } from "../sasl/mod.ts";
import { Pop3Watch } from "./between_replies.ts";
import type { Pop3Command } from "./command.ts";
import { parsePop3Command } from "./command.ts";
import { Pop3Introduction } from "./client_id.ts";
import * as reply from "./reply.ts";
import { Pop3Apop } from "./apop.ts";
import { Pop3PassThrough } from "./pass_through.ts";
import { Pop3Upstream } from "./upstream.ts";

export interface Pop3Options extends LoginOptions {
  /** The whole replies to CAPA and to a bare AUTH, see `capability.ts`. */
  readonly capa: ByTls<Octets>;
  /** What CAPA says behind USER, where STLS is no longer to be had. */
  readonly capaBehindUser: Octets;
  readonly authMethods: Octets;
}

/** One POP3 client on its way to its server. */
export class Pop3Session extends LoginSession<Pop3Options> {
  protected readonly protocol = "pop3";
  protected greeting: Octets;
  protected readonly challengePrefix = "+ ";
  protected readonly loginFailed = reply.LOGIN_FAILED;
  protected readonly limitReached = reply.LIMIT_REACHED;
  /** The name that USER gave, until PASS or another command follows. */
  #user: Octets | undefined;
  /** Whether APOP is between the client and its server. */
  readonly #relaysApop: boolean;

  constructor(options: Pop3Options, connection: Connection) {
    super(options, connection);
    const { mechanisms, isPassThrough } = options;
    const hasTimestamp = !isPassThrough && (mechanisms.includes("apop") || mechanisms.includes("cram-md5"));
    this.greeting = reply.greeting(hasTimestamp ? this.salt() : undefined);
    this.#relaysApop = isPassThrough && mechanisms.includes("apop");
  }

  /** A digest can only be checked by the server whose timestamp it was made with, so that server greets first. */
  protected override open(): void {
    if (this.#relaysApop) this.askAhead(this.claim(APOP));
    else this.greet();
  }

  protected override upstreamReady(timestamp: Octets | undefined): void {
    this.greeting = reply.greeting(timestamp);
    this.greet();
  }

  protected command(): boolean {
    const line = this.nextLine();
    if (line === undefined) return false;
    const command = parsePop3Command(line);
    if (command === undefined) this.unparsable();
    else if (!this.isAllowed()) return true;
    else if (this.#user === undefined) this.#obeyAtStart(command);
    else this.#obeyAfterUser(command, this.#user);
    return true;
  }

  #obeyAtStart(command: Pop3Command): void {
    switch (command.keyword) {
      case "USER":
      case "AUTH":
      case "APOP":
        return this.mustSecure ? this.misuse() : this.#identify(command);
      case "STLS":
        return this.startTls();
      case "CAPA":
        return this.say(byTls(this.options.capa, this.isSecure));
      case "PASS":
        return this.misuse();
      default:
        return this.#obeyAlways(command);
    }
  }

  #identify(command: Pop3Command): void {
    switch (command.keyword) {
      case "AUTH":
        return this.#authenticate(command.args);
      case "APOP":
        return this.#apop(command.args);
      default:
        this.#user = command.args[0];
        return this.#user === undefined ? this.misuse() : this.say(reply.OK);
    }
  }

  #obeyAfterUser(command: Pop3Command, user: Octets): void {
    switch (command.keyword) {
      case "PASS":
        return this.#pass(user, command.args[0]);
      case "CAPA":
        return this.say(this.options.capaBehindUser);
      case "USER":
      case "APOP":
      case "AUTH":
        return this.misuse();
      default:
        return this.#obeyAlways(command);
    }
  }

  #obeyAlways(command: Pop3Command): void {
    switch (command.keyword) {
      case "NOOP":
        return this.say(reply.OK);
      case "QUIT":
        this.say(reply.OK);
        return this.close("quit");
      default:
        return this.misuse();
    }
  }

  #authenticate(args: readonly Octets[]): void {
    if (args.length === 0) this.say(this.options.authMethods);
    else this.startSasl(args);
  }

  #pass(login: Octets, password: Octets | undefined): void {
    if (password === undefined) return this.misuse();
    this.logIn({ method: "plain", login, secret: new Secret(password), salt: undefined });
  }

  /** APOP (RFC 1939, 7): a name, and a digest of the timestamp in the greeting with the password. */
  #apop(args: readonly Octets[]): void {
    const [login, digest] = args;
    const isAllowed = this.options.mechanisms.includes("apop") && this.#hasShownTimestamp;
    if (!isAllowed || args.length !== 2 || login === undefined || digest === undefined) return this.misuse();
    if (this.#relaysApop) return this.#relayApop(login, digest);
    this.logIn({ method: "apop", login, secret: new Secret(digest), salt: this.salt() });
  }

  /** One that came over TLS from another server block was greeted there, perhaps without a timestamp of ours. */
  get #hasShownTimestamp(): boolean {
    const { before } = this.connection;
    return before === undefined || !this.#relaysApop && before.salt !== undefined;
  }

  #relayApop(login: Octets, digest: Octets): void {
    if (this.isUsable(login, new Secret(digest))) this.logInUpstream(login, `APOP ${login} ${digest}`);
    else this.misuse();
  }

  protected override isUsable(login: Octets, secret: Secret): boolean {
    return !breaksLine(login) && !breaksLine(secret.reveal());
  }

  protected commandName(): Octets {
    return this.input.text(0, Math.min(this.input.length, LONGEST_KEYWORD)).split(" ")[0] ?? "";
  }

  protected reset(): void {
    this.#user = undefined;
  }

  protected startUpstream(accepted: Accepted): UpstreamLogin {
    const startsTls = this.startsUpstreamTls(accepted);
    const login = this.#upstreamLogin(accepted, startsTls);
    if (!this.options.tellsClientId) return login;
    return new Pop3Introduction(login, { id: this.clientId(MOST_HOPS - 1), startsTls });
  }

  #upstreamLogin(accepted: Accepted, startsTls: boolean): UpstreamLogin {
    if (!accepted.isPassThrough) return new Pop3Upstream(accepted, startsTls);
    const proof = this.proofFor(accepted);
    return proof ? new Pop3PassThrough({ proof, startsTls }) : new Pop3Apop(startsTls);
  }

  protected invalidCommand(): Octets {
    return reply.INVALID_COMMAND;
  }

  protected internalError(): Octets {
    return reply.INTERNAL_ERROR;
  }

  protected startTlsReply(): Octets {
    return reply.OK;
  }

  protected certificateRefused(text: Octets): Octets {
    return `-ERR ${text}\r\n`;
  }

  protected forbidden(): Octets {
    return reply.FORBIDDEN;
  }

  protected tooMany(): Octets {
    return reply.TOO_MANY;
  }

  protected override createWatch(): Pop3Watch {
    return new Pop3Watch();
  }

  protected farewell(): Octets {
    return reply.SHUTTING_DOWN;
  }

  protected refusal(refused: Refused): Octets {
    return reply.refused(refused.text);
  }
}

const LONGEST_KEYWORD = 4;

/** Who it is is not known yet. */
const APOP: Proof = { method: "apop", login: "", secret: new Secret(""), salt: undefined };
