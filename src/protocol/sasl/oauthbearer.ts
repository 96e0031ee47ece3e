import type { Octets } from "../../runtime.ts";
import { fromBase64 } from "../../session/base64.ts";
import { Secret } from "../../session/secret.ts";
import { failed } from "./failure.ts";
import type { SaslExchange, SaslStep } from "./mod.ts";
import { BEARER, startsWithoutCase } from "./xoauth2.ts";

/** OAUTHBEARER (RFC 7628): a GS2 header with the name, then pairs parted by ^A, one of them `auth=Bearer TOKEN`. */
export class OauthBearerExchange implements SaslExchange {
  readonly firstChallenge = "";
  readonly takesInitialResponse = true;
  /** RFC 7628, 3.2.3: a client answers the error with a single ^A. */
  readonly errorAnswer = "AQ==";

  respond(response: Octets): SaslStep {
    const message = fromBase64(response);
    if (message === undefined) return failed("base64 encoding", "OAUTHBEARER");
    const [header = "", ...pairs] = message.split("\x01");
    const login = authorizationIdentity(header);
    if (login === undefined) return failed("login", "OAUTHBEARER");
    // The message ends in two ^A: the last pair's and its own.
    const isWhole = pairs.length >= 3 && pairs.at(-1) === "" && pairs.at(-2) === "";
    const auth = pairs.find((pair) => startsWithoutCase(pair, BEARER));
    if (!isWhole || auth === undefined) return failed("token", "OAUTHBEARER");
    const secret = new Secret(auth.slice(BEARER.length));
    const proof = { method: "oauthbearer", login, secret, salt: undefined, message: new Secret(message) } as const;
    return { type: "done", proof };
  }
}

/** The name in `flag,a=NAME,`: its `=2C` stands for a comma and `=3D` for an equals sign (RFC 5801, 4). */
function authorizationIdentity(header: Octets): Octets | undefined {
  const parts = header.split(",");
  const name = parts.slice(1, -1).find((part) => part.startsWith("a="))?.slice(2);
  if (!name) return undefined;
  const plain = name.replaceAll("=2C", "").replaceAll("=3D", "");
  return plain.includes("=") ? undefined : name.replaceAll("=2C", ",").replaceAll("=3D", "=");
}
