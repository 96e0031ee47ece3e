import type { Octets } from "../../runtime.ts";
import { fromBase64 } from "../../session/base64.ts";
import { Secret } from "../../session/secret.ts";
import { failed } from "./failure.ts";
import type { SaslExchange, SaslStep } from "./mod.ts";

/** `Username:`, which LOGIN and, in nginx, EXTERNAL ask with. */
export const USER_NAME = "VXNlcm5hbWU6";

/** LOGIN, which no RFC has but every client: `Username:` and `Password:`, each asked for. */
export class LoginExchange implements SaslExchange {
  readonly firstChallenge = USER_NAME;
  readonly takesInitialResponse = true;
  readonly errorAnswer = undefined;
  #login: Octets | undefined;

  respond(response: Octets): SaslStep {
    const answer = fromBase64(response);
    if (answer === undefined) return failed("base64 encoding", "LOGIN");
    if (this.#login === undefined) {
      this.#login = answer;
      return { type: "challenge", text: "UGFzc3dvcmQ6" };
    }
    const secret = new Secret(answer);
    return { type: "done", proof: { method: "plain", login: this.#login, secret, salt: undefined } };
  }
}
