/**
 * The client's half of a session: from its first octet to a claim of who it is. Commands belong to the protocols; what
 * they share is here: the greeting and what may come before it, TLS, SASL, and the clock.
 *
 * @module
 */

import type { Accepted, AuthMethod, Credentials } from "../auth/mod.ts";
import { identityIn } from "../protocol/sasl/identity.ts";
import type { Proof, SaslExchange, SaslStep } from "../protocol/sasl/mod.ts";
import { renamed } from "../protocol/sasl/rename.ts";
import { relayedMethod, startExchange } from "../protocol/sasl/mod.ts";
import type { Millis, Octets, TlsFacts } from "../runtime.ts";
import { fromBase64 } from "./base64.ts";
import type { ClientId } from "./client_id.ts";
import { judgeCertificate, verificationText } from "./certificate.ts";
import { Conversation, type LoginOptions } from "./conversation.ts";
import { splitWords } from "./line.ts";
import type { Connection, Progress } from "./mod.ts";
import { Secret } from "./secret.ts";

/** What is asked of the source of logins; the rest of the credentials is the same for all protocols. */
export type Claim = Pick<Credentials, "method" | "login" | "secret" | "salt" | "clientHost" | "envelope">;

/** A client on its way to a verdict. */
export abstract class ClientHalf<Options extends LoginOptions> extends Conversation<Options> {
  /** Whether the client sends no more. */
  protected clientEnded = false;
  /** The exchange under way, or the last one while its error may have to be told. */
  protected exchange: SaslExchange | undefined;
  /** What the client has to answer to an error that it was told as a challenge. */
  protected errorAnswer: Octets | undefined;
  /** The name in the last claim. */
  protected claimed: Octets | undefined;
  /** What the client showed for its last login; `undefined` for mail without one. */
  protected proof: Proof | undefined;
  /** The client's name, once it was looked up. */
  protected clientHost: Octets | undefined;
  #attempt: number;
  /** Whether anybody was asked about this client yet. */
  #hasAsked = false;
  #salt: Octets | undefined;
  #tls: TlsFacts | undefined;

  constructor(options: Options, connection: Connection) {
    super(options, connection);
    const { tls, before } = connection;
    this.#tls = tls;
    this.#attempt = before?.attempts ?? 0;
    this.#salt = before?.salt;
    this.clientHost = before?.clientHost;
  }

  get progress(): Progress {
    return { ...this.counted, attempts: this.#attempt, salt: this.#salt, clientHost: this.clientHost };
  }

  protected abstract readonly protocol: Credentials["protocol"];

  /** What the client is met with. */
  protected abstract readonly greeting: Octets;

  /** Looks at {@linkcode input} and answers one command; `false` when it is not complete yet. */
  protected abstract command(): boolean;

  /** What stands before a SASL challenge. */
  protected abstract readonly challengePrefix: Octets;

  /** The first words of the command under way, without anything that could be secret. */
  protected abstract commandName(): Octets;

  /** What a client hears that may not come in. */
  protected abstract forbidden(): Octets;

  /** What a client hears that is one too many when it comes. */
  protected abstract tooMany(): Octets;

  /** What a client hears whose certificate is not taken. */
  protected abstract certificateRefused(text: Octets): Octets;

  /** What a client hears that may begin TLS now. */
  protected abstract startTlsReply(): Octets;

  /** The client has answered a challenge of the upstream's. */
  protected abstract answered(response: Octets): void;

  /** The client has answered an error that was told as a challenge. */
  protected abstract answeredError(isRight: boolean): void;

  /** Whether the client speaks TLS. */
  protected get isSecure(): boolean {
    return this.#tls !== undefined;
  }

  /** What an upstream is told of this client, over at most so many more proxies. */
  protected clientId(hops: number): ClientId {
    const { client, server, facts } = this.connection;
    return { client, server, session: `${facts.host.process.pid}-${facts.connection}`, hops };
  }

  /** Whether credentials and mail have to wait for TLS (`starttls only`). */
  protected get mustSecure(): boolean {
    return this.options.startTls === "only" && !this.isSecure;
  }

  /** The salt of this connection, the same each time: a client may have seen it in the greeting. */
  protected readonly salt = (): Octets => this.#salt ??= this.options.createSalt();

  /** Obeys AUTH or AUTHENTICATE with these arguments. */
  protected startSasl(args: readonly Octets[]): void {
    const [mechanism = "", initialResponse] = args;
    const { mechanisms: allowed, isPassThrough } = this.options;
    const relayed = isPassThrough ? relayedMethod(mechanism, allowed) : undefined;
    if (relayed !== undefined && args.length <= 2) return this.#startRelayed(relayed, initialResponse);
    const exchange = args.length > 2 ? undefined : startExchange(mechanism, { allowed, salt: this.salt });
    if (exchange === undefined) return this.misuse();
    if (initialResponse !== undefined && !exchange.takesInitialResponse) return this.misuse();
    this.exchange = exchange;
    if (initialResponse === undefined) this.challenge(exchange.firstChallenge);
    else this.#follow(exchange, exchange.respond(initialResponse));
  }

  /** Lets the upstream ask the client: nobody else could check its answers. */
  #startRelayed(method: AuthMethod, initialResponse: Octets | undefined): void {
    const message = initialResponse === undefined ? undefined : fromBase64(initialResponse);
    const isMisused = initialResponse !== undefined && (message === undefined || method === "cram-md5");
    if (isMisused) return this.misuse();
    const login = message === undefined ? "" : identityIn(method, message) ?? "";
    const secret = new Secret("");
    this.logIn({
      method,
      login,
      secret,
      salt: undefined,
      message: message === undefined ? undefined : new Secret(message),
    });
  }

  /** Obeys STARTTLS or STLS: what the client sent behind it in clear is nobody's. */
  protected startTls(): void {
    if (this.options.startTls === "off" || this.isSecure) return this.misuse();
    this.say(this.startTlsReply());
    this.phase = "securing";
    this.action = "in starttls state";
    this.input.clear();
    this.emit({ type: "secure", side: "client" });
  }

  /** Forgets what a client said in clear, once it speaks TLS (RFC 3207, 4.2). */
  protected forgetClear(): void {}

  /** Asks who this is and where they live. */
  protected authenticate(claim: Claim): void {
    this.countAttempt();
    this.ask(claim);
  }

  protected countAttempt(): void {
    this.#attempt++;
  }

  /** How many attempts were counted. */
  protected get attempt(): number {
    return this.#attempt;
  }

  /** Asks about an attempt, for the first time or again. */
  protected ask(claim: Claim): void {
    this.#hasAsked = true;
    this.phase = "authenticating";
    this.action = "in http auth state";
    this.deadline = undefined;
    this.claimed = claim.login === "" ? undefined : claim.login;
    this.emit({
      type: "authenticate",
      credentials: {
        ...claim,
        protocol: this.protocol,
        attempt: this.#attempt,
        client: this.connection.client,
        proxied: this.connection.proxied,
        tls: this.#tls && {
          facts: this.#tls,
          verification: verificationText(this.#tls, this.options.verifyClient),
        },
        facts: this.connection.facts,
      },
    });
  }

  /** What a login asks; SMTP adds what it knows. */
  protected claim(proof: Proof): Claim {
    const { method, login, secret, salt } = proof;
    return { method, login, secret, salt, clientHost: undefined, envelope: undefined };
  }

  /** Whether credentials could do harm on a line of this protocol or in a C string. */
  protected isUsable(login: Octets, secret: Secret): boolean {
    return !login.includes("\0") && !secret.reveal().includes("\0");
  }

  protected opened(): void {
    if (!this.#isLetIn()) return;
    this.action = "SSL handshaking";
    if (this.#tls !== undefined && !this.#takesCertificate(this.#tls)) return;
    this.action = "sending client greeting line";
    this.open();
  }

  /** Goes on where the client asked for TLS; its clock has been running all the time. */
  protected clientSecured(facts: TlsFacts): void {
    this.#tls = facts;
    // At another server block than before, whose rules are others.
    if (this.connection.before !== undefined && !this.#isLetIn()) return;
    if (!this.#takesCertificate(facts)) return;
    this.forgetClear();
    this.reset();
    this.phase = "commands";
    this.action = "in auth state";
    this.goOn();
  }

  /** Called when commands are read over TLS. SMTP may have more to do before. */
  protected goOn(): void {}

  #takesCertificate(facts: TlsFacts): boolean {
    const judgement = judgeCertificate(facts, this.options.verifyClient);
    if (judgement.type === "accepted") return true;
    this.log("info", judgement.log);
    this.say(this.certificateRefused(judgement.reply));
    this.close("certificateRefused");
    return false;
  }

  /** Begins the conversation. SMTP has more to do before the greeting. */
  protected open(): void {
    this.greet();
  }

  protected greet(): void {
    this.say(this.greeting);
    this.readOn();
  }

  /** Asks for the client's name; the session goes on with {@linkcode resolved}. */
  protected resolve(): void {
    this.phase = "resolving";
    this.action = "in resolving client address";
    this.emit({ type: "resolve" });
  }

  protected resolved(host: Octets): void {
    this.clientHost = host;
    // A client that another server block sent here was greeted there.
    if (this.isSecure && this.connection.before !== undefined) this.readOn();
    else this.greetInTime();
  }

  /** Greets. SMTP may hold that back. */
  protected greetInTime(): void {
    this.greet();
  }

  /** Holds the greeting back: who cannot wait for it is no mail server (`smtp_greeting_delay`). */
  protected delayGreeting(delay: Millis): void {
    this.phase = "greetingDelay";
    this.action = "in delay pipelining state";
    this.deadline = this.now + delay;
    if (this.input.length > 0) this.#rejectEarlyTalker();
  }

  /** What a client hears that speaks before the greeting. */
  protected earlyTalker(): Octets {
    return this.invalidCommand();
  }

  #rejectEarlyTalker(): void {
    this.log("info", `client was rejected before greeting: "${this.commandName()}..."`);
    this.say(this.earlyTalker());
    this.close("protocolError");
  }

  /** Whether the rules and limits of the server block have nothing against the client; otherwise it is told so. */
  #isLetIn(): boolean {
    if (this.connection.isForbidden) {
      this.log("error", "access forbidden by rule");
      this.say(this.forbidden());
      this.close("forbidden");
      return false;
    }
    const refusal = this.connection.limit?.onArrival;
    if (refusal === undefined) return true;
    this.log(refusal.level, refusal.text);
    if (refusal.isDryRun) return true;
    this.say(this.tooMany());
    this.close("limited");
    return false;
  }

  /** Reads commands, with the whole time for it, from now on. */
  protected readOn(): void {
    this.phase = "commands";
    this.action = "in auth state";
    this.deadline = this.now + this.options.timeout;
    this.#readCommands();
  }

  protected clientSent(bytes: Uint8Array): void {
    this.input.append(bytes);
    if (this.phase === "commands") this.#readCommands();
    else if (this.phase === "challenged") this.readAnswer();
    else if (this.phase === "greetingDelay") this.#rejectEarlyTalker();
  }

  #readCommands(): void {
    while (this.phase === "commands" && this.input.length > 0) {
      if (this.exchange === undefined ? this.command() : this.#readResponse(this.exchange)) continue;
      if (this.phase === "commands" && this.input.length >= this.options.clientBuffer) this.#tooLong();
      break;
    }
    if (this.phase === "commands" && this.clientEnded) this.close("clientGone");
  }

  #tooLong(): void {
    const name = this.exchange === undefined && this.phase === "commands" ? this.commandName() : "";
    this.log("info", `client sent too long command "${name}..."`);
    this.say(this.invalidCommand());
    this.close("tooLongCommand");
  }

  /** Reads what the client answers to a challenge of the upstream's. */
  protected readAnswer(): void {
    const line = this.nextLine();
    if (line !== undefined) {
      if (this.isAllowed()) this.answered(splitWords(line, Infinity)?.[0] ?? "");
    } else if (this.input.length >= this.options.clientBuffer) this.#tooLong();
    else if (this.clientEnded) this.close("clientGone");
  }

  #readResponse(exchange: SaslExchange): boolean {
    const line = this.nextLine();
    if (line === undefined) return false;
    if (!this.isAllowed()) return true;
    const response = responseIn(line);
    if (this.errorAnswer === undefined) this.#follow(exchange, exchange.respond(response));
    else this.answeredError(response === this.errorAnswer);
    return true;
  }

  #follow(exchange: SaslExchange, step: SaslStep): void {
    if (step.type === "challenge") return this.challenge(step.text);
    if (step.type === "done") return this.logIn(step.proof, exchange);
    this.exchange = undefined;
    this.log("info", step.text);
    this.misuse();
  }

  /** Asks for a login, unless it could do harm further on. */
  protected logIn(proof: Proof, exchange?: SaslExchange): void {
    this.exchange = exchange?.errorAnswer === undefined ? undefined : exchange;
    this.proof = proof;
    if (this.isUsable(proof.login, proof.secret)) return this.authenticate(this.claim(proof));
    this.exchange = undefined;
    this.log("info", "client sent a login or password with a character that cannot be passed on");
    this.misuse();
  }

  /** What the client showed, under the name that the upstream knows. */
  protected proofFor({ login }: Pick<Accepted, "login">): Proof | undefined {
    return this.proof && renamed(this.proof, login);
  }

  protected challenge(text: Octets): void {
    this.say(`${this.challengePrefix}${text}\r\n`);
  }

  /**
   * The client sends no more. With commands still waiting it may be one that says all at once and listens for the
   * rest (RFC 9293, 3.6: a half-open close), otherwise it left.
   */
  protected clientEnds(): void {
    this.clientEnded = true;
    if (this.phase === "commands") return this.#readCommands();
    if (this.phase === "challenged") return this.readAnswer();
    if (!this.#hasAsked || this.input.length === 0) this.close("clientGone");
  }
}

/** The first word of a SASL response. A CR belongs in front of LF and nowhere else: with one it is no base64 at all. */
function responseIn(line: Octets): Octets {
  return line.includes("\r") ? "\r" : splitWords(line, Infinity)?.[0] ?? "";
}
