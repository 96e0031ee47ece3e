/** Ports that nobody has written down. */

import type { ServerConfig } from "./types.ts";
import type { UpstreamServerConfig } from "./upstream_types.ts";

/** The port of a mail server that is written without one, as a server block goes to it. */
export function defaultPort({ protocol, proxy }: ServerConfig): number {
  const isImplicit = proxy.ssl.mode === "on";
  switch (protocol) {
    case "imap":
      return isImplicit ? 993 : 143;
    case "pop3":
      return isImplicit ? 995 : 110;
    case "smtp":
      return isImplicit ? 465 : 25;
  }
}

/** Whether the port of a server in a group does not depend on who goes to it. */
export function hasPort({ address, service }: UpstreamServerConfig): boolean {
  return "path" in address || address.port !== undefined || service !== undefined;
}
