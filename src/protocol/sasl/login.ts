import type { Octets } from "../../runtime.ts";
import { fromBase64 } from "../../session/base64.ts";
import { Secret } from "../../session/secret.ts";
import type { SaslExchange, SaslStep } from "./mod.ts";

/** LOGIN, which no RFC has but every client: `Username:` and `Password:`, each asked for. */
export class LoginExchange implements SaslExchange {
  readonly firstChallenge = "VXNlcm5hbWU6";
  #login: Octets | undefined;

  respond(response: Octets): SaslStep {
    const answer = fromBase64(response);
    if (answer === undefined) {
      return { type: "failed", text: "client sent invalid base64 encoding in AUTH LOGIN command" };
    }
    if (this.#login !== undefined) return { type: "done", login: this.#login, secret: new Secret(answer) };
    this.#login = answer;
    return { type: "challenge", text: "UGFzc3dvcmQ6" };
  }
}
