/** TLS with mail servers, in the names of nginx's stream module. */

import { directive, MAIL_AND_SERVER } from "../directive.ts";
import type { Module } from "../directive.ts";
import { oneOf } from "../kinds.ts";
import type { Scope } from "../scope.ts";
import type { ProxySslConfig } from "../ssl_types.ts";
import { clientTlsFamily } from "./_client_tls.ts";

export const proxySsl = directive<ProxySslConfig["mode"]>({
  name: "proxy_ssl",
  contexts: MAIL_AND_SERVER,
  since: "stream 1.9.0",
  kind: oneOf<ProxySslConfig["mode"]>(["off", "on", "starttls"]),
  default: "off",
  written: "off",
  meaning: "Whether to speak TLS with back ends: from the first octet, or after STARTTLS, STLS in POP3",
});

const family = clientTlsFamily({
  prefix: "proxy_ssl",
  server: "back ends",
  since: "stream 1.9.0",
  sendsName: false,
  hasVariables: true,
});

/** The TLS of a `server {}` towards its back ends. Throws {@linkcode ConfigError}. */
export function proxySslOf(scope: Scope): ProxySslConfig {
  return { mode: scope.value(proxySsl), ...family.of(scope) };
}

export const proxySslModule: Module = {
  title: "TLS with back ends",
  about: "nginx's mail module has none of these; they have the names of its stream module.",
  directives: [proxySsl, ...family.directives],
};
