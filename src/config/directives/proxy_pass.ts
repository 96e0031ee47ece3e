/** `proxy_pass`: where sessions go. */

import type { Octets } from "../../runtime.ts";
import { constantOf } from "../../variables/mod.ts";
import { parseServer } from "../address.ts";
import type { Call } from "../call.ts";
import { directive, MAIL_AND_SERVER } from "../directive.ts";
import { lastWins } from "../kinds.ts";
import type { ProxyPassConfig } from "../types.ts";

export const proxyPass = directive<ProxyPassConfig, undefined>({
  name: "proxy_pass",
  contexts: MAIL_AND_SERVER,
  since: "stream 1.9.0",
  kind: lastWins("address | name | unix:path | $variable", read),
  default: undefined,
  meaning:
    "Where sessions go: an address or a name with a port (left out, it is 143, 110 or 25, with `proxy_ssl on` 993, 995 or 465), a unix socket, or an `upstream` " +
    "group. A port behind a group's name is for those of its servers that are written without one. Without a source of logins (`auth_http`, `auth_users_file`) the back end itself checks them, with whatever " +
    "mechanism both sides have; with one, this is for answers that name no server",
});

function read(call: Call): ProxyPassConfig {
  const text = call.arg(0);
  const template = call.template(text);
  const constant = constantOf(template);
  if (constant !== undefined) check(call, constant);
  return { template, place: call.place, groupPort: undefined };
}

/** What is no variable can be looked at now. */
function check(call: Call, text: Octets): void {
  if (/^[a-z]+:\/\//i.test(text)) {
    throw call.error(`invalid host in "${text}" of "${call.name}" directive`, "leave the scheme out: host:port");
  }
  const address = parseServer(text, 1);
  if (typeof address === "string") throw call.error(`${address} in "${text}" of the "${call.name}" directive`);
}
