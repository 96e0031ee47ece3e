import type { Octets } from "../../runtime.ts";
import { fromBase64 } from "../../session/base64.ts";
import { Secret } from "../../session/secret.ts";
import type { SaslExchange, SaslStep } from "./mod.ts";

/** PLAIN (RFC 4616): `[authzid] NUL authcid NUL password` in one response. The authzid is read over, as nginx does. */
export class PlainExchange implements SaslExchange {
  readonly firstChallenge = "";

  respond(response: Octets): SaslStep {
    const message = fromBase64(response);
    if (message === undefined) return failed("base64 encoding");
    const first = message.indexOf("\0");
    if (first < 0) return failed("login");
    const second = message.indexOf("\0", first + 1);
    if (second < 0) return failed("password");
    const login = message.slice(first + 1, second);
    const password = message.slice(second + 1);
    // RFC 4616, 2: NUL parts the message and can stand in no part of it.
    if (password.includes("\0")) return failed("password");
    return { type: "done", login, secret: new Secret(password) };
  }
}

function failed(what: string): SaslStep {
  return { type: "failed", text: `client sent invalid ${what} in AUTH PLAIN command` };
}
