/**
 * How a login that is refused ends: with words for the client, at once or held back, and with another try or none.
 *
 * @module
 */

import type { Refused } from "../auth/mod.ts";
import type { Octets } from "../runtime.ts";
import { canonicalBase64 } from "./base64.ts";
import { ClientHalf } from "./client_half.ts";
import type { LoginOptions } from "./conversation.ts";
import type { CloseReason } from "./mod.ts";
import { Secret } from "./secret.ts";
import type { UpstreamRefusal } from "./upstream.ts";

/** A refusal that is to be told, and what closes the connection when it is the last. */
interface Refusal extends Refused {
  readonly closes: CloseReason;
}

/** A client that can be refused. */
export abstract class RefusableHalf<Options extends LoginOptions> extends ClientHalf<Options> {
  #refusal: Refusal | undefined;

  /** How a refused login is told. */
  protected abstract refusal(refused: Refused): Octets;
  /** How a login is refused that the upstream said no to, in our words. */
  protected abstract readonly loginFailed: Pick<Refused, "text" | "smtpCode">;

  /** Obeys a verdict; its wait is over before the client hears of it. */
  protected refuse(refused: Refused): void {
    this.logFailedLogin(refused.text);
    this.connection.limit?.refused();
    this.#refusal = { ...refused, closes: "refused" };
    if (refused.wait === 0) return this.tellRefusal();
    this.phase = "delaying";
    this.deadline = this.now + refused.wait;
  }

  /** Tells the client that the upstream refuses its login. It may try again, as often as it may err. */
  protected refuseForUpstream(refusal: UpstreamRefusal, mayPass: boolean): void {
    const { otherFault } = refusal;
    const saslError = refusal.saslError === undefined ? undefined : canonicalBase64(refusal.saslError);
    const { text, smtpCode } = mayPass && refusal.text !== "" ? refusal : otherFault ?? this.loginFailed;
    const wait = this.isLastError() ? 0 : 1;
    const closes = otherFault === undefined ? "refused" : "upstreamRefused";
    this.#refusal = { type: "refused", text, wait, smtpCode, saslError, closes };
    if (otherFault !== undefined) return this.tellRefusal();
    this.logFailedLogin(refusal.text);
    const delay = this.#delay();
    if (delay === 0) return this.tellRefusal();
    this.phase = "delaying";
    this.deadline = this.now + delay;
  }

  /** How a client is refused whose login is right, but who is one too many. */
  protected abstract readonly limitReached: Pick<Refused, "text" | "smtpCode">;

  /** Whether there are too many like this client, now that its login is right. It is told, and may try again. */
  protected isOverLimit(): boolean {
    const refusal = this.connection.limit?.loggedIn();
    if (refusal === undefined) return false;
    this.log(refusal.level, refusal.text, refusal.isDryRun ? undefined : "loginRefused");
    return !refusal.isDryRun;
  }

  /** Tells a client that there are too many like it. It may try again. */
  protected refuseOverLimit(): void {
    const isLast = this.isLastError();
    this.exchange = undefined;
    this.say(this.refusal({ type: "refused", ...this.limitReached, wait: 0, saslError: undefined }));
    this.reset();
    if (isLast) this.close("limited");
    else this.readOn();
  }

  /** How long whoever guesses passwords has to wait. */
  #delay(): number {
    if (this.connection.failures === undefined) return 0;
    const secret = this.proof?.secret ?? new Secret("");
    const { delay, text } = this.connection.failures.failed(this.login ?? "", secret);
    if (text !== "") this.log("info", text);
    return delay;
  }

  /** The login as the log shows it. */
  abstract get login(): Octets | undefined;

  /** An OAuth client hears the error as a challenge first, and the refusal once it has answered that. */
  protected tellRefusal(): void {
    const refused = this.#refusal;
    if (refused === undefined) return;
    const answer = refused.saslError === undefined ? undefined : this.exchange?.errorAnswer;
    if (answer === undefined) return this.#endAttempt(refused, this.refusal(refused));
    this.errorAnswer = answer;
    this.challenge(refused.saslError ?? "");
    this.readOn();
  }

  protected answeredError(isRight: boolean): void {
    const refused = this.#refusal;
    this.errorAnswer = undefined;
    if (refused !== undefined) this.#endAttempt(refused, isRight ? this.refusal(refused) : this.invalidCommand());
  }

  /** Tells how the attempt ended. Only a refusal that was held back leaves the client another. */
  #endAttempt(refusal: Refusal, reply: Octets): void {
    const { wait, closes } = refusal;
    this.say(reply);
    this.exchange = undefined;
    this.#refusal = undefined;
    this.reset();
    if (wait === 0) this.close(closes);
    else this.readOn();
  }
}
