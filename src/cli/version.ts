import { PROTOCOLS } from "../config/protocols.ts";
import type { Protocol } from "../config/types.ts";
import type { Runtime } from "../runtime.ts";
import { NGINX_VERSION, VERSION } from "../version.ts";

export { NGINX_VERSION, VERSION };

/** `postern version: postern/N`, as `-v` prints it. */
export function versionText(): string {
  return `postern version: postern/${VERSION}\n`;
}

/**
 * What `-V` prints: the version, what it runs on, what it is built with, in nginx's words so that scripts which look for
 * a module find it, and what its runtime cannot do.
 */
export function buildText(runtime: Runtime, without: readonly Protocol[]): string {
  const modules = PROTOCOLS.map((protocol) =>
    `--${without.includes(protocol) ? "without" : "with"}-mail_${protocol}_module`
  );
  const lacking = Object.entries(runtime.capabilities).flatMap(([name, capability]) =>
    capability.state === "yes" ? [] : [`capability ${name}: ${capability.state} (${capability.reason})\n`]
  );
  return versionText() +
    `speaks the mail configuration of nginx/${NGINX_VERSION}\n` +
    `built with ${runtime.name} ${runtime.version}\n` +
    `built with ${runtime.tlsLibrary}\n` +
    `configure arguments: --with-mail --with-mail_ssl_module ${modules.join(" ")}\n` +
    lacking.join("");
}
