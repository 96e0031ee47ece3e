/**
 * The server's half of SASL (RFC 4422), the same for all protocols: what a mechanism asks, and what it makes of the
 * answers. How challenges are written on the wire belongs to each protocol.
 *
 * @module
 */

import type { Octets } from "../../runtime.ts";
import type { Secret } from "../../session/secret.ts";
import { LoginExchange } from "./login.ts";
import { PlainExchange } from "./plain.ts";

/** One exchange under way. */
export interface SaslExchange {
  /** What to ask first when the client sent no initial response; base64 already. */
  readonly firstChallenge: Octets;
  /** Takes a response, still in base64. */
  respond(response: Octets): SaslStep;
}

/** What follows from a response. */
export type SaslStep =
  | { readonly type: "challenge"; readonly text: Octets }
  | { readonly type: "done"; readonly login: Octets; readonly secret: Secret }
  /** `text` is for the log and has nothing of what the client sent. */
  | { readonly type: "failed"; readonly text: Octets };

/** Begins an exchange, or gives `undefined` for a mechanism we do not have. Names are compared without case. */
export function startExchange(mechanism: Octets): SaslExchange | undefined {
  switch (mechanism.toUpperCase()) {
    case "PLAIN":
      return new PlainExchange();
    case "LOGIN":
      return new LoginExchange();
    default:
      return undefined;
  }
}
