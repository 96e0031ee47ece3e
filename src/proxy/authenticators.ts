/**
 * Makes the source of verdicts of a server block, from what its configuration says.
 *
 * @module
 */

import { FailoverAuthenticator } from "../auth/failover.ts";
import { type FailureBook, SlowedAuthenticator } from "../auth/failures.ts";
import { HttpAuthenticator } from "../auth/http.ts";
import type { Authenticator } from "../auth/mod.ts";
import { PassThrough, type RouteFor } from "../auth/pass_through.ts";
import { NetworkList } from "../config/cidr.ts";
import type { AuthHttpConfig, ServerConfig } from "../config/types.ts";
import type { Runtime } from "../runtime.ts";
import { Routes } from "../upstream/mod.ts";
import { ClientContexts } from "./tls.ts";

/** What a server block's logins are checked with. */
export function createAuthenticator(
  server: ServerConfig,
  runtime: Runtime,
  connect: Runtime["connect"],
): Authenticator {
  const routes = new Routes(new Map(), defaultPort(server));
  const routeFor = routeFinder(server, routes);
  if (server.authHttp === undefined) return new PassThrough(routeFor ?? (() => undefined));
  return createHttpAuthenticator(server.authHttp, { runtime, connect, routes, routeFor });
}

/** Has those wait who send wrong passwords; `undefined` where nobody has to. */
export function slowedDown(
  source: Authenticator,
  { authFailure }: ServerConfig,
  surroundings: { readonly runtime: Runtime; readonly book: FailureBook },
): SlowedAuthenticator | undefined {
  if (authFailure === undefined) return undefined;
  const { first, most, exempt } = authFailure;
  const exempted = new NetworkList(exempt);
  return new SlowedAuthenticator(source, {
    ...surroundings,
    delay: { first, most, isExempt: (client) => exempted.has(client) },
  });
}

interface HttpSurroundings {
  readonly runtime: Runtime;
  readonly connect: Runtime["connect"];
  readonly routes: Routes;
  /** For an answer that names no server. */
  readonly routeFor: RouteFor | undefined;
}

function createHttpAuthenticator(config: AuthHttpConfig, surroundings: HttpSurroundings): Authenticator {
  const { runtime, connect, routes, routeFor } = surroundings;
  // A runtime may be a class, whose methods must be called on it.
  const clock: Pick<Runtime, "timer" | "now"> = {
    timer: (delay, fire) => runtime.timer(delay, fire),
    now: () => runtime.now(),
  };
  const servers = [config, ...config.fallbacks];
  const hasTls = servers.some(({ tls }) => tls);
  const secure = hasTls ? new ClientContexts(config.ssl, runtime).connectOver(connect) : connect;
  const sources = servers.map((each) =>
    new HttpAuthenticator({ ...config, ...each }, { connect: each.tls ? secure : connect, ...clock }, {
      group: (name) => routes.group(name),
      routeFor,
    })
  );
  const [only] = sources;
  return sources.length === 1 && only !== undefined ? only : new FailoverAuthenticator(sources, runtime);
}

/** Where `proxy_pass` sends a login; `undefined` where there is none. */
function routeFinder({ proxyPass }: ServerConfig, routes: Routes): RouteFor | undefined {
  if (proxyPass === undefined) return undefined;
  const { template } = proxyPass;
  return ({ facts }, note) => {
    const text = template(facts);
    const route = routes.find(text);
    if (route === undefined) note("error", `"${text}" is no server: "proxy_pass ${template.text}"`);
    return route;
  };
}

/** The port of an address that is written without one. */
function defaultPort({ protocol, proxy }: ServerConfig): number {
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
