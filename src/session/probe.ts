import type { Octets } from "../runtime.ts";

/** What a health check does next, after a line of the server was read. */
export type ProbeStep =
  /** The reply goes on: another line follows. */
  | { readonly type: "wait" }
  /** Say this, and expect `awaits` for it: "answer to EHLO". */
  | { readonly type: "send"; readonly text: Octets; readonly awaits: Octets }
  /** The reply was the consent to begin TLS. */
  | { readonly type: "secure" }
  /** The server is at work. `farewell` ends the conversation in good manners. */
  | { readonly type: "healthy"; readonly farewell: Octets }
  /** It is not: it said `text` for what we awaited, or `reason` is something else. An empty `farewell`: it has left already. */
  | { readonly type: "unhealthy"; readonly text?: Octets; readonly reason?: Octets; readonly farewell: Octets }
  /** The farewell was answered. */
  | { readonly type: "over" };

/**
 * A protocol's words for a health check: it is shown what the server says, line by line, its greeting first. It never
 * logs in.
 */
export interface ProbeScript {
  /** Takes a line without its end. */
  line(line: Octets): ProbeStep;
  /** TLS has begun after a `secure` step. */
  secured(): ProbeStep;
}

/** What the words depend on. */
export interface ProbeScriptOptions {
  /** Whether the server is asked for TLS first. */
  readonly startsTls: boolean;
  /** What we call ourselves in EHLO. */
  readonly serverName: Octets;
}

/** Another line follows. */
export const GO_ON: ProbeStep = { type: "wait" };
