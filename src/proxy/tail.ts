import type { Octets } from "../runtime.ts";
import type { Facts } from "../variables/mod.ts";
import { describeAddress } from "./service.ts";

/** What becomes known of a session beside its facts. */
export interface TailOptions {
  readonly login: Octets | undefined;
  readonly upstream: Octets | undefined;
}

/**
 * What stands behind a log line of a session: whom it is about, as nginx's mail module writes it. `host` is the name that
 * the client asked for in TLS, in the place where nginx's http module has the name that a request is for.
 */
export function describeSession(facts: Facts, { login, upstream }: TailOptions): Octets {
  const startTls = facts.usesStartTls ? " using starttls" : "";
  const client = `, client: ${describeAddress(facts.client, false)}${startTls}, server: ${facts.listen}`;
  const name = login === undefined ? "" : `, login: "${login}"`;
  const server = upstream === undefined ? "" : `, upstream: ${upstream}`;
  return client + name + server + describeHost(facts.tls?.serverName);
}

function describeHost(name: Octets | undefined): Octets {
  return name === undefined ? "" : `, host: "${name.replaceAll('"', "\\x22")}"`;
}
