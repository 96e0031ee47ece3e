import type { Octets } from "../../runtime.ts";
import { Secret } from "../../session/secret.ts";
import type { Proof } from "./mod.ts";

/**
 * What a client has shown, under another name. An identity to act as (RFC 4616, 2) stays, unless it was the same. What
 * only the client can make, a digest, stays as it is.
 */
export function renamed(proof: Proof, login: Octets): Proof {
  if (login === proof.login) return proof;
  switch (proof.method) {
    case "plain":
      return { ...proof, login, message: proof.message && plainMessage(proof, login) };
    case "external":
      return { ...proof, login };
    case "xoauth2":
    case "oauthbearer":
      // The message has the name in it; without one it is made from name and token.
      return { ...proof, login, message: undefined };
    default:
      return proof;
  }
}

function plainMessage({ message, login: before, secret }: Proof, login: Octets): Secret {
  const [authzid = ""] = message?.reveal().split("\0", 1) ?? [];
  return new Secret(`${authzid === before ? login : authzid}\0${login}\0${secret.reveal()}`);
}
