/**
 * `auth_http_cache`: what has to be the same for the answer to one login to serve for another one.
 *
 * @module
 */

import { RequestWriter } from "../auth/_http_request.ts";
import { AnswerStore, CachedAuthenticator, joinUniquely } from "../auth/cache.ts";
import type { Authenticator, Credentials } from "../auth/mod.ts";
import type { RouteFor } from "../auth/pass_through.ts";
import type { AuthHttpConfig } from "../config/types.ts";
import type { Octets, Runtime } from "../runtime.ts";
import type { UpstreamTls } from "../session/by_tls.ts";
import { decode } from "../session/bytes.ts";

/** Keeps answers for a while, where that is asked for. */
export function keepingAnswers(
  source: Authenticator,
  config: AuthHttpConfig,
  { runtime, routeFor, answers, port, upstreamTls }: {
    readonly runtime: Pick<Runtime, "now" | "fingerprint">;
    readonly routeFor: RouteFor | undefined;
    /** The answers that are kept, by their zones. */
    readonly answers: Map<Octets, AnswerStore>;
    /** What a server has for its port that the answer names without one. */
    readonly port: number;
    /** `proxy_ssl`: an answer that is good for less is not good for more. */
    readonly upstreamTls: UpstreamTls;
  },
): Authenticator {
  const { cache } = config;
  if (cache === undefined) return source;
  const store = answers.get(cache.zone) ?? new AnswerStore(cache.capacity);
  answers.set(cache.zone, store);
  const { valid, methods } = cache;
  return new CachedAuthenticator(source, {
    store,
    valid,
    methods,
    question: questioner(config, [String(port), upstreamTls]),
    routeFor,
    runtime,
  });
}

/** Whoever is asked, and all that has to be the same for an answer to serve again. */
function questioner(
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
