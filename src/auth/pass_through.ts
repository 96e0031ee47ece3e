/**
 * `proxy_pass` without a source of logins: whoever comes is let through to the mail server, which checks the login
 * itself.
 *
 * @module
 */

import type { Cancel, Millis, Octets } from "../runtime.ts";
import type { Route } from "../upstream/mod.ts";
import { verifiedCertificate } from "./_verified.ts";
import { commonNameIn } from "./common_name.ts";
import type { Authenticator, Credentials, Note, Verdict } from "./mod.ts";

/** Where a login goes; `undefined` when there is no such place, which the log has heard. */
export type RouteFor = (credentials: Credentials, note: Note) => Route | undefined;

export class PassThrough implements Authenticator {
  readonly #routeFor: RouteFor;

  constructor(routeFor: RouteFor) {
    this.#routeFor = routeFor;
  }

  identify({ method, tls }: Credentials): Octets | undefined {
    return method === "external" ? commonNameOf(tls) : undefined;
  }

  authenticate(credentials: Credentials, note: Note, done: (verdict: Verdict) => void): Cancel {
    done(this.#judge(credentials, note));
    return () => {};
  }

  close(): void {}

  #judge(credentials: Credentials, note: Note): Verdict {
    const login = credentials.method === "external" ? ownerOf(credentials, note) : credentials.login;
    if (login === undefined) return STRANGER;
    const route = this.#routeFor(credentials, note);
    if (route === undefined) return { type: "unavailable" };
    return { type: "accepted", route, login, secret: credentials.secret, isPassThrough: true };
  }
}

/**
 * Who comes with EXTERNAL: the common name in a certificate that was verified, which is also the only name that may be
 * asked for. The mail server sees no certificate but ours, and may let that one in as whom it likes; so nobody else is
 * there to compare the two.
 */
function ownerOf({ login, tls }: Credentials, note: Note): Octets | undefined {
  const owner = commonNameOf(tls);
  if (owner !== undefined && (login === "" || login === owner)) return owner;
  const certificate = verifiedCertificate(tls);
  if (certificate === undefined) note("info", "client showed no valid certificate for EXTERNAL");
  else note("info", `client certificate of "${certificate.subject}" is not for this login`);
  return undefined;
}

function commonNameOf(tls: Credentials["tls"]): Octets | undefined {
  const certificate = verifiedCertificate(tls);
  return certificate && commonNameIn(certificate.subject);
}

/** How long a wrong certificate costs, as a wrong password does with a users file. */
const WAIT: Millis = 2_000;

const STRANGER: Verdict = {
  type: "refused",
  text: "Authentication failed",
  wait: WAIT,
  smtpCode: "535 5.7.8",
  saslError: undefined,
};
