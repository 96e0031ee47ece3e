import type { Octets } from "../../runtime.ts";
import { fromBase64 } from "../../session/base64.ts";
import { Secret } from "../../session/secret.ts";
import { failed } from "./failure.ts";
import type { SaslExchange, SaslStep } from "./mod.ts";

/** XOAUTH2, Google's: `user=NAME ^A auth=Bearer TOKEN ^A ^A`. The words are compared without case. */
export class Xoauth2Exchange implements SaslExchange {
  readonly firstChallenge = "";
  readonly takesInitialResponse = true;
  /** A client answers the error with an empty line. */
  readonly errorAnswer = "";

  respond(response: Octets): SaslStep {
    const message = fromBase64(response);
    if (message === undefined) return failed("base64 encoding", "XOAUTH2");
    const [user = "", auth = "", ...rest] = message.split("\x01");
    if (!startsWithoutCase(user, "user=")) return failed("login", "XOAUTH2");
    const isWhole = rest.length === 2 && rest[0] === "" && rest[1] === "";
    if (!isWhole || !startsWithoutCase(auth, BEARER)) return failed("token", "XOAUTH2");
    const secret = new Secret(auth.slice(BEARER.length));
    const login = user.slice("user=".length);
    const proof = { method: "xoauth2", login, secret, salt: undefined, message: new Secret(message) } as const;
    return { type: "done", proof };
  }
}

/** What stands before the token, in both of the OAuth mechanisms. */
export const BEARER = "auth=bearer ";

/** Whether a text begins with a word, which is given in small letters. */
export function startsWithoutCase(text: Octets, word: string): boolean {
  return text.slice(0, word.length).toLowerCase() === word;
}
