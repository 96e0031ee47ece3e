/**
 * What has to be the same for the answer to one login to serve for another one (`auth_http_cache`).
 *
 * @module
 */

import type { AuthHttpConfig } from "../config/types.ts";
import type { Octets } from "../runtime.ts";
import { decode } from "../session/bytes.ts";
import { RequestWriter } from "./_http_request.ts";
import type { Credentials } from "./mod.ts";

/**
 * Whoever is asked, and all that has to be the same for an answer to serve again, as one text with the password in it.
 * `block` is what the answer means something else by in another server block.
 */
export function questioner(
  config: AuthHttpConfig,
  block: readonly Octets[],
): (credentials: Credentials) => Octets {
  const servers = [config, ...config.fallbacks].flatMap(({ tls, name, uri }) => [tls ? "https" : "http", name, uri]);
  servers.push(...block);
  const { key } = config.cache ?? { key: undefined };
  if (key === undefined) {
    const writer = new RequestWriter(config);
    return (credentials) => joinUniquely([...servers, decode(writer.write(repeatable(credentials)))]);
  }
  return ({ protocol, method, login, secret, tls, facts }) => {
    // EXTERNAL shows nothing but a certificate.
    const shown = [secret.reveal(), tls?.verification ?? "", tls?.facts.certificate?.fingerprint ?? ""];
    return joinUniquely([...servers, protocol, method, login, ...shown, key(facts)]);
  };
}

/** Without what is another with each connection, and says nothing of the user. */
function repeatable(credentials: Credentials): Credentials {
  const { source, destination } = credentials.proxied ?? {};
  if (source === undefined || destination === undefined || source.family === "unix") {
    return { ...credentials, attempt: 1 };
  }
  return { ...credentials, attempt: 1, proxied: { source: { ...source, port: 0 }, destination } };
}

/** Texts as one, which no other texts come to. */
export function joinUniquely(texts: readonly Octets[]): Octets {
  return texts.map((text) => `${text.length}:${text}`).join("");
}
