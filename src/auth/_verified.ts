import type { TlsFacts } from "../runtime.ts";
import type { Credentials } from "./mod.ts";

/** The certificate that a client has shown, if it was verified. */
export function verifiedCertificate(tls: Credentials["tls"]): TlsFacts["certificate"] {
  return tls?.verification === "SUCCESS" ? tls.facts.certificate : undefined;
}
