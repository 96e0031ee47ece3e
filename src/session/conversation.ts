/**
 * What every step of a session needs: what was sent and not used, what is said and done in answer, and the bounds on
 * both. This file knows neither protocols nor logins.
 *
 * @module
 */

import type { Millis, Octets } from "../runtime.ts";
import { InputBuffer } from "./buffer.ts";
import type { UpstreamTls } from "./by_tls.ts";
import { encodeBriefly } from "./bytes.ts";
import type { VerifyClient } from "./certificate.ts";
import type { CloseReason, Connection, Effect, NoteLevel, Progress } from "./mod.ts";

/** What every protocol's server block says. */
export interface LoginOptions {
  /** How long the client may take to log in, and after it one login to the upstream: `timeout`. */
  readonly timeout: Millis;
  /** How long an upstream may take until its first word: `proxy_connect_timeout`. */
  readonly connectTimeout: Millis;
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
  /** Whether nobody but the upstream checks logins: `proxy_pass` without a source of logins. */
  readonly isPassThrough: boolean;
  /** Whether the upstream is told who the client is: `proxy_client_id`. */
  readonly tellsClientId: boolean;
  /** How TLS is spoken with the upstream: `proxy_ssl`. */
  readonly upstreamTls: UpstreamTls;
  /** Makes the salt of one connection, in angle brackets. */
  readonly createSalt: () => Octets;
}

/** What a session is at. */
export type Phase =
  | "new"
  | "securing"
  | "resolving"
  | "greetingDelay"
  | "commands"
  | "authenticating"
  | "delaying"
  | "connecting"
  | "upstream"
  | "challenged"
  | "over";

/** One conversation with a client. */
export abstract class Conversation<Options extends LoginOptions> {
  /** See `Session`. */
  deadline: Millis | undefined;
  action = "sending client greeting line";
  protected readonly options: Options;
  protected readonly connection: Connection;
  /** What the client sent and no command has used. */
  protected readonly input = new InputBuffer();
  protected phase: Phase = "new";
  protected now: Millis = 0;
  #effects: Effect[] = [];
  #reply: Octets = "";
  #errors = 0;
  #commands = 0;

  constructor(options: Options, connection: Connection) {
    this.options = options;
    this.connection = connection;
    const { before } = connection;
    if (before === undefined) return;
    this.#errors = before.errors;
    this.#commands = before.commands;
    this.deadline = before.deadline;
    this.phase = "securing";
    this.action = "in starttls state";
  }

  /** See `Progress`. */
  protected get counted(): Pick<Progress, "errors" | "commands" | "deadline"> {
    return { errors: this.#errors, commands: this.#commands, deadline: this.deadline };
  }

  /** What a command that makes no sense is answered with. */
  protected abstract invalidCommand(): Octets;

  /** Called before commands are read again: what belonged to the last one is over. */
  protected abstract reset(): void;

  /** Begins an input; what was done for the last one is forgotten. */
  protected begin(now: Millis): void {
    this.now = now;
    this.#effects = [];
  }

  /** Ends an input, and gives what followed from it. */
  protected finish(): readonly Effect[] {
    this.#flush();
    this.input.settle();
    return this.#effects;
  }

  /** Says something to the client. What is said during one input leaves as one write. */
  protected say(text: Octets): void {
    this.#reply += text;
  }

  protected log(level: NoteLevel, text: Octets, event?: "loginRefused"): void {
    this.emit({ type: "log", level, text, action: this.action, ...event && { event } });
  }

  /** A login was wrong, and `text` is what its client hears of that. */
  protected logFailedLogin(text: Octets): void {
    const line = `client login failed: "${text}"`;
    this.emit({ type: "log", level: "info", text: line, action: this.action, event: "loginFailed" });
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

  /** Counts an error; `true` when it is the last one allowed. */
  protected isLastError(): boolean {
    return ++this.#errors >= Math.max(1, this.options.maxErrors);
  }

  /** Answers a command that could not be parsed; the last one allowed ends the session. */
  protected unparsable(): void {
    const isTooMany = this.isLastError();
    if (isTooMany) this.log("info", "client sent too many invalid commands");
    this.misuse();
    if (isTooMany) this.close("tooManyErrors");
  }

  /** Ends the session; what was said before still leaves. */
  protected close(reason: CloseReason): void {
    this.emit({ type: "close", reason });
    this.phase = "over";
    this.deadline = undefined;
    this.input.clear();
  }

  protected emit(effect: Effect): void {
    this.#flush();
    this.#effects.push(effect);
  }

  #flush(): void {
    if (this.#reply === "") return;
    const bytes = encodeBriefly(this.#reply);
    this.#reply = "";
    this.#effects.push({ type: "write", side: "client", bytes });
  }
}
