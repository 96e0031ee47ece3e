/**
 * Plays a dialogue, in the notation of the RFCs, against a session: whole, byte by byte, and split at every place.
 *
 *     S: what the client hears            C: what the client says
 *     P: what the upstream hears          U: what the upstream says
 *     ask METHOD "LOGIN" "PASSWORD" ATTEMPT [SALT]      log LEVEL TEXT (ACTION)
 *     resolve                             secure client|upstream
 *     connect TARGET                      next upstream
 *     leave upstream                      identified "LOGIN"
 *     splice "TO CLIENT" "TO UPSTREAM" [ended]
 *     close REASON
 *
 * and the stimuli
 *
 *     accept                              accept from the cache
 *     accept a line break                 accept without a password
 *     accept nobody                       accept a login of every kind
 *     let through                         let through as Joe
 *     refuse WAIT TEXT                    refuse oauth WAIT BASE64
 *     unavailable                         resolved HOST
 *     connected                           connectFailed
 *     noUpstream                          shutdown
 *     C ended                             U ended
 *     C secured                           U secured
 *     C not secured TEXT                  U not secured TEXT
 *     after MILLISECONDS
 *
 * the last of which delivers `timedOut` when the deadline has come by then.
 * A dialogue that never says `next upstream` has only one: its session hears at once that there is no other.
 * A line of C, S, U or P has its CRLF left out; a backslash at its end says that none follows. `\r`, `\n`, `\0`,
 * `\xHH` and `\\` are what they are elsewhere.
 */

import { assertEquals } from "@std/assert";
import type { Accepted, Refused } from "../../src/auth/mod.ts";
import type { TlsFacts } from "../../src/runtime.ts";
import { decode, encode } from "../../src/session/bytes.ts";
import { type Effect, type Input, Secret, type Session } from "../../src/session/mod.ts";
import { factsOf } from "./facts.ts";
import { SingleRoute } from "../../src/upstream/mod.ts";

/** Plays the dialogue in every chunking and asserts that all that was said and done is what is written. */
export function transcript(start: () => Session, script: string): void {
  const steps = parseScript(script);
  for (const chunking of ["whole", "bytes", "together"] as const) play(start(), steps, chunking);
  const longest = Math.max(...steps.map((step) => step.type === "say" ? step.octets.length : 0));
  for (let at = 1; at < longest; at++) play(start(), steps, at);
}

/** How client and upstream lines are cut into inputs: a number cuts each line once, at that place. */
type Chunking = "whole" | "bytes" | "together" | number;

type Step =
  | { readonly type: "say"; readonly side: "client" | "upstream"; readonly octets: string }
  | { readonly type: "do"; readonly input: Input }
  | { readonly type: "after"; readonly delay: number }
  | { readonly type: "expect"; readonly line: string };

const ACCEPTED: Accepted = {
  type: "accepted",
  route: new SingleRoute({ target: { host: "192.0.2.1", port: 143 }, text: "192.0.2.1:143" }),
  login: "joe",
  secret: new Secret("s3cret"),
};

/** What a handshake without a client certificate tells. */
export const TLS: TlsFacts = {
  version: "TLSv1.3",
  cipher: "TLS_AES_256_GCM_SHA384",
  serverName: "mail.example.com",
  alpn: undefined,
  isResumed: false,
  certificate: undefined,
};

/** A verdict that leaves it to the upstream. */
export const LET_THROUGH: Accepted = { ...ACCEPTED, isPassThrough: true };

const REFUSED: Refused = { type: "refused", text: "", wait: 0, smtpCode: undefined, saslError: undefined };

function parseScript(script: string): Step[] {
  const lines = script.split("\n").map((line) => line.replace(/^ +/, "")).filter((line) => line !== "");
  return lines.map(parseLine);
}

function parseLine(line: string): Step {
  const [, who, said] = /^([CU]): ?(.*)$/s.exec(line) ?? [];
  if (who !== undefined) return { type: "say", side: who === "C" ? "client" : "upstream", octets: octets(said ?? "") };
  const input = parseInput(line);
  if (input !== undefined) return { type: "do", input };
  const [, delay] = /^after (\d+)$/.exec(line) ?? [];
  if (delay !== undefined) return { type: "after", delay: Number(delay) };
  const [, expectedSide, text] = /^([SP]): ?(.*)$/s.exec(line) ?? [];
  return { type: "expect", line: expectedSide === undefined ? line : `${expectedSide}: ${octets(text ?? "")}` };
}

function parseInput(line: string): Input | undefined {
  const [, wait, text] = /^refuse (\d+) ?(.*)$/.exec(line) ?? [];
  if (wait !== undefined) {
    return { type: "verdict", verdict: { ...REFUSED, text: text ?? "", wait: Number(wait) } };
  }
  const [, oauthWait, saslError] = /^refuse oauth (\d+) (.*)$/.exec(line) ?? [];
  if (oauthWait !== undefined) {
    return { type: "verdict", verdict: { ...REFUSED, text: "Expired", wait: Number(oauthWait), saslError } };
  }
  const [, host] = /^resolved (.*)$/.exec(line) ?? [];
  if (host !== undefined) return { type: "resolved", host };
  const [, side, reason] = /^(C|U) not secured (.*)$/.exec(line) ?? [];
  if (reason !== undefined) return { type: "notSecured", side: side === "C" ? "client" : "upstream", text: reason };
  switch (line) {
    case "C secured":
      return { type: "secured", side: "client", facts: TLS };
    case "U secured":
      return { type: "secured", side: "upstream", facts: TLS };
    case "accept":
      return { type: "verdict", verdict: ACCEPTED };
    case "accept from the cache":
      return { type: "verdict", verdict: { ...ACCEPTED, kept: { isOld: true, forget: () => {} } } };
    case "let through as Joe":
      return { type: "verdict", verdict: { ...ACCEPTED, login: "Joe@example.com", isPassThrough: true } };
    case "let through":
      return { type: "verdict", verdict: LET_THROUGH };
    case "accept a line break":
      return { type: "verdict", verdict: { ...ACCEPTED, login: "joe\r\nDELE 1" } };
    case "accept without a password":
      return { type: "verdict", verdict: { ...ACCEPTED, secret: undefined } };
    case "accept nobody":
      return { type: "verdict", verdict: { ...ACCEPTED, login: "" } };
    case "accept a login of every kind":
      return { type: "verdict", verdict: { ...ACCEPTED, login: "a NAME=b+\r\n\x7f\xe9!" } };
    case "unavailable":
      return { type: "verdict", verdict: { type: "unavailable" } };
    case "connected":
    case "connectFailed":
    case "noUpstream":
    case "shutdown":
      return { type: line };
    case "C ended":
      return { type: "ended", side: "client" };
    case "U ended":
      return { type: "ended", side: "upstream" };
  }
  return undefined;
}

/** The octets that a line of the notation stands for, with its CRLF. */
export function octets(text: string): string {
  const whole = text.endsWith("\\") && !text.endsWith("\\\\") ? text.slice(0, -1) : `${text}\\r\\n`;
  return whole.replace(
    /\\(?:x([0-9a-fA-F]{2})|(.))/g,
    (_, hex?: string, letter?: string) =>
      hex === undefined
        ? { r: "\r", n: "\n", "0": "\0" }[letter ?? ""] ?? letter ?? ""
        : String.fromCharCode(parseInt(hex, 16)),
  );
}

function play(session: Session, steps: readonly Step[], chunking: Chunking): void {
  const hasOtherUpstreams = steps.some((step) => step.type === "expect" && step.line === "next upstream");
  const player = new Player(session, hasOtherUpstreams);
  player.feed({ type: "opened" });
  let expected: string[] = [];
  let isExpecting = false;
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i];
    if (step === undefined) break;
    if (step.type === "expect") {
      expected.push(step.line);
      isExpecting = true;
      continue;
    }
    if (isExpecting || i === 0) player.check(expected, chunking);
    expected = [];
    isExpecting = false;
    if (step.type === "after") player.wait(step.delay);
    else if (step.type === "do") player.do(step.input);
    else {
      let said = step.octets;
      for (let next = steps[i + 1]; chunking === "together" && next?.type === "say" && next.side === step.side;) {
        said += next.octets;
        next = steps[++i + 1];
      }
      for (const piece of cut(said, chunking)) player.feed({ type: "bytes", side: step.side, bytes: encode(piece) });
    }
  }
  player.check(expected, chunking);
}

function cut(said: string, chunking: Chunking): string[] {
  if (chunking === "bytes") return [...said];
  if (typeof chunking === "number" && chunking < said.length) return [said.slice(0, chunking), said.slice(chunking)];
  return [said];
}

class Player {
  readonly #session: Session;
  readonly #hasOtherUpstreams: boolean;
  #now = 1_000_000;
  #happened: string[] = [];
  #asked = "";

  constructor(session: Session, hasOtherUpstreams: boolean) {
    this.#session = session;
    this.#hasOtherUpstreams = hasOtherUpstreams;
  }

  /** Whoever is let through goes on under the name that was asked about. */
  do(input: Input): void {
    const isMeant = input.type === "verdict" && input.verdict === LET_THROUGH;
    this.feed(isMeant ? { type: "verdict", verdict: { ...LET_THROUGH, login: this.#asked } } : input);
  }

  feed(input: Input): void {
    const effects = this.#session.receive(input, this.#now);
    for (const effect of effects) {
      if (effect.type === "nextUpstream" && !this.#hasOtherUpstreams) this.feed({ type: "noUpstream" });
      else this.#note(effect);
    }
    // What a session was shown is not its own: it must have kept what it needs.
    if (input.type === "bytes") input.bytes.fill(0x21);
  }

  wait(delay: number): void {
    this.#now += delay;
    const { deadline } = this.#session;
    if (deadline !== undefined && deadline <= this.#now) this.feed({ type: "timedOut" });
  }

  check(expected: readonly string[], chunking: Chunking): void {
    assertEquals(this.#happened, merge(expected), `chunking: ${chunking}`);
    this.#happened = [];
  }

  #note(effect: Effect): void {
    const line = this.#describe(effect);
    if (line !== undefined) this.#happened = merge([...this.#happened, line]);
  }

  #describe(effect: Effect): string | undefined {
    switch (effect.type) {
      case "write":
        return `${effect.side === "client" ? "S" : "P"}: ${decode(effect.bytes)}`;
      case "log":
        return `log ${effect.level} ${effect.text}${effect.action === "" ? "" : ` (${effect.action})`}`;
      case "resolve":
        return "resolve";
      case "secure":
        return `secure ${effect.side}`;
      case "authenticate": {
        const { method, login, secret, salt, attempt } = effect.credentials;
        this.#asked = login;
        const salted = salt === undefined ? "" : ` ${salt}`;
        return `ask ${method} ${quote(login)} ${quote(secret.reveal())} ${attempt}${salted}`;
      }
      case "connect":
        return `connect ${effect.route.select(factsOf()).next()?.peer.text}`;
      case "nextUpstream":
        return "next upstream";
      case "leaveUpstream":
        return "leave upstream";
      case "identified":
        return `identified ${quote(effect.login)}`;
      case "turn":
        // Only the access log looks at it.
        return undefined;
      case "splice":
        return `splice ${quote(decode(effect.toClient))} ${quote(decode(effect.toUpstream))}` +
          (effect.clientEnded ? " ended" : "");
      case "close":
        return `close ${effect.reason}`;
    }
  }
}

function quote(text: string): string {
  return JSON.stringify(text);
}

/** Consecutive words to one side are one: how many writes they took does not matter. */
function merge(lines: readonly string[]): string[] {
  const merged: string[] = [];
  for (const line of lines) {
    const last = merged.at(-1);
    const isSameSide = last !== undefined && /^[SP]: /.test(line) && last.startsWith(line.slice(0, 3));
    if (isSameSide) merged[merged.length - 1] = last + line.slice(3);
    else merged.push(line);
  }
  return merged;
}
