import type { AuthMethod } from "../../auth/mod.ts";
import type { Octets } from "../../runtime.ts";

/**
 * The name in a response that is meant for the mail server, for the log: CRAM-MD5's before its digest, SCRAM's in the
 * client's first message (RFC 5802, 7). `undefined` where there is none.
 */
export function identityIn(method: AuthMethod, response: Octets): Octets | undefined {
  if (method === "cram-md5") {
    const blank = response.lastIndexOf(" ");
    return blank > 0 ? response.slice(0, blank) : undefined;
  }
  const [flag = "", authorization = "", name = ""] = response.split(",", 3);
  const isFirst = /^(?:n|y|p=.*)$/.test(flag) && /^(?:a=.*)?$/.test(authorization);
  return isFirst && name.startsWith("n=") ? name.slice(2).replaceAll("=2C", ",").replaceAll("=3D", "=") : undefined;
}
