/** `proxy_bind`: which of our addresses connections to back ends come from. */

import type { Call } from "../call.ts";
import { directive, MAIL_AND_SERVER, SOME } from "../directive.ts";
import { parseIp } from "../ip.ts";
import { once } from "../kinds.ts";

export const proxyBind = directive<readonly string[]>({
  name: "proxy_bind",
  contexts: MAIL_AND_SERVER,
  since: "stream 1.9.2",
  kind: once("address … | off", read, SOME),
  default: [],
  written: "off",
  meaning:
    "The local address of connections to back ends. Of several, each connection takes the next one that is of the back " +
    "end's family: one address has some 28,000 ports for each back end",
});

function read(call: Call): readonly string[] {
  if (call.args.length === 1 && call.arg(0) === "off") return [];
  return call.args.map((text) => {
    if (text === "transparent") {
      const hint =
        'no runtime can take a foreign address; "proxy_protocol" or "proxy_client_id" tells back ends whose it is';
      throw call.error('"transparent" is not supported in "proxy_bind" directive', hint);
    }
    const address = parseIp(text.replace(/^\[(.*)\]$/, "$1"));
    if (address === undefined) throw call.error(`invalid address "${text}" in "proxy_bind" directive`);
    return address;
  });
}
