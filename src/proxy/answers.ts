/** `auth_http_cache`: the answers that the server blocks of a configuration keep. */

import { AnswerStore, CachedAuthenticator } from "../auth/cache.ts";
import type { Authenticator } from "../auth/mod.ts";
import type { RouteFor } from "../auth/pass_through.ts";
import { questioner } from "../auth/question.ts";
import type { AuthHttpConfig } from "../config/types.ts";
import type { Octets, Runtime } from "../runtime.ts";
import type { UpstreamTls } from "../session/by_tls.ts";

/** Keeps answers for a while, where that is asked for. */
export function keepingAnswers(
  source: Authenticator,
  config: AuthHttpConfig,
  { runtime, routeFor, answers, port, upstreamTls }: {
    readonly runtime: Pick<Runtime, "now" | "timer" | "fingerprint">;
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
  const store = answers.get(cache.zone) ?? new AnswerStore(cache.capacity, runtime);
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
