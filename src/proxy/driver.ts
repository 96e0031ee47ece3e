/**
 * One client's connection: the loop between a session and its two sockets. It carries the session's effects out in
 * order, one input at a time, and knows nothing of any protocol. It is long because what an input may come to is decided
 * by the same few fields, whoever it came from: the parts that could be told apart (the upstream's side, the facts, the ends
 * of log lines) are in files of their own.
 *
 * @module
 */

import type { Credentials, Note } from "../auth/mod.ts";
import type { Cancel, Millis, Octets, Relay, RelayFailure, RelayResult, Socket, SystemFailure } from "../runtime.ts";
import { describeBrokenSocket, describeFailure, isBrokenPipe, isOurs } from "../runtime.ts";
import { type Listed, NOWHERE } from "../roster.ts";
import { EMPTY, encode } from "../session/bytes.ts";
import type { Effect, Input, NoteLevel, Session, Side, Splice } from "../session/mod.ts";
import { SplicedSession } from "../session/spliced.ts";
import { describeDefect } from "./defect.ts";
import type { SessionFacts, SpokenBefore } from "./facts.ts";
import { recordOf, type SessionRecord } from "./record.ts";
import { certificateChooser } from "./choice.ts";
import { SideHandler, steer } from "./side.ts";
import type { Arrival, Service, StopReason } from "./service.ts";
import { describeSession } from "./tail.ts";
import { UpstreamLink } from "./upstream_link.ts";

/** Drives one session from accept to its last byte. */
export class Driver implements Listed {
  /** A client that asks for TLS may choose another server block with it. */
  #service: Service;
  readonly #arrival: Arrival;
  #client: Socket;
  /** While a handshake has the client's socket, nobody would hear that it closed. */
  #isHandshaking = false;
  #session: Session;
  readonly #facts: SessionFacts;
  readonly #inputs: Input[] = [];
  #isFeeding = false;
  #upstream: UpstreamLink;
  /** What is under way for the session with anybody but an upstream. */
  #cancel: Cancel | undefined;
  #isClientBlocked = false;
  #isUpstreamBlocked = false;
  #timer: Cancel | undefined;
  #timerDue: Millis = 0;
  #relay: Relay | undefined;
  #farewell: Octets = "";
  /** What the log was told last: when an upstream is left, the reason for it. */
  #lastSaid: Octets | undefined;
  /** Whether the log knows already why the session ends. */
  #isStopped = false;
  #result: SessionRecord["result"] | undefined;
  #isOver = false;
  place = NOWHERE;

  constructor(service: Service, arrival: Arrival) {
    this.#service = service;
    this.#arrival = arrival;
    this.#client = arrival.socket;
    this.#facts = arrival.facts;
    this.#session = service.createSession(arrival.connection);
    this.#upstream = this.#createLink();
  }

  /** Lets the session begin. */
  start(): void {
    this.#client.handler = new SideHandler(this, "client");
    this.#facts.enter("login");
    this.#feed({ type: "opened" });
    const { held } = this.#arrival;
    if (held.length > 0) this.bytes("client", held);
  }

  /** How long nothing has been relayed; `undefined` before the login. */
  get idleFor(): Millis | undefined {
    return this.#relay?.idleFor;
  }

  /** Ends the session now, and tells its client so in its protocol. */
  stop(why: StopReason): void {
    if (this.#isOver || this.#isStopped || (this.#result !== undefined && this.#relay === undefined)) return;
    if (why === "timeout") this.#log("info", "shutdown timeout");
    this.#isStopped = why === "timeout";
    if (this.#relay !== undefined) this.#relay.stop(encode(this.#farewell));
    else this.#feed({ type: "shutdown" });
  }

  /** Cuts off what is left, whatever its peers still wait for. */
  abort(): void {
    this.#client.abort();
    this.#upstream.socket?.abort();
  }

  /** Called by the sockets' handlers. */
  bytes(side: Side, bytes: Uint8Array): void {
    this.#facts.received(side, bytes.length);
    if (side === "upstream") this.#upstream.heard();
    this.#feed({ type: "bytes", side, bytes });
  }

  drained(side: Side): void {
    if (side === "client") this.#isClientBlocked = false;
    else this.#isUpstreamBlocked = false;
    this.#steerReading();
  }

  ended(side: Side): void {
    this.#feed({ type: "ended", side });
  }

  closed(side: Side, failure: SystemFailure | undefined): void {
    if (this.#isOver) return;
    if (failure !== undefined && this.#result === undefined) this.#logGone(side, failure);
    if (side === "client") return this.#finish(this.#result ?? "clientGone");
    this.#upstream.lost();
    this.#feed(failure === undefined ? { type: "ended", side } : { type: "connectFailed" });
  }

  /** Whatever the upstream was told last, it was its answer that we waited for. */
  #logGone(side: Side, failure: SystemFailure): void {
    const isReading = side === "upstream" && !isBrokenPipe(failure);
    const action = isReading ? "reading response from upstream" : this.#session.action;
    this.#log(side === "client" ? "info" : "error", describeBrokenSocket(failure), action);
  }

  #feed(input: Input): void {
    if (this.#isFeeding) return void this.#inputs.push(input);
    this.#isFeeding = true;
    for (let next: Input | undefined = input; next !== undefined;) {
      if (!this.#isOver && this.#result === undefined) this.#step(next);
      next = this.#inputs.length > 0 ? this.#inputs.shift() : undefined;
    }
    this.#isFeeding = false;
    if (this.#isOver || this.#result !== undefined) return;
    this.#heed();
  }

  /** Does what the session wants beside its effects. */
  #heed(): void {
    try {
      this.#steerReading();
      this.#arm();
    } catch (error) {
      this.#crash(error);
    }
  }

  #step(input: Input): void {
    try {
      for (const effect of this.#session.receive(input, this.#service.runtime.now())) this.#carryOut(effect);
    } catch (error) {
      this.#crash(error);
    }
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case "write":
        return this.#write(effect.side, effect.bytes);
      case "log":
        if (effect.event === "loginFailed") this.#loginFailed();
        if (effect.event === "loginRefused") this.#facts.mayTryAgain();
        return this.#log(effect.level, effect.text, effect.action);
      case "secure":
        return effect.side === "client" ? this.#secureClient() : this.#upstream.secure();
      case "resolve":
        return this.#resolve();
      case "authenticate":
        return this.#authenticate(effect.credentials);
      case "connect":
        return this.#upstream.start(effect.route, effect.tls);
      case "leaveUpstream":
        this.#isUpstreamBlocked = false;
        return this.#upstream.leave(effect.hasFailed ? "failed" : "refused", this.#lastSaid);
      case "identified":
        return this.#facts.identified(effect);
      case "turn":
        return this.#facts.waitsFor(effect.side);
      case "nextUpstream":
        this.#isUpstreamBlocked = false;
        return this.#upstream.next(this.#lastSaid);
      case "splice":
        return this.#splice(effect);
      case "close":
        return this.#close(effect.reason);
    }
  }

  #write(side: Side, bytes: Uint8Array): void {
    this.#facts.sent(side, bytes.length);
    if (side === "client") this.#isClientBlocked = !this.#client.write(bytes);
    else this.#isUpstreamBlocked = !this.#upstream.write(bytes);
  }

  #resolve(): void {
    this.#cancel = this.#service.resolveClient(
      this.#arrival.connection.client,
      (text, action) => this.#log("error", text, action),
      (host) => {
        this.#cancel = undefined;
        this.#feed({ type: "resolved", host });
      },
    );
  }

  #authenticate(credentials: Credentials): void {
    const { authenticator, userNames } = this.#service;
    const note: Note = (level, text) => this.#log(level, text);
    this.#facts.claimed(credentials);
    const asked = this.#identified(credentials) ?? userNames.asked(credentials, this.#facts, note);
    this.#cancel = authenticator.authenticate(asked, note, (verdict) => {
      this.#cancel = undefined;
      this.#facts.judged();
      this.#feed({ type: "verdict", verdict: userNames.told(verdict, asked, this.#facts) });
    });
  }

  /** A name that its source has found is as that knows it. */
  #identified(credentials: Credentials): Credentials | undefined {
    const login = credentials.login === "" ? this.#service.authenticator.identify?.(credentials) : undefined;
    if (login === undefined) return undefined;
    this.#facts.identified({ login, attempt: credentials.attempt });
    return { ...credentials, login };
  }

  #loginFailed(): void {
    this.#facts.loginFailed();
    this.#service.accessLog?.write(this.#facts);
    this.#facts.mayTryAgain();
  }

  #createLink(): UpstreamLink {
    return new UpstreamLink(this.#service, this.#facts, {
      connected: (socket) => {
        socket.handler = new SideHandler(this, "upstream");
        this.#feed({ type: "connected" });
      },
      secured: (socket, facts) => {
        socket.handler = new SideHandler(this, "upstream");
        this.#feed({ type: "secured", side: "upstream", facts });
      },
      failed: (failure) => {
        this.#log("error", `connect() failed ${describeFailure(failure)}`);
        this.#feed({ type: "connectFailed", isOurs: isOurs(failure) });
      },
      tooSlow: () => {
        this.#log("error", "upstream timed out (110: Connection timed out)");
        this.#feed({ type: "connectFailed" });
      },
      notSecured: (text) => this.#feed({ type: "notSecured", side: "upstream", text }),
      exhausted: (shortage) => {
        if (shortage === "noneLive") this.#log("error", "no live upstreams");
        this.#feed({ type: "noUpstream" });
      },
    });
  }

  #secureClient(): void {
    const { choose: chooseService } = this.#arrival;
    const { tls } = this.#service;
    if (tls === undefined) return this.#close("handshakeFailed");
    this.#isHandshaking = true;
    this.#facts.asksForTls();
    const choose = certificateChooser(chooseService, tls);
    this.#cancel = this.#service.runtime.secureServer(this.#client, { choose, held: EMPTY }, {
      secured: (socket, facts) => {
        this.#isHandshaking = false;
        this.#cancel = undefined;
        this.#client = socket;
        // The handshake came behind all that was said in clear, and nobody else heard when that had left.
        this.#isClientBlocked = false;
        this.#facts.secured(facts);
        socket.handler = new SideHandler(this, "client");
        this.#moveTo(chooseService(facts.serverName));
        this.#feed({ type: "secured", side: "client", facts });
      },
      failed: (text) => {
        this.#cancel = undefined;
        this.#feed({ type: "notSecured", side: "client", text });
      },
    });
  }

  /** Goes on with another server block. What began in clear ends with it, but for the guesses and mistakes. */
  #moveTo(service: Service): void {
    if (service === this.#service) return;
    this.#isUpstreamBlocked = false;
    this.#upstream.leave("abandoned");
    this.#service = service;
    this.#facts.service = service;
    this.#upstream = this.#createLink();
    const { connection, judgedBy } = this.#arrival;
    this.#session = service.createSession({
      ...connection,
      ...judgedBy(service),
      before: this.#session.progress,
    });
  }

  /** From here on the adapter moves the bytes. */
  #splice(splice: Splice): void {
    const upstream = this.#upstream.socket;
    if (upstream === undefined) return this.#close("upstreamUnavailable");
    this.#upstream.settle("loggedIn");
    this.#facts.loggedIn();
    this.#disarm();
    this.#result = "stopped";
    this.#farewell = splice.farewell;
    this.#session = new SplicedSession(this.#session);
    const spoken = { toClient: splice.toClient.length, toUpstream: splice.toUpstream.length };
    this.#relay = this.#service.runtime.relay({
      client: this.#client,
      upstream,
      toClient: splice.toClient,
      toUpstream: splice.toUpstream,
      clientEnded: splice.clientEnded,
      timeout: this.#service.proxyTimeout,
      watch: splice.watch,
      done: (result) => this.#relayed(result, spoken),
    });
  }

  #relayed(result: RelayResult, spoken: SpokenBefore): void {
    this.#facts.relayed(result, spoken);
    if (result.failure !== undefined) this.#logBroken(result.failure);
    if (result.end === "timedOut") this.#log("info", "client timed out (110: Connection timed out)");
    else if (!this.#isStopped) this.#log("info", "proxied session done", "");
    this.#finish(result.end, result);
  }

  /** A client may come and go as it likes; an upstream that breaks is worth a look. */
  #logBroken(failure: RelayFailure): void {
    const { side } = failure;
    const action = isBrokenPipe(failure) ? `proxying and sending to ${side}` : `proxying and reading from ${side}`;
    this.#log(side === "client" ? "info" : "error", describeBrokenSocket(failure), action);
  }

  /** Says what is still to be said and closes; the connection is over when the client's socket is. */
  #close(reason: SessionRecord["result"]): void {
    this.#result = reason;
    this.#letGo(reason);
    if (this.#isHandshaking) this.#finish(reason);
    else this.#client.close();
  }

  /** A fault of ours ends this session alone, and its client may try again. */
  #crash(error: unknown): void {
    this.#log("alert", describeDefect(error));
    // What comes out of a handshake is TLS or nothing.
    if (!this.#isHandshaking) this.#client.write(encode(this.#session.apology));
    this.#close("internalError");
  }

  #finish(result: SessionRecord["result"], relayed?: RelayResult): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#letGo(result);
    this.#facts.end(result);
    this.#service.accessLog?.write(this.#facts);
    this.#arrival.ended(recordOf(this.#facts, result, { login: this.#session.login, relayed }));
  }

  /** Gives up all but the client's socket. */
  #letGo(result: SessionRecord["result"]): void {
    const outcome = result === "upstreamRefused" ? "refused" : "abandoned";
    this.#disarm();
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#relay === undefined) this.#upstream.leave(outcome);
    else this.#upstream.release(outcome);
  }

  /** Nothing is read while something said cannot leave, and nothing that the session has no use for. */
  #steerReading(): void {
    if (this.#isOver || this.#result !== undefined) return;
    const mayRead = !this.#isClientBlocked && !this.#isUpstreamBlocked;
    if (!this.#isHandshaking) steer(this.#client, mayRead && this.#session.wants("client"));
    const upstream = this.#upstream.socket;
    if (upstream !== undefined) steer(upstream, mayRead && this.#session.wants("upstream"));
  }

  /** One timer serves all deadlines: one that comes too early is set again, so that a command costs no timer. */
  #arm(): void {
    const deadline = this.#session.deadline;
    if (deadline === undefined || (this.#timer !== undefined && this.#timerDue <= deadline)) return;
    this.#disarm();
    this.#timerDue = deadline;
    this.#timer = this.#service.runtime.timer(deadline - this.#service.runtime.now(), () => this.#ring());
  }

  #ring(): void {
    this.#timer = undefined;
    const deadline = this.#session.deadline;
    if (deadline !== undefined && this.#service.runtime.now() >= deadline) this.#feed({ type: "timedOut" });
    else this.#arm();
  }

  #disarm(): void {
    this.#timer?.();
    this.#timer = undefined;
  }

  #log(level: NoteLevel | "alert", text: Octets, action = this.#session.action): void {
    const { log } = this.#service;
    this.#lastSaid = text;
    if (!log.takes(level)) return;
    const doing = action === "" ? "" : ` while ${action}`;
    const tail = describeSession(this.#facts, { login: this.#session.login, upstream: this.#upstream.text });
    log.write(level, text + doing + tail, this.#arrival.number);
  }
}
