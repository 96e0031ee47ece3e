/**
 * The server's half of SASL (RFC 4422), the same for all protocols: what a mechanism asks, and what it makes of the
 * answers. How challenges are written on the wire belongs to each protocol.
 *
 * @module
 */

import type { AuthMethod } from "../../auth/mod.ts";
import type { Octets } from "../../runtime.ts";
import type { Secret } from "../../session/secret.ts";
import { CramMd5Exchange } from "./cram_md5.ts";
import { ExternalExchange } from "./external.ts";
import { LoginExchange } from "./login.ts";
import { OauthBearerExchange } from "./oauthbearer.ts";
import { PlainExchange } from "./plain.ts";
import { Xoauth2Exchange } from "./xoauth2.ts";

/** One exchange under way. */
export interface SaslExchange {
  /** What to ask first when the client sent no initial response; base64 already. */
  readonly firstChallenge: Octets;
  /** Whether the client may send its first response along with the command. */
  readonly takesInitialResponse: boolean;
  /** What a client says to an error that was told as a challenge, when the mechanism has such a thing. */
  readonly errorAnswer: Octets | undefined;
  /** Takes a response, still in base64. */
  respond(response: Octets): SaslStep;
}

/** What follows from a response. */
export type SaslStep =
  | { readonly type: "challenge"; readonly text: Octets }
  | { readonly type: "done"; readonly proof: Proof }
  /** `text` is for the log and has nothing of what the client sent. */
  | { readonly type: "failed"; readonly text: Octets };

/** Who the client says it is, and what it has to show for it. */
export interface Proof {
  readonly method: AuthMethod;
  readonly login: Octets;
  /** The password, the digest or the token; empty for EXTERNAL. */
  readonly secret: Secret;
  /** What the digest was made with. */
  readonly salt: Octets | undefined;
  /** The client's whole first response, where there was one: it may say more than name and secret. */
  readonly message?: Secret | undefined;
}

/** The mechanisms that are refused unless they are configured. PLAIN and LOGIN always work, as in nginx. */
export type GatedMechanism =
  | "cram-md5"
  | "external"
  | "xoauth2"
  | "oauthbearer"
  | "scram-sha-1"
  | "scram-sha-256";

/** What an exchange may depend on. */
export interface SaslContext {
  readonly allowed: readonly string[];
  /** The connection's salt, in angle brackets, the same each time. */
  readonly salt: () => Octets;
}

/** Begins an exchange, or gives `undefined` for a mechanism that is not to be had. Names are compared without case. */
export function startExchange(mechanism: Octets, context: SaslContext): SaslExchange | undefined {
  const name = mechanism.toLowerCase();
  if (GATED.some((gated) => gated === name) && !context.allowed.includes(name)) return undefined;
  switch (name) {
    case "plain":
      return new PlainExchange();
    case "login":
      return new LoginExchange();
    case "cram-md5":
      return new CramMd5Exchange(context.salt());
    case "external":
      return new ExternalExchange();
    case "xoauth2":
      return new Xoauth2Exchange();
    case "oauthbearer":
      return new OauthBearerExchange();
    default:
      return undefined;
  }
}

const GATED: readonly GatedMechanism[] = [
  "cram-md5",
  "external",
  "xoauth2",
  "oauthbearer",
  "scram-sha-1",
  "scram-sha-256",
];

/**
 * The method of a mechanism that only the mail server can check, by a challenge of its own; `undefined` for any other,
 * and for one that is not allowed.
 */
export function relayedMethod(mechanism: Octets, allowed: readonly string[]): AuthMethod | undefined {
  const name = mechanism.toLowerCase();
  return RELAYED.find((method) => method === name && allowed.includes(method));
}

const RELAYED = ["cram-md5", "scram-sha-1", "scram-sha-256"] as const;
