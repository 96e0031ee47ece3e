import type { Octets } from "../../runtime.ts";
import { fromBase64 } from "../../session/base64.ts";
import { Secret } from "../../session/secret.ts";
import { failed } from "./failure.ts";
import { USER_NAME } from "./login.ts";
import type { SaslExchange, SaslStep } from "./mod.ts";

/** EXTERNAL (RFC 4422, A): the client names itself; what proves it was shown in the TLS handshake. */
export class ExternalExchange implements SaslExchange {
  readonly firstChallenge = USER_NAME;
  readonly takesInitialResponse = true;
  readonly errorAnswer = undefined;

  respond(response: Octets): SaslStep {
    const login = fromBase64(response);
    if (login === undefined) return failed("base64 encoding", "EXTERNAL");
    return { type: "done", proof: { method: "external", login, secret: new Secret(""), salt: undefined } };
  }
}
