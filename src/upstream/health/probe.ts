/**
 * One health check as a function of what happened: it is told what the server did, and answers with what to do and, in
 * the end, with a verdict. It sees no socket and no clock.
 *
 * @module
 */

import type { Millis, Octets } from "../../runtime.ts";
import { describeHandshakeFailure } from "../../runtime.ts";
import { encode } from "../../session/bytes.ts";
import type { ProbeScript, ProbeStep } from "../../session/probe.ts";
import { UpstreamReplies } from "../../session/replies.ts";

/** What happened. */
export type ProbeInput =
  /** There is a connection, secured where TLS comes first. */
  | { readonly type: "connected" }
  | { readonly type: "bytes"; readonly bytes: Uint8Array }
  | { readonly type: "secured" }
  /** There is no connection, or it broke. `text` says why, as the log writes it. */
  | { readonly type: "failed"; readonly text: Octets }
  /** The handshake failed; `text` is the TLS library's. */
  | { readonly type: "notSecured"; readonly text: Octets }
  | { readonly type: "ended" }
  | { readonly type: "timedOut" };

/** What to do. */
export type ProbeEffect =
  | { readonly type: "write"; readonly bytes: Uint8Array }
  | { readonly type: "secure" }
  /** Comes once. The connection may go on a little, in good manners. */
  | { readonly type: "verdict"; readonly verdict: ProbeVerdict }
  /** Comes last. */
  | { readonly type: "close" };

/** What a check found. */
export type ProbeVerdict = { readonly isHealthy: true } | { readonly isHealthy: false; readonly reason: Octets };

/** What a check depends on. */
export interface ProbeOptions {
  readonly script: ProbeScript;
  /** For all of it: `health_check_timeout`. */
  readonly timeout: Millis;
  /** Octets of the longest reply: `proxy_buffer`, as for sessions. */
  readonly longestReply: number;
  /** Whether TLS is spoken from the first octet. */
  readonly isImplicitTls: boolean;
}

/** One check, from the connect to the server's answer to our farewell. */
export class Probe {
  /** When to deliver `timedOut`, or `undefined` for never. */
  deadline: Millis | undefined;
  readonly #options: ProbeOptions;
  readonly #replies: UpstreamReplies;
  #effects: ProbeEffect[] = [];
  #awaits: Octets = "connection";
  #phase: "connecting" | "talking" | "securing" | "leaving" | "over" = "connecting";

  /** The clock runs from `now`. */
  constructor(options: ProbeOptions, now: Millis) {
    this.#options = options;
    this.#replies = new UpstreamReplies(options.longestReply);
    this.deadline = now + options.timeout;
  }

  /** Takes one input and returns all that follows from it. Never throws for what a server sent. */
  receive(input: ProbeInput): readonly ProbeEffect[] {
    this.#effects = [];
    if (this.#phase === "leaving") this.#leave(input);
    else if (this.#phase !== "over") this.#take(input);
    this.#replies.settle();
    return this.#effects;
  }

  #take(input: ProbeInput): void {
    switch (input.type) {
      case "connected":
        this.#phase = "talking";
        this.#awaits = "greeting";
        return;
      case "bytes":
        this.#replies.append(input.bytes);
        return this.#read();
      case "secured":
        if (this.#phase !== "securing") return;
        this.#phase = "talking";
        return this.#follow(this.#options.script.secured());
      case "failed":
        return this.#fail(input.text);
      case "notSecured":
        return this.#fail(describeHandshakeFailure(input.text));
      case "ended":
        return this.#fail(`no ${this.#awaits}: the server closed the connection`);
      case "timedOut":
        return this.#fail(`no ${this.#awaitedNow} within ${describeTime(this.#options.timeout)}`);
    }
  }

  get #awaitedNow(): Octets {
    const isHandshake = this.#phase === "securing" || (this.#phase === "connecting" && this.#options.isImplicitTls);
    return isHandshake ? "TLS" : this.#awaits;
  }

  /** The verdict is known; what still comes only ends it. */
  #leave(input: ProbeInput): void {
    if (input.type !== "bytes") return this.#close();
    this.#replies.append(input.bytes);
    for (let line = this.#replies.nextLine(); line !== undefined; line = this.#replies.nextLine()) {
      if (this.#options.script.line(line).type === "over") return this.#close();
    }
    if (this.#replies.isTooLong) this.#close();
  }

  #read(): void {
    while (this.#phase === "talking") {
      const line = this.#replies.nextLine();
      if (line === undefined) break;
      this.#follow(this.#options.script.line(line));
    }
    if (this.#phase === "talking" && this.#replies.isTooLong) {
      const { longestReply } = this.#options;
      this.#fail(`${this.#awaits} longer than ${longestReply} octets: "${this.#replies.beginning(SHOWN)}..."`);
    }
  }

  #follow(step: ProbeStep): void {
    switch (step.type) {
      case "wait":
        return;
      case "send":
        // What was said before we asked is no answer to it.
        this.#replies.clear();
        this.#awaits = step.awaits;
        return this.#say(step.text);
      case "secure":
        return this.#secure();
      case "healthy":
        this.#effects.push({ type: "verdict", verdict: { isHealthy: true } });
        this.#replies.clear();
        this.#phase = "leaving";
        return this.#say(step.farewell);
      case "unhealthy":
        this.#say(step.farewell);
        return this.#fail(step.reason ?? `${this.#awaits} "${shown(step.text ?? "")}"`);
      case "over":
        return this.#close();
    }
  }

  /** What a server says between its consent and the handshake was said by anybody. */
  #secure(): void {
    if (this.#replies.hasMore) return this.#fail("data before the TLS handshake");
    this.#replies.clear();
    this.#phase = "securing";
    this.#effects.push({ type: "secure" });
  }

  #say(text: Octets): void {
    if (text !== "") this.#effects.push({ type: "write", bytes: encode(text) });
  }

  #fail(reason: Octets): void {
    this.#effects.push({ type: "verdict", verdict: { isHealthy: false, reason } });
    this.#close();
  }

  #close(): void {
    this.#phase = "over";
    this.deadline = undefined;
    this.#replies.clear();
    this.#effects.push({ type: "close" });
  }
}

function shown(text: Octets): Octets {
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}...`;
}

/** `5s`, or `1500ms` where seconds do not do. */
export function describeTime(time: Millis): Octets {
  return time % 1000 === 0 ? `${time / 1000}s` : `${time}ms`;
}

/** Octets of a reply that the log shows: enough to know the server by. */
const SHOWN = 128;
