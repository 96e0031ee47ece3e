/**
 * What the three protocols have in common: a client says commands until it has credentials, a verdict is waited for,
 * the upstream is logged in to, and the two are spliced. This file knows the phases, the clocks and the bounds; it
 * does not know a word of any protocol.
 *
 * @module
 */

import type { Accepted, Credentials, Refused, Verdict } from "../auth/mod.ts";
import type { Millis, Octets, TlsFacts } from "../runtime.ts";
import { InputBuffer } from "./buffer.ts";
import { encode } from "./bytes.ts";
import { judgeCertificate, verificationText, type VerifyClient } from "./certificate.ts";
import { splitWords } from "./line.ts";
import type { CloseReason, Connection, Effect, Input, Session, Side } from "./mod.ts";
import type { Proof, SaslExchange, SaslStep } from "../protocol/sasl/mod.ts";
import { startExchange } from "../protocol/sasl/mod.ts";
import { UpstreamReplies } from "./replies.ts";
import { Secret } from "./secret.ts";
import type { UpstreamLogin, UpstreamStep } from "./upstream.ts";

/** What every protocol's server block says. */
export interface LoginOptions {
  /** How long the client may take to log in, and after it one login to the upstream: `timeout`. */
  readonly timeout: Millis;
  /** With which unparsable command the connection is closed: `max_errors`. */
  readonly maxErrors: number;
  /** How many commands a client may send before its login, SASL responses included: `max_commands`. */
  readonly maxCommands: number;
  /** Octets of the longest command, its line end included. */
  readonly clientBuffer: number;
  /** Octets of the longest reply of the upstream during the login: `proxy_buffer`. */
  readonly proxyBuffer: number;
  /** Whether the upstream's refusal reaches the client: `proxy_pass_error_message`. */
  readonly passErrorMessage: boolean;
  /** The mechanisms that are allowed beside PLAIN and LOGIN. */
  readonly mechanisms: readonly string[];
  /** Whether a client in clear may ask for TLS, or must: `starttls`. */
  readonly startTls: "off" | "on" | "only";
  readonly verifyClient: VerifyClient;
  /** Makes the salt of one connection, in angle brackets. */
  readonly createSalt: () => Octets;
}

/** What is asked of the source of logins; the rest of the credentials is the same for all protocols. */
export type Claim = Pick<Credentials, "method" | "login" | "secret" | "salt" | "clientHost" | "envelope">;

type Phase =
  | "new"
  | "securing"
  | "resolving"
  | "greetingDelay"
  | "commands"
  | "authenticating"
  | "delaying"
  | "connecting"
  | "upstream"
  | "over";

/** A session up to its splice. A protocol says its words by filling in the abstract parts. */
export abstract class LoginSession<Options extends LoginOptions> implements Session {
  protected readonly options: Options;
  /** What the client sent and no command has used. */
  protected readonly input = new InputBuffer();
  readonly #connection: Connection;
  readonly #replies: UpstreamReplies;
  #phase: Phase = "new";
  #effects: Effect[] = [];
  #reply: Octets = "";
  #now: Millis = 0;
  #deadline: Millis | undefined;
  #action = "sending client greeting line";
  #errors = 0;
  #commands = 0;
  #attempt = 0;
  #exchange: SaslExchange | undefined;
  #salt: Octets | undefined;
  /** What the client has to answer to an error that it was told as a challenge. */
  #errorAnswer: Octets | undefined;
  #claimed: Octets | undefined;
  #refusal: Refused | undefined;
  #accepted: Accepted | undefined;
  #upstream: UpstreamLogin | undefined;
  #clientEnded = false;
  #tls: TlsFacts | undefined;
  #usesStartTls = false;

  constructor(options: Options, connection: Connection) {
    this.options = options;
    this.#connection = connection;
    this.#tls = connection.tls;
    this.#replies = new UpstreamReplies(options.proxyBuffer);
  }

  protected abstract readonly protocol: Credentials["protocol"];
  /** What the client is met with. */
  protected abstract readonly greeting: Octets;
  /** Looks at {@linkcode input} and answers one command; `false` when it is not complete yet. */
  protected abstract command(): boolean;
  /** What a command that makes no sense is answered with. */
  protected abstract invalidCommand(): Octets;
  /** What the client hears when the fault is not its own. */
  protected abstract internalError(): Octets;
  /** What the client hears when we stop. */
  protected abstract farewell(): Octets;
  /** How a refused login is told. */
  protected abstract refusal(refused: Refused): Octets;
  /** What stands before a SASL challenge. */
  protected abstract readonly challengePrefix: Octets;
  /** The first words of the command under way, without anything that could be secret. */
  protected abstract commandName(): Octets;
  /** What a client hears that may not come in. */
  protected abstract forbidden(): Octets;
  /** What a client hears whose certificate is not taken. */
  protected abstract certificateRefused(text: Octets): Octets;
  /** What a client hears that may begin TLS now. */
  protected abstract startTlsReply(): Octets;
  /** The login to the upstream. */
  protected abstract startUpstream(accepted: Accepted): UpstreamLogin;
  /** Called before commands are read again: what belonged to the last one is over. */
  protected abstract reset(): void;

  get deadline(): Millis | undefined {
    return this.#deadline;
  }

  get action(): string {
    return this.#action;
  }

  get login(): Octets | undefined {
    return this.#accepted?.login ?? this.#claimed;
  }

  get apology(): Octets {
    return this.internalError();
  }

  get usesStartTls(): boolean {
    return this.#usesStartTls;
  }

  /** Whether the client speaks TLS. */
  protected get isSecure(): boolean {
    return this.#tls !== undefined;
  }

  /** Whether credentials and mail have to wait for TLS (`starttls only`). */
  protected get mustSecure(): boolean {
    return this.options.startTls === "only" && !this.isSecure;
  }

  wants(side: Side): boolean {
    if (side === "upstream") return this.#phase === "upstream";
    if (this.#phase === "securing") return false;
    if (this.#phase === "commands") return true;
    return this.#phase !== "over" && !this.#clientEnded && this.input.length < this.options.clientBuffer;
  }

  receive(input: Input, now: Millis): readonly Effect[] {
    this.#now = now;
    this.#effects = [];
    if (this.#phase !== "over") this.#take(input);
    this.#flush();
    this.input.settle();
    this.#replies.settle();
    return this.#effects;
  }

  /** Says something to the client. What is said during one input leaves as one write. */
  protected say(text: Octets): void {
    this.#reply += text;
  }

  protected log(level: "info" | "error", text: Octets): void {
    this.#emit({ type: "log", level, text, action: this.#action });
  }

  /** The next whole line without its end, or `undefined` when there is none yet. It is used up. */
  protected nextLine(): Octets | undefined {
    const lineEnd = this.input.lineEnd();
    if (lineEnd < 0 || lineEnd >= this.options.clientBuffer) return undefined;
    const end = lineEnd > 0 && this.input.at(lineEnd - 1) === 0x0d ? lineEnd - 1 : lineEnd;
    const line = this.input.text(0, end);
    this.input.consume(lineEnd + 1);
    return line;
  }

  /** Counts a command that was understood; `false` when it is one too many, and the session is over. */
  protected isAllowed(): boolean {
    if (++this.#commands <= this.options.maxCommands) return true;
    this.log("info", "client sent too many commands");
    this.say(this.invalidCommand());
    this.close("tooManyErrors");
    return false;
  }

  /** Answers a command that was understood but makes no sense here. It does not count for `max_errors`. */
  protected misuse(): void {
    this.say(this.invalidCommand());
    this.reset();
  }

  /** Answers a command that could not be parsed; the last one allowed ends the session. */
  protected unparsable(): void {
    this.#errors++;
    const isTooMany = this.#errors >= Math.max(1, this.options.maxErrors);
    if (isTooMany) this.log("info", "client sent too many invalid commands");
    this.misuse();
    if (isTooMany) this.close("tooManyErrors");
  }

  /** The salt of this connection, the same each time: a client may have seen it in the greeting. */
  protected readonly salt = (): Octets => this.#salt ??= this.options.createSalt();

  /** Obeys AUTH or AUTHENTICATE with these arguments. */
  protected startSasl(args: readonly Octets[]): void {
    const [mechanism = "", initialResponse] = args;
    const { mechanisms: allowed } = this.options;
    const exchange = args.length > 2 ? undefined : startExchange(mechanism, { allowed, salt: this.salt });
    if (exchange === undefined) return this.misuse();
    if (initialResponse !== undefined && !exchange.takesInitialResponse) return this.misuse();
    this.#exchange = exchange;
    if (initialResponse === undefined) this.#challenge(exchange.firstChallenge);
    else this.#follow(exchange, exchange.respond(initialResponse));
  }

  /** Obeys STARTTLS or STLS: what the client sent behind it in clear is nobody's. */
  protected startTls(): void {
    if (this.options.startTls === "off" || this.isSecure) return this.misuse();
    this.say(this.startTlsReply());
    this.#phase = "securing";
    this.#action = "in starttls state";
    this.#usesStartTls = true;
    this.input.clear();
    this.#emit({ type: "secure", side: "client" });
  }

  /** Forgets what a client said in clear, once it speaks TLS (RFC 3207, 4.2). */
  protected forgetClear(): void {}

  /** Asks who this is and where they live. */
  protected authenticate(claim: Claim): void {
    this.#attempt++;
    this.#phase = "authenticating";
    this.#action = "in http auth state";
    this.#deadline = undefined;
    this.#claimed = claim.login === "" ? undefined : claim.login;
    this.#emit({
      type: "authenticate",
      credentials: {
        ...claim,
        protocol: this.protocol,
        attempt: this.#attempt,
        client: this.#connection.client,
        proxied: this.#connection.proxied,
        tls: this.#tls && {
          facts: this.#tls,
          verification: verificationText(this.#tls, this.options.verifyClient),
        },
      },
    });
  }

  /** What a login asks; SMTP adds what it knows. */
  protected claim(proof: Proof): Claim {
    return { ...proof, clientHost: undefined, envelope: undefined };
  }

  /** Whether credentials could do harm on a line of this protocol or in a C string. */
  protected isUsable(login: Octets, secret: Secret): boolean {
    return !login.includes("\0") && !secret.reveal().includes("\0");
  }

  /** Ends the session; what was said before still leaves. */
  protected close(reason: CloseReason): void {
    this.#emit({ type: "close", reason });
    this.#phase = "over";
    this.#deadline = undefined;
    this.input.clear();
    this.#replies.clear();
  }

  #opened(): void {
    if (this.#connection.isForbidden) return this.#turnAway();
    this.#action = "SSL handshaking";
    if (this.#tls !== undefined && !this.#takesCertificate(this.#tls)) return;
    this.#action = "sending client greeting line";
    this.open();
  }

  /** Goes on where the client asked for TLS; its clock has been running all the time. */
  #clientSecured(facts: TlsFacts): void {
    this.#tls = facts;
    if (!this.#takesCertificate(facts)) return;
    this.forgetClear();
    this.reset();
    this.#phase = "commands";
    this.#action = "in auth state";
  }

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
    this.#readOn();
  }

  /** Asks for the client's name; the session goes on with {@linkcode resolved}. */
  protected resolve(): void {
    this.#phase = "resolving";
    this.#action = "in resolving client address";
    this.#emit({ type: "resolve" });
  }

  protected resolved(_host: Octets): void {
    this.greet();
  }

  /** Holds the greeting back: who cannot wait for it is no mail server (`smtp_greeting_delay`). */
  protected delayGreeting(delay: Millis): void {
    this.#phase = "greetingDelay";
    this.#action = "in delay pipelining state";
    this.#deadline = this.#now + delay;
    if (this.input.length > 0) this.#rejectEarlyTalker();
  }

  /** What a client hears that speaks before the greeting. */
  protected earlyTalker(): Octets {
    return this.invalidCommand();
  }

  #rejectEarlyTalker(): void {
    const text = this.input.text(0, Math.min(this.input.length, SHOWN)).replace(/[\r\n]/g, "_");
    this.log("info", `client was rejected before greeting: "${text}"`);
    this.say(this.earlyTalker());
    this.close("protocolError");
  }

  #turnAway(): void {
    this.log("error", "access forbidden by rule");
    this.say(this.forbidden());
    this.close("forbidden");
  }

  #take(input: Input): void {
    switch (input.type) {
      case "opened":
        return this.#opened();
      case "secured":
        return input.side === "client" ? this.#clientSecured(input.facts) : this.#upstreamSecured();
      case "notSecured":
        if (input.side === "upstream") this.#action = "SSL handshaking to upstream";
        this.log(input.side === "client" ? "info" : "error", `SSL_do_handshake() failed (SSL: ${input.text})`);
        return input.side === "client" ? this.close("handshakeFailed") : this.#fail("upstreamUnavailable");
      case "resolved":
        return this.#phase === "resolving" ? this.resolved(input.host) : undefined;
      case "bytes":
        return input.side === "client" ? this.#clientSent(input.bytes) : this.#upstreamSent(input.bytes);
      case "ended":
        return input.side === "client" ? this.#clientEnds() : this.#upstreamEnds();
      case "verdict":
        return this.#judge(input.verdict);
      case "connected":
        return this.#connected();
      case "connectFailed":
        return this.#fail("upstreamUnavailable");
      case "timedOut":
        return this.#timedOut();
      case "shutdown":
        this.say(this.farewell());
        return this.close("shutdown");
    }
  }

  /** Reads commands, with the whole time for it, from now on. */
  #readOn(): void {
    this.#phase = "commands";
    this.#action = "in auth state";
    this.#deadline = this.#now + this.options.timeout;
    this.#readCommands();
  }

  #clientSent(bytes: Uint8Array): void {
    this.input.append(bytes);
    if (this.#phase === "commands") this.#readCommands();
    else if (this.#phase === "greetingDelay") this.#rejectEarlyTalker();
  }

  #readCommands(): void {
    while (this.#phase === "commands" && this.input.length > 0) {
      if (this.#exchange === undefined ? this.command() : this.#readResponse(this.#exchange)) continue;
      if (this.#phase === "commands" && this.input.length >= this.options.clientBuffer) this.#tooLong();
      break;
    }
    if (this.#phase === "commands" && this.#clientEnded) this.close("clientGone");
  }

  #tooLong(): void {
    const name = this.#exchange === undefined ? this.commandName() : "";
    this.log("info", `client sent too long command "${name}..."`);
    this.say(this.invalidCommand());
    this.close("tooLongCommand");
  }

  #readResponse(exchange: SaslExchange): boolean {
    const line = this.nextLine();
    if (line === undefined) return false;
    if (!this.isAllowed()) return true;
    const response = splitWords(line, Infinity)?.[0] ?? "";
    if (this.#errorAnswer === undefined) this.#follow(exchange, exchange.respond(response));
    else this.#answeredError(response === this.#errorAnswer);
    return true;
  }

  #follow(exchange: SaslExchange, step: SaslStep): void {
    if (step.type === "challenge") return this.#challenge(step.text);
    if (step.type === "done") return this.logIn(step.proof, exchange);
    this.#exchange = undefined;
    this.log("info", step.text);
    this.misuse();
  }

  /** Asks for a login, unless it could do harm further on. */
  protected logIn(proof: Proof, exchange?: SaslExchange): void {
    this.#exchange = exchange?.errorAnswer === undefined ? undefined : exchange;
    if (this.isUsable(proof.login, proof.secret)) return this.authenticate(this.claim(proof));
    this.#exchange = undefined;
    this.log("info", "client sent a login or password with a character that cannot be passed on");
    this.misuse();
  }

  #challenge(text: Octets): void {
    this.say(`${this.challengePrefix}${text}\r\n`);
  }

  /**
   * The client sends no more. With commands still waiting it may be one that says all at once and listens for the
   * rest (RFC 9293, 3.6: a half-open close), otherwise it left.
   */
  #clientEnds(): void {
    this.#clientEnded = true;
    if (this.#phase === "commands") return this.#readCommands();
    const hasLoginUnderWay = this.#attempt > 0;
    if (!hasLoginUnderWay || this.input.length === 0) this.close("clientGone");
  }

  #judge(verdict: Verdict): void {
    if (this.#phase !== "authenticating") return;
    switch (verdict.type) {
      case "accepted":
        this.#accepted = verdict;
        this.#phase = "connecting";
        this.#action = "connecting to upstream";
        this.#deadline = this.#now + this.options.timeout;
        return this.#emit({ type: "connect", route: verdict.route });
      case "refused":
        return this.#refuse(verdict);
      case "unavailable":
        return this.#fail("authUnavailable");
    }
  }

  #refuse(refused: Refused): void {
    this.log("info", `client login failed: "${refused.text}"`);
    this.#refusal = refused;
    if (refused.wait === 0) return this.#tellRefusal(refused);
    this.#phase = "delaying";
    this.#deadline = this.#now + refused.wait;
  }

  /** An OAuth client hears the error as a challenge first, and the refusal once it has answered that. */
  #tellRefusal(refused: Refused): void {
    const answer = refused.saslError === undefined ? undefined : this.#exchange?.errorAnswer;
    if (answer === undefined) return this.#endAttempt(this.refusal(refused));
    this.#errorAnswer = answer;
    this.#challenge(refused.saslError ?? "");
    this.#readOn();
  }

  #answeredError(isRight: boolean): void {
    const refused = this.#refusal;
    this.#errorAnswer = undefined;
    if (refused !== undefined) this.#endAttempt(isRight ? this.refusal(refused) : this.invalidCommand());
  }

  /** Tells how the attempt ended. Only a refusal that was held back leaves the client another. */
  #endAttempt(reply: Octets): void {
    const isLast = this.#refusal?.wait === 0;
    this.say(reply);
    this.#exchange = undefined;
    this.#refusal = undefined;
    this.reset();
    if (isLast) this.close("refused");
    else this.#readOn();
  }

  #timedOut(): void {
    switch (this.#phase) {
      case "delaying":
        if (this.#refusal !== undefined) this.#tellRefusal(this.#refusal);
        return;
      case "greetingDelay":
        return this.greet();
      case "connecting":
      case "upstream":
        this.log("info", `upstream timed out ${TIMED_OUT}`);
        return this.#fail("upstreamUnavailable");
      default:
        this.log("info", `client timed out ${TIMED_OUT}`);
        this.close("timeout");
    }
  }

  #connected(): void {
    if (this.#phase !== "connecting" || this.#accepted === undefined) return;
    this.#phase = "upstream";
    this.#action = "reading response from upstream";
    this.#upstream = this.startUpstream(this.#accepted);
  }

  #upstreamSent(bytes: Uint8Array): void {
    if (this.#phase !== "upstream") return;
    this.#replies.append(bytes);
    this.#readReplies();
  }

  #readReplies(): void {
    while (this.#phase === "upstream" && this.#upstream !== undefined) {
      const line = this.#replies.nextLine();
      if (line === undefined) break;
      this.#action = "reading response from upstream";
      this.#continue(this.#upstream.line(line));
    }
    if (this.#phase === "upstream" && this.#replies.isTooLong) this.#tooLongReply();
  }

  #tooLongReply(): void {
    this.#action = "reading response from upstream";
    this.log("error", `upstream sent too long response line: "${this.#replies.beginning(SHOWN)}..."`);
    this.#fail("upstreamUnavailable");
  }

  #continue(step: UpstreamStep): void {
    switch (step.type) {
      case "wait":
        return;
      case "secure":
        return this.#secureUpstream();
      case "send":
        this.#replies.endReply();
        this.#action = step.action;
        return this.#emit({ type: "write", side: "upstream", bytes: encode(step.text) });
      case "done":
        return this.#splice(step.reply);
      case "refused":
        return this.#refusedByUpstream(step.text);
      case "failed":
        this.log("error", step.text);
        return this.#fail("upstreamUnavailable");
    }
  }

  /** What an upstream says between its consent and the handshake was said by anybody: it ends the attempt. */
  #secureUpstream(): void {
    this.#action = "SSL handshaking to upstream";
    if (!this.#replies.hasMore) {
      this.#replies.clear();
      this.#phase = "connecting";
      return this.#emit({ type: "secure", side: "upstream" });
    }
    this.log("error", "upstream sent data before the TLS handshake");
    this.#fail("upstreamUnavailable");
  }

  #upstreamSecured(): void {
    if (this.#phase !== "connecting" || this.#upstream === undefined) return;
    this.#phase = "upstream";
    this.#action = "reading response from upstream";
    this.#continue(this.#upstream.secured());
  }

  #splice(reply: Octets | undefined): void {
    this.#action = "";
    this.log("info", "client logged in");
    const toClient = this.#replies.takeAll(reply);
    const farewell = encode(this.farewell());
    const toUpstream = this.input.takeAll();
    this.#emit({ type: "splice", toClient, toUpstream, clientEnded: this.#clientEnded, farewell });
    this.#phase = "over";
    this.#action = "proxying";
    this.#deadline = undefined;
  }

  #refusedByUpstream(text: Octets): void {
    const { passErrorMessage } = this.options;
    this.log(passErrorMessage ? "info" : "error", `upstream sent invalid response: "${text}"`);
    if (!passErrorMessage) return this.#fail("upstreamRefused");
    this.#emit({ type: "write", side: "client", bytes: this.#replies.takeAll() });
    this.close("upstreamRefused");
  }

  #upstreamEnds(): void {
    if (this.#phase !== "upstream") return;
    this.#action = "reading response from upstream";
    this.log("error", "upstream prematurely closed connection");
    this.#fail("upstreamUnavailable");
  }

  #fail(reason: CloseReason): void {
    this.say(this.internalError());
    this.close(reason);
  }

  #emit(effect: Effect): void {
    this.#flush();
    this.#effects.push(effect);
  }

  #flush(): void {
    if (this.#reply === "") return;
    const bytes = encode(this.#reply);
    this.#reply = "";
    this.#effects.push({ type: "write", side: "client", bytes });
  }
}

const TIMED_OUT = "(110: Connection timed out)";

/** Octets of an over-long reply that the log shows: enough to know the server by. */
const SHOWN = 128;
