/** `auth_http`: the HTTP server that says who may log in, and where to. */

import type { Octets } from "../../runtime.ts";
import { findUri, parseAuthority } from "../address.ts";
import type { Address } from "../address.ts";
import type { Call } from "../call.ts";
import { directive, MAIL_AND_SERVER, ONE_OR_MORE } from "../directive.ts";
import type { Module } from "../directive.ts";
import { ConfigError } from "../error.ts";
import { flag, lastWins, listOf, millis } from "../kinds.ts";
import type { Scope } from "../scope.ts";
import type { AuthHttpConfig, AuthServerConfig } from "../types.ts";
import { clientTlsFamily } from "./_client_tls.ts";
import { authUsersFile } from "./auth_users_file.ts";
import { proxyPass } from "./proxy_pass.ts";

/** What the URLs say. */
export type AuthServers = AuthServerConfig & Pick<AuthHttpConfig, "fallbacks">;

export const authHttp = directive<AuthServers, undefined>({
  name: "auth_http",
  contexts: MAIL_AND_SERVER,
  kind: lastWins("URL …", readServers, ONE_OR_MORE),
  default: undefined,
  meaning:
    "The server that is asked about each login, as `[http://]host[:port][/uri]` or `[http://]unix:path[:/uri]`, also with " +
    "`https://`. nginx takes one, without TLS; of several, each is asked when those before it cannot be: a silent one " +
    "costs a login `auth_http_timeout` first, and is asked last for the next 10 s",
});

/**
 * The auth server of a `server {}`, unless a users file that was given nearer takes its place. Throws
 * {@linkcode ConfigError} when it has none and nothing else in its place, or when a block has both.
 */
export function authHttpOf(scope: Scope): AuthServers | undefined {
  for (let at: Scope | undefined = scope; at?.block !== undefined; at = at.parent) {
    const found = at.own(authHttp);
    const file = at.own(authUsersFile);
    if (found !== undefined && file !== undefined) {
      const hint = "one of the two says who may log in";
      throw new ConfigError('"auth_http" and "auth_users_file" in one block', {
        place: at.placeOf(authUsersFile),
        hint,
      });
    }
    if (found !== undefined || file !== undefined) return found;
  }
  if (scope.value(proxyPass) !== undefined) return undefined;
  throw new ConfigError('no "auth_http" is defined for server', { place: scope.place });
}

function readServers(call: Call): AuthServers {
  const [first, ...fallbacks] = call.args;
  return { ...readUrl(call, first ?? ""), fallbacks: fallbacks.map((url) => readUrl(call, url)) };
}

function readUrl(call: Call, text: Octets): AuthServerConfig {
  const tls = text.startsWith("https://");
  const url = text.replace(/^https?:\/\//, "");
  const { index, skip } = findUri(url);
  const name = url.slice(0, index);
  const address = parseAuthority(name);
  if (typeof address === "string") throw call.error(`${address} in auth_http "${url}"`);
  return { name, uri: url.slice(index + skip) || "/", tls, ...destination(address, tls ? 443 : 80) };
}

function destination(address: Address, port: number): Pick<AuthServerConfig, "address" | "host"> {
  if (address.type === "unix") return { address: { path: address.path }, host: "localhost" };
  return { address: { host: address.host, port: address.ports?.first ?? port }, host: address.written };
}

export const authHttpTimeout = directive({
  name: "auth_http_timeout",
  contexts: MAIL_AND_SERVER,
  kind: millis,
  default: 60_000,
  written: "60s",
  meaning: "How long the whole exchange with the auth server may take",
});

export const authHttpHeader = directive<AuthHttpConfig["headers"]>({
  name: "auth_http_header",
  contexts: MAIL_AND_SERVER,
  since: "0.3.8",
  kind: listOf("name value", (call) => [readHeader(call)], { least: 2, most: 2 }),
  default: [],
  meaning:
    "A header to add to each request; may be given several times. Variables in its value are replaced; a `$` that begins " +
    "none stays, as all of them do in nginx",
});

function readHeader(call: Call): AuthHttpConfig["headers"][number] {
  return { name: call.arg(0), value: call.template(call.arg(1), { keepsUnknown: true }) };
}

export const authHttpPassClientCert = directive({
  name: "auth_http_pass_client_cert",
  contexts: MAIL_AND_SERVER,
  since: "1.7.11",
  kind: flag,
  default: false,
  written: "off",
  meaning: "Whether the auth server gets the client's certificate",
});

/** The TLS with servers whose URL is `https://`. */
export const authHttpSsl = clientTlsFamily({
  prefix: "auth_http_ssl",
  server: "auth servers",
  since: undefined,
  sendsName: true,
  hasVariables: false,
});

export const authHttpModule: Module = {
  title: "Authentication over HTTP",
  about: "Who may log in, and which back end has the mail, is for an HTTP server to say.",
  directives: [authHttp, authHttpTimeout, authHttpHeader, authHttpPassClientCert, ...authHttpSsl.directives],
};
