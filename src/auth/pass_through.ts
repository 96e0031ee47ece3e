/**
 * `proxy_pass` without a source of logins: whoever comes is let through to the mail server, which checks the login
 * itself.
 *
 * @module
 */

import type { Cancel } from "../runtime.ts";
import type { Route } from "../upstream/mod.ts";
import type { Authenticator, Credentials, Note, Verdict } from "./mod.ts";

/** Where a login goes; `undefined` when there is no such place, which the log has heard. */
export type RouteFor = (credentials: Credentials, note: Note) => Route | undefined;

export class PassThrough implements Authenticator {
  readonly #routeFor: RouteFor;

  constructor(routeFor: RouteFor) {
    this.#routeFor = routeFor;
  }

  authenticate(credentials: Credentials, note: Note, done: (verdict: Verdict) => void): Cancel {
    const route = this.#routeFor(credentials, note);
    if (route === undefined) {
      done({ type: "unavailable" });
    } else {
      const { login, secret } = credentials;
      done({ type: "accepted", route, login, secret, isPassThrough: true });
    }
    return () => {};
  }

  close(): void {}
}
