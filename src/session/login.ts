/**
 * What the three protocols have in common: a client says commands until it has credentials, a verdict is waited for,
 * the upstream is logged in to, and the two are spliced. This file knows the way from a claim to the splice; the way to
 * the claim is in `client_half.ts`. It does not know a word of any protocol. It is long because each step of that way
 * may be followed by almost any other, and all of them look at the same few fields.
 *
 * @module
 */

import type { Accepted, Verdict } from "../auth/mod.ts";
import type { Millis, Octets, RelayWatch } from "../runtime.ts";
import { describeHandshakeFailure } from "../runtime.ts";
import { identityIn } from "../protocol/sasl/identity.ts";
import { canonicalBase64, fromBase64, toBase64 } from "./base64.ts";
import { encodeBriefly } from "./bytes.ts";
import type { Claim } from "./client_half.ts";
import type { LoginOptions } from "./conversation.ts";
import type { CloseReason, Connection, Effect, Input, Session, Side } from "./mod.ts";
import { RefusableHalf } from "./refusal.ts";
import { UpstreamReplies } from "./replies.ts";
import type { RefusedStep, UpstreamLogin, UpstreamStep } from "./upstream.ts";

export type { Claim } from "./client_half.ts";
export type { LoginOptions } from "./conversation.ts";

/** A session up to its splice. A protocol says its words by filling in the abstract parts. */
export abstract class LoginSession<Options extends LoginOptions> extends RefusableHalf<Options> implements Session {
  readonly #replies: UpstreamReplies;
  #accepted: Accepted | undefined;
  #claim: Claim | undefined;
  #upstream: UpstreamLogin | undefined;
  /** Whether what the upstream says may be anybody's, since TLS with it is still to come. */
  #isUpstreamInClear = false;
  /** Whether the client has seen something of the upstream: from then on there is no other for it. */
  #isSeen = false;
  /** When the login to the upstream has to be done; `undefined` once that has said something. */
  #loginDeadline: Millis | undefined;
  /** Why the upstream before was left, and what the client hears of it if there is no other. */
  #failure: { readonly reason: CloseReason; readonly reply: Uint8Array | undefined } | undefined;

  constructor(options: Options, connection: Connection) {
    super(options, connection);
    this.#replies = new UpstreamReplies(options.proxyBuffer);
  }

  /** What the client hears when the fault is not its own. */
  protected abstract internalError(): Octets;
  /** What the client hears when we stop. */
  protected abstract farewell(): Octets;
  /** Watches a session that is logged in for places where {@linkcode farewell} may stand. */
  protected createWatch(): RelayWatch | undefined {
    return undefined;
  }
  /** The login to the upstream. */
  protected abstract startUpstream(accepted: Accepted): UpstreamLogin;

  get login(): Octets | undefined {
    return this.#accepted?.login || this.claimed || undefined;
  }

  get apology(): Octets {
    return this.internalError();
  }

  wants(side: Side): boolean {
    if (side === "upstream") return this.#isAsking || this.#isUpstreamWaiting;
    if (this.phase === "securing") return false;
    if (this.phase === "commands") return true;
    return this.phase !== "over" && !this.clientEnded && this.input.length < this.options.clientBuffer;
  }

  receive(input: Input, now: Millis): readonly Effect[] {
    this.begin(now);
    if (this.phase !== "over") this.#take(input);
    this.#replies.settle();
    return this.finish();
  }

  #take(input: Input): void {
    switch (input.type) {
      case "opened":
        return this.opened();
      case "secured":
        return input.side === "client" ? this.clientSecured(input.facts) : this.#upstreamSecured();
      case "notSecured":
        if (input.side === "upstream") this.action = "SSL handshaking to upstream";
        this.log(input.side === "client" ? "info" : "error", describeHandshakeFailure(input.text));
        return input.side === "client" ? this.close("handshakeFailed") : this.#leaveUpstream("upstreamUnavailable");
      case "resolved":
        return this.phase === "resolving" ? this.resolved(input.host) : undefined;
      case "bytes":
        return input.side === "client" ? this.clientSent(input.bytes) : this.#upstreamSent(input.bytes);
      case "ended":
        return input.side === "client" ? this.clientEnds() : this.#upstreamEnds();
      case "verdict":
        return this.#judge(input.verdict);
      case "connected":
        return this.#connected();
      case "connectFailed":
        if (this.#isUpstreamWaiting) return this.#forgetUpstream();
        return this.#leaveUpstream(input.isOurs === true ? "noRoom" : "upstreamUnavailable");
      case "noUpstream":
        return this.#noUpstream();
      case "timedOut":
        return this.#timedOut();
      case "shutdown":
        // A client in a handshake is told in TLS or not at all.
        if (this.phase !== "securing") this.say(this.farewell());
        return this.close("shutdown");
    }
  }

  #judge(verdict: Verdict): void {
    if (this.phase !== "authenticating") return;
    switch (verdict.type) {
      case "accepted":
        this.#accepted = verdict;
        if (!verdict.isPassThrough && this.isOverLimit()) return this.refuseOverLimit();
        this.#failure = undefined;
        this.phase = "connecting";
        this.#approach();
        return this.emit({ type: "connect", route: verdict.route, ...verdict.tls && { tls: verdict.tls } });
      case "refused":
        return this.refuse(verdict);
      case "unavailable":
        return this.#fail(verdict.isOurs === true ? "noRoom" : "authUnavailable");
    }
  }

  #timedOut(): void {
    switch (this.phase) {
      case "delaying":
        return this.tellRefusal();
      case "greetingDelay":
        return this.greet();
      case "connecting":
      case "upstream":
        this.log("error", `upstream timed out ${TIMED_OUT}`);
        return this.#leaveUpstream("upstreamUnavailable");
      default:
        this.log("info", `client timed out ${TIMED_OUT}`);
        this.close("timeout");
    }
  }

  #connected(): void {
    if (this.phase !== "connecting" || this.#accepted === undefined) return;
    this.phase = "upstream";
    this.action = "reading response from upstream";
    this.#isUpstreamInClear = this.startsUpstreamTls(this.#accepted);
    this.#upstream = this.startUpstream(this.#accepted);
  }

  /** Whether the upstream is asked for TLS in clear. */
  protected startsUpstreamTls({ tls }: Accepted): boolean {
    return (tls ?? this.options.upstreamTls) === "starttls";
  }

  /** Whether the login to the upstream is under way, be it the upstream's turn or the client's. */
  get #isAsking(): boolean {
    return this.phase === "upstream" || this.phase === "challenged";
  }

  /** Whether an upstream waits until the client says its login. */
  get #isUpstreamWaiting(): boolean {
    return this.#upstream !== undefined && (this.phase === "commands" || this.phase === "securing");
  }

  #upstreamSent(bytes: Uint8Array): void {
    // Nobody has asked it anything: what it says is that it waits no more.
    if (this.#isUpstreamWaiting) return this.#forgetUpstream();
    if (!this.#isAsking) return;
    if (this.#loginDeadline !== undefined) this.deadline = this.#loginDeadline;
    this.#loginDeadline = undefined;
    this.#replies.append(bytes);
    this.#readReplies();
  }

  #readReplies(): void {
    while (this.#isAsking && this.#upstream !== undefined) {
      const line = this.#replies.nextLine();
      if (line === undefined) break;
      if (this.phase === "challenged") this.#interrupt(this.#upstream.line(line));
      else {
        this.action = "reading response from upstream";
        this.#continue(this.#upstream.line(line));
      }
    }
    if (this.#isAsking && this.#replies.isTooLong) this.#tooLongReply();
  }

  /** The client has not answered yet, so that no verdict can be about its answer. */
  #interrupt(step: UpstreamStep): void {
    if (step.type === "wait") return;
    this.action = "reading response from upstream";
    this.log("error", "upstream did not wait for the client's answer");
    this.#leaveUpstream("upstreamUnavailable");
  }

  #tooLongReply(): void {
    this.action = "reading response from upstream";
    this.log("error", `upstream sent too long response line: "${this.#replies.beginning(SHOWN)}..."`);
    this.#leaveUpstream("upstreamUnavailable");
  }

  #continue(step: UpstreamStep): void {
    switch (step.type) {
      case "wait":
        return;
      case "secure":
        return this.#secureUpstream();
      case "send":
        // What was said before we asked is no answer to it.
        this.#replies.clear();
        this.action = step.action;
        return this.emit({ type: "write", side: "upstream", bytes: encodeBriefly(step.text) });
      case "challenge":
        return this.#relayChallenge(step.text);
      case "ready":
        this.#replies.clear();
        this.emit({ type: "turn", side: "client" });
        return this.upstreamReady(step.text);
      case "done":
        return this.#splice(step.reply);
      case "refused":
        return this.#refusedByUpstream(step);
      case "unusable":
        this.log("error", step.text);
        return this.#leaveUpstream("upstreamUnavailable");
      case "failed":
        this.log("error", step.text);
        return this.#fail("upstreamUnavailable");
    }
  }

  /** What an upstream says between its consent and the handshake was said by anybody: it ends the attempt. */
  #secureUpstream(): void {
    this.action = "SSL handshaking to upstream";
    if (!this.#replies.hasMore) {
      this.#replies.clear();
      this.phase = "connecting";
      return this.emit({ type: "secure", side: "upstream" });
    }
    this.log("error", "upstream sent data before the TLS handshake");
    this.#leaveUpstream("upstreamUnavailable");
  }

  #upstreamSecured(): void {
    if (this.phase !== "connecting" || this.#upstream === undefined) return;
    this.#isUpstreamInClear = false;
    this.phase = "upstream";
    this.action = "reading response from upstream";
    this.#continue(this.#upstream.secured());
  }

  #splice(reply: Octets | undefined): void {
    if (this.#accepted?.isPassThrough && this.isOverLimit()) {
      this.#forgetUpstream();
      return this.refuseOverLimit();
    }
    this.action = "";
    this.log("info", "client logged in");
    if (this.#accepted?.isPassThrough && this.#claim?.method !== "none") this.connection.failures?.succeeded();
    const toClient = this.#replies.takeAll(reply);
    const farewell = this.farewell();
    const toUpstream = this.input.takeAll();
    const { clientEnded } = this;
    this.emit({ type: "splice", toClient, toUpstream, clientEnded, farewell, watch: this.createWatch() });
    this.phase = "over";
    this.action = "proxying";
    this.deadline = undefined;
  }

  /** The upstream waits for the client; `text` is what the client needs for its login. */
  protected upstreamReady(_text: Octets | undefined): void {}

  /** Hands a login on to the upstream that waits for it. */
  protected logInUpstream(login: Octets, command: Octets): void {
    const upstream = this.#upstream;
    if (upstream?.respond === undefined) {
      this.log("error", "no upstream waits for this login");
      return this.#fail("upstreamUnavailable");
    }
    this.countAttempt();
    this.#identify(login);
    this.#isSeen = true;
    this.#askUpstream(upstream.respond(command));
  }

  /** Goes to an upstream that has to greet before the client can say who it is: no attempt to log in as yet. */
  protected askAhead(claim: Claim): void {
    this.#claim = claim;
    this.ask(claim);
  }

  /** A login that needs no upstream which waits for it begins with one of its own. */
  protected override authenticate(claim: Claim): void {
    if (this.#upstream !== undefined) this.#forgetUpstream();
    this.#accepted = undefined;
    this.#claim = claim;
    super.authenticate(claim);
  }

  #identify(login: Octets): void {
    this.claimed = login;
    this.emit({ type: "identified", login, attempt: this.attempt });
  }

  #askUpstream(step: UpstreamStep): void {
    this.emit({ type: "turn", side: "upstream" });
    this.phase = "upstream";
    this.action = "reading response from upstream";
    this.deadline = this.now + this.options.timeout;
    this.#continue(step);
  }

  /** Shows the client what the upstream asks. From now on it is this upstream or none. */
  #relayChallenge(text: Octets): void {
    const challenge = canonicalBase64(text);
    if (challenge === undefined) {
      this.log("error", "upstream sent a challenge that is no base64");
      return this.#leaveUpstream("upstreamUnavailable");
    }
    this.#replies.clear();
    this.#isSeen = true;
    this.emit({ type: "turn", side: "client" });
    this.challenge(challenge);
    this.phase = "challenged";
    this.action = "in auth state";
    this.deadline = this.now + this.options.timeout;
    if (this.input.length > 0 || this.clientEnded) this.readAnswer();
  }

  protected answered(response: Octets): void {
    const upstream = this.#upstream;
    const method = this.proof?.method ?? "none";
    const message = fromBase64(response);
    if (message === undefined || upstream?.respond === undefined) return this.#giveUpExchange(response);
    const login = identityIn(method, message);
    if (login !== undefined) this.#identify(login);
    this.#askUpstream(upstream.respond(toBase64(message)));
  }

  /** The client has called the exchange off (`*`), or what it sent is no answer. */
  #giveUpExchange(response: Octets): void {
    if (response !== "*") this.log("info", "client sent invalid base64 encoding");
    this.#forgetUpstream();
    this.misuse();
    this.readOn();
  }

  /** Done with an upstream that has nothing wrong with it. */
  #forgetUpstream(): void {
    this.emit({ type: "leaveUpstream", hasFailed: false });
    this.#replies.clear();
    this.#upstream = undefined;
    this.#accepted = undefined;
    this.#isSeen = false;
  }

  #refusedByUpstream({ text, isTemporary = false, refusal }: RefusedStep): void {
    // The client would take for its server's what anybody on the way to it can say.
    const mayPass = this.options.passErrorMessage && !this.#isUpstreamInClear;
    if (refusal !== undefined) {
      if (refusal.otherFault !== undefined) this.#logResponse(text, mayPass, "loginRefused");
      this.#forgetUpstream();
      return this.refuseForUpstream(refusal, mayPass);
    }
    if (!isTemporary && this.#isOutdated(text)) return;
    this.#logResponse(text, mayPass);
    const reply = mayPass ? this.#replies.takeAll() : undefined;
    if (isTemporary || this.#accepted?.isPassThrough) this.#leaveUpstream("upstreamRefused", reply);
    else this.#fail("upstreamRefused", reply);
  }

  /** What the client is not to hear, the operator should. */
  #logResponse(text: Octets, mayPass: boolean, event?: "loginRefused"): void {
    this.log(mayPass ? "info" : "error", `upstream sent invalid response: "${text}"`, event);
  }

  /** Whether the verdict was one of before, and its source is asked now what it says today. */
  #isOutdated(text: Octets): boolean {
    const kept = this.#accepted?.kept;
    kept?.forget();
    if (kept?.isOld !== true || this.#claim === undefined) return false;
    this.log("info", `upstream refused a login that had a cached answer: "${text}", asking again`);
    this.#forgetUpstream();
    this.ask(this.#claim);
    return true;
  }

  #upstreamEnds(): void {
    // One that waited for a login may grow tired of it; the client's next word decides what that means.
    if (this.#isUpstreamWaiting) return this.#forgetUpstream();
    if (!this.#isAsking) return;
    this.action = "reading response from upstream";
    this.log("error", "upstream prematurely closed connection");
    this.#leaveUpstream("upstreamUnavailable");
  }

  /** Gives this upstream up. The client, who has seen nothing of it, hears `reply` only if there is no other. */
  #leaveUpstream(reason: CloseReason, reply?: Uint8Array): void {
    if (this.phase === "challenged" || this.#isSeen) {
      // It is where the login ends, also when it was the client's turn.
      this.emit({ type: "turn", side: "upstream" });
      this.emit({ type: "leaveUpstream", hasFailed: true });
      return this.#fail(reason, reply);
    }
    if (this.phase !== "connecting" && this.phase !== "upstream") return;
    this.#failure = { reason, reply };
    this.#replies.clear();
    this.#upstream = undefined;
    this.phase = "connecting";
    this.#approach();
    this.emit({ type: "nextUpstream" });
  }

  /** An upstream begins its time, and the shorter one that it has up to its first word. */
  #approach(): void {
    const { timeout, connectTimeout } = this.options;
    this.action = "connecting to upstream";
    this.#loginDeadline = this.now + timeout;
    this.deadline = this.now + Math.min(connectTimeout, timeout);
  }

  #noUpstream(): void {
    if (this.phase !== "connecting") return;
    this.#fail(this.#failure?.reason ?? "upstreamUnavailable", this.#failure?.reply);
  }

  /** Ends the session for no fault of the client's, who hears the internal error unless there is something better. */
  #fail(reason: CloseReason, reply?: Uint8Array): void {
    if (reply === undefined) this.say(this.internalError());
    else this.emit({ type: "write", side: "client", bytes: reply });
    this.close(reason);
  }
}

const TIMED_OUT = "(110: Connection timed out)";

/** Octets of an over-long reply that the log shows: enough to know the server by. */
const SHOWN = 128;
