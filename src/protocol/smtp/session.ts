/**
 * SMTP (RFC 5321) up to the hand-over: until the client is authenticated or, with `smtp_auth none`, until it has named
 * a recipient.
 *
 * @module
 */

import type { Accepted, Envelope, Refused } from "../../auth/mod.ts";
import type { Millis, Octets } from "../../runtime.ts";
import { type ByTls, byTls } from "../../session/by_tls.ts";
import type { Claim, LoginOptions } from "../../session/login.ts";
import { LoginSession } from "../../session/login.ts";
import type { Connection } from "../../session/mod.ts";
import { Secret } from "../../session/secret.ts";
import type { Proof } from "../sasl/mod.ts";
import { SmtpWatch } from "./between_replies.ts";
import type { SmtpCommand } from "./command.ts";
import { parseSmtpCommand } from "./command.ts";
import * as reply from "./reply.ts";
import { SmtpReplay } from "./replay.ts";
import { SmtpUpstream } from "./upstream.ts";

export interface SmtpOptions extends LoginOptions {
  readonly serverName: Octets;
  /** The whole reply to EHLO, see `capability.ts`. */
  readonly ehlo: ByTls<Octets>;
  /** Whether mail is taken without a login: `smtp_auth none`. */
  readonly allowsAnonymous: boolean;
  readonly xclient: boolean;
  /** Whether the upstream is logged in to: `proxy_smtp_auth`. */
  readonly smtpAuth: boolean;
  /** How long the greeting is held back: `smtp_greeting_delay`. */
  readonly greetingDelay: Millis;
  /** Whether the client's name is looked up before the greeting: `resolver`. */
  readonly resolvesClient: boolean;
}

/** One SMTP client on its way to its server. */
export class SmtpSession extends LoginSession<SmtpOptions> {
  protected readonly protocol = "smtp";
  protected readonly greeting: Octets;
  protected readonly challengePrefix = "334 ";
  protected readonly loginFailed = reply.LOGIN_FAILED;
  #helo = "";
  #isExtended = false;
  #from = "";
  #to = "";
  #isAnonymous = false;

  constructor(options: SmtpOptions, connection: Connection) {
    super(options, connection);
    this.greeting = reply.greeting(options.serverName);
  }

  protected override open(): void {
    if (this.options.resolvesClient) this.resolve();
    else this.greetInTime();
  }

  /** The server block that the client began at may have had no use for its name. */
  protected override goOn(): void {
    if (this.options.resolvesClient && this.clientHost === undefined) this.resolve();
  }

  protected override greetInTime(): void {
    if (this.options.greetingDelay > 0) this.delayGreeting(this.options.greetingDelay);
    else this.greet();
  }

  protected override earlyTalker(): Octets {
    return reply.EARLY_TALKER;
  }

  protected command(): boolean {
    const line = this.nextLine();
    if (line === undefined) return false;
    const command = parseSmtpCommand(line);
    if (command === undefined) this.unparsable();
    else if (this.isAllowed()) this.#obey(command);
    return true;
  }

  #obey(command: SmtpCommand): void {
    switch (command.verb) {
      case "HELO":
      case "EHLO":
        return this.#hello(command);
      case "AUTH":
        return this.#authenticate(command.args);
      case "MAIL":
        return this.#mail(command);
      case "RCPT":
        return this.#rcpt(command);
      case "RSET":
        this.#forgetMail();
        return this.say(reply.OK);
      case "NOOP":
        return this.say(reply.OK);
      case "STARTTLS":
        return this.startTls();
      case "QUIT":
        this.say(reply.BYE);
        return this.close("quit");
      default:
        return this.misuse();
    }
  }

  #hello(command: SmtpCommand): void {
    const [name] = command.args;
    if (name === undefined || command.args.length !== 1) return this.say(reply.INVALID_ARGUMENT);
    this.#helo = name;
    this.#forgetMail();
    if (command.verb === "HELO") return this.say(reply.hello(this.options.serverName));
    this.#isExtended = true;
    this.say(byTls(this.options.ehlo, this.isSecure));
  }

  #authenticate(args: readonly Octets[]): void {
    if (this.mustSecure) return this.misuse();
    if (args.length === 0) return this.say(reply.INVALID_ARGUMENT);
    this.startSasl(args);
  }

  #mail(command: SmtpCommand): void {
    if (this.mustSecure) return this.say(reply.MUST_START_TLS);
    if (!this.options.allowsAnonymous) {
      this.log("info", `client was rejected: "${command.line}"`);
      return this.say(reply.AUTH_REQUIRED);
    }
    if (this.#from !== "") return this.say(reply.BAD_SEQUENCE);
    if (command.args.length === 0) return this.say(reply.INVALID_ARGUMENT);
    this.#from = command.line;
    this.say(reply.OK);
  }

  #rcpt(command: SmtpCommand): void {
    if (this.mustSecure) return this.say(reply.MUST_START_TLS);
    if (this.#from === "") return this.say(reply.BAD_SEQUENCE);
    if (command.args.length === 0) return this.say(reply.INVALID_ARGUMENT);
    this.#to = command.line;
    this.#isAnonymous = true;
    const envelope: Envelope = { helo: this.#helo, from: this.#from, to: this.#to };
    this.authenticate({ ...NOBODY, clientHost: this.#host, envelope });
  }

  get #host(): Octets {
    return this.clientHost ?? UNAVAILABLE;
  }

  #forgetMail(): void {
    this.#from = "";
    this.#to = "";
  }

  protected override claim(proof: Proof): Claim {
    this.#isAnonymous = false;
    return { ...super.claim(proof), clientHost: this.#host };
  }

  protected startUpstream(accepted: Accepted): SmtpUpstream {
    const proof = accepted.isPassThrough && !this.#isAnonymous ? this.proofFor(accepted) : undefined;
    const { serverName, xclient, smtpAuth } = this.options;
    return new SmtpUpstream({
      accepted,
      serverName,
      xclient: xclient ? { client: this.connection.client, host: this.#host } : undefined,
      smtpAuth,
      isXclientOptional: accepted.isPassThrough === true,
      replay: proof && new SmtpReplay(proof),
      startsTls: this.startsUpstreamTls(accepted),
      helo: this.#helo,
      isExtended: this.#isExtended,
      mail: this.#isAnonymous ? { from: this.#from, to: this.#to } : undefined,
    });
  }

  protected commandName(): Octets {
    return this.input.text(0, Math.min(this.input.length, LONGEST_VERB)).split(/[ \r\n]/, 1)[0] ?? "";
  }

  /** After a refused login the client is where it was: its HELO and its MAIL stay. */
  protected reset(): void {}

  protected invalidCommand(): Octets {
    return reply.INVALID_COMMAND;
  }

  protected internalError(): Octets {
    return reply.INTERNAL_ERROR;
  }

  protected startTlsReply(): Octets {
    return reply.START_TLS;
  }

  /** What was said in clear may have been said by anybody (RFC 3207, 4.2). */
  protected override forgetClear(): void {
    this.#helo = "";
    this.#forgetMail();
  }

  protected certificateRefused(text: Octets): Octets {
    return `421 4.7.1 ${text}\r\n`;
  }

  protected forbidden(): Octets {
    return reply.FORBIDDEN;
  }

  protected get limitReached(): typeof reply.LIMIT_REACHED | typeof reply.LIMIT_REACHED_BY_MAIL {
    return this.#isAnonymous ? reply.LIMIT_REACHED_BY_MAIL : reply.LIMIT_REACHED;
  }

  protected tooMany(): Octets {
    return reply.TOO_MANY;
  }

  protected override createWatch(): SmtpWatch {
    return new SmtpWatch();
  }

  protected farewell(): Octets {
    return reply.SHUTTING_DOWN;
  }

  protected refusal(refused: Refused): Octets {
    return reply.refused(refused.smtpCode, refused.text);
  }
}

const NOBODY: Proof = { method: "none", login: "", secret: new Secret(""), salt: undefined };

/** What stands for the client's name as long as none was found. */
const UNAVAILABLE = "[UNAVAILABLE]";
const LONGEST_VERB = 8;
