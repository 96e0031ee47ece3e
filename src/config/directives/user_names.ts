/** What users are called: by those who are asked about them, and by the servers that have their mail. */

import type { Octets } from "../../runtime.ts";
import type { Template } from "../../variables/mod.ts";
import { directive, MAIL_AND_SERVER } from "../directive.ts";
import type { Module } from "../directive.ts";
import { once } from "../kinds.ts";
import type { Scope } from "../scope.ts";
import type { UserNamesConfig } from "../types.ts";

export const authDefaultDomain = directive<Octets, undefined>({
  name: "auth_default_domain",
  contexts: MAIL_AND_SERVER,
  kind: once("domain | off", (call) => {
    const domain = call.arg(0).replace(/^@/, "");
    if (domain === "" || /[@\s]/.test(domain)) throw call.error(`invalid domain "${call.arg(0)}"`);
    return domain;
  }),
  default: undefined,
  written: "off",
  meaning: "What is put behind a login that has no `@`, with an `@` between, as soon as the login arrives",
});

export const authUsernameFormat = directive<Template, undefined>({
  name: "auth_username_format",
  contexts: MAIL_AND_SERVER,
  kind: once("string", (call) => call.template(call.arg(0))),
  default: undefined,
  meaning:
    "What a login becomes when it arrives, after `auth_default_domain` and before anybody is asked, such as `$auth_user_lower`. " +
    "Whoever checks logins, the upstream, `$auth_user` and all that is worked out from it know the user by that name; what the " +
    "client said is `$auth_original_user`. A format that comes out empty leaves the login as it is",
});

export const proxyUsernameFormat = directive<Template, undefined>({
  name: "proxy_username_format",
  contexts: MAIL_AND_SERVER,
  kind: once("string", (call) => call.template(call.arg(0))),
  default: undefined,
  meaning:
    "What the upstream is told for the login, such as `$auth_local_part`, unless the source of logins gives another name itself " +
    "(`Auth-User`). A format that comes out empty leaves the login as it is",
});

/** The names in a `server {}`; `undefined` where they stay as they are. */
export function userNamesOf(scope: Scope): UserNamesConfig | undefined {
  const domain = scope.value(authDefaultDomain);
  const names = {
    defaultDomain: domain === "off" ? undefined : domain,
    asked: scope.value(authUsernameFormat),
    told: scope.value(proxyUsernameFormat),
  };
  return Object.values(names).every((name) => name === undefined) ? undefined : names;
}

export const userNamesModule: Module = {
  title: "User names",
  about:
    "Who and where apart: a name for those who check logins, and one for the servers that have the mail. Without a source of " +
    "logins (`proxy_pass` alone) none of these goes with `cram-md5`, `apop` or SCRAM, where the mail server checks what only the " +
    "client can make.",
  directives: [authDefaultDomain, authUsernameFormat, proxyUsernameFormat],
};
