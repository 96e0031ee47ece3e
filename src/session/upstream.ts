import type { Refused } from "../auth/mod.ts";
import type { Octets } from "../runtime.ts";

/** What the login to an upstream does next, after a line of it was read. */
export type UpstreamStep =
  /** The reply goes on: another line follows. */
  | { readonly type: "wait" }
  /** The reply was what we waited for: say this, while at `action` as the log calls it. */
  | { readonly type: "send"; readonly text: Octets; readonly action: string }
  /** The reply was the consent to begin TLS. */
  | { readonly type: "secure" }
  /** Logged in. The client gets `reply`, or what the upstream just said when that is `undefined`. */
  | { readonly type: "done"; readonly reply: Octets | undefined }
  /**
   * Not what we waited for; `text` is the reply as the log shows it. `isTemporary` when the server says that it cannot
   * do its work now, whoever asks: another one may.
   */
  | {
    readonly type: "refused";
    readonly text: Octets;
    readonly isTemporary?: boolean;
    /** What it says of the login itself, where it is the one to check that; without it, it has not come so far. */
    readonly refusal?: UpstreamRefusal;
  }
  /** The server asks what only the client can answer; the client is shown `text`, which is in base64. */
  | { readonly type: "challenge"; readonly text: Octets }
  /** The server waits for the client's login. `text` is what the client needs for it, where there is such a thing. */
  | { readonly type: "ready"; readonly text: Octets | undefined }
  /** This server cannot be used as it is; another one may. */
  | { readonly type: "unusable"; readonly text: Octets }
  /** We cannot go on, whichever server it is. */
  | { readonly type: "failed"; readonly text: Octets };

export type RefusedStep = Extract<UpstreamStep, { readonly type: "refused" }>;

/** How a server refused a login. */
export interface UpstreamRefusal {
  /** Its words for the client. */
  readonly text: Octets;
  /** In SMTP, the code before them. */
  readonly smtpCode: Octets | undefined;
  /** What it told as a challenge before (RFC 7628, 3.2.2), in base64. */
  readonly saslError: Octets | undefined;
  /** What the client hears in our words where its password is not what is wrong; without it, that is. */
  readonly otherFault?: Pick<Refused, "text" | "smtpCode"> | undefined;
}

/** {@linkcode UpstreamRefusal.otherFault} with a response code of IMAP (RFC 5530) or POP3 (RFC 2449, 8). */
export function refusalWith(code: Octets): Pick<Refused, "text" | "smtpCode"> {
  return { smtpCode: undefined, text: `[${code}] Login refused for another reason than its password` };
}

/** The client's half of a protocol's login: it is shown what the upstream says, line by line, its greeting first. */
export interface UpstreamLogin {
  /** Takes a line without its end. */
  line(line: Octets): UpstreamStep;
  /** Takes what the client answered to a `challenge` step, in base64, or its command after a `ready` step. */
  respond?(response: Octets): UpstreamStep;
  /** TLS has begun after a `secure` step: what was learnt before counts no more. Gives what to say now. */
  secured(): UpstreamStep;
}

export const WAIT: UpstreamStep = { type: "wait" };

/** A digest proves the client to the auth server; to the upstream it is worth nothing. */
export const NO_PASSWORD: UpstreamStep = { type: "failed", text: "no password available" };
