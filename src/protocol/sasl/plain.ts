import type { Octets } from "../../runtime.ts";
import { fromBase64 } from "../../session/base64.ts";
import { Secret } from "../../session/secret.ts";
import { failed } from "./failure.ts";
import type { SaslExchange, SaslStep } from "./mod.ts";

/** PLAIN (RFC 4616): `[authzid] NUL authcid NUL password` in one response. The authzid is read over, as nginx does. */
export class PlainExchange implements SaslExchange {
  readonly firstChallenge = "";
  readonly takesInitialResponse = true;
  readonly errorAnswer = undefined;

  respond(response: Octets): SaslStep {
    const parts = fromBase64(response);
    if (parts === undefined) return failed("base64 encoding", "PLAIN");
    const first = parts.indexOf("\0");
    if (first < 0) return failed("login", "PLAIN");
    const second = parts.indexOf("\0", first + 1);
    if (second < 0) return failed("password", "PLAIN");
    const login = parts.slice(first + 1, second);
    const password = parts.slice(second + 1);
    // RFC 4616, 2: NUL parts the message and can stand in no part of it.
    if (password.includes("\0")) return failed("password", "PLAIN");
    const message = new Secret(parts);
    return { type: "done", proof: { method: "plain", login, secret: new Secret(password), salt: undefined, message } };
  }
}
