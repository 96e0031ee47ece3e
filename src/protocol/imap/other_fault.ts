import type { Octets } from "../../runtime.ts";
import { refusalWith, type UpstreamRefusal } from "../../session/upstream.ts";

/**
 * What the client hears of a `NO` in our words where its response code says that the password is not what is wrong
 * (RFC 5530, 3): a client that hears of a wrong one forgets it. `text` is what stands behind the `NO`.
 */
export function otherFault(text: Octets): UpstreamRefusal["otherFault"] {
  const code = /^\[([A-Z]+)[\] ]/i.exec(text)?.[1]?.toUpperCase() ?? "";
  return OTHER_FAULTS.includes(code) ? refusalWith(code) : undefined;
}

const OTHER_FAULTS = [
  "AUTHORIZATIONFAILED",
  "CONTACTADMIN",
  "CORRUPTION",
  "INUSE",
  "LIMIT",
  "NOPERM",
  "OVERQUOTA",
  "PRIVACYREQUIRED",
];
