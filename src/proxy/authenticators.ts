/**
 * Makes the source of verdicts of a server block, from what its configuration says.
 *
 * @module
 */

import type { AnswerStore } from "../auth/cache.ts";
import { FailoverAuthenticator } from "../auth/failover.ts";
import { type FailureBook, SlowedAuthenticator } from "../auth/failures.ts";
import { HttpAuthenticator } from "../auth/http.ts";
import type { Authenticator } from "../auth/mod.ts";
import { PassThrough, type RouteFor } from "../auth/pass_through.ts";
import { NetworkList } from "../config/cidr.ts";
import type { AuthHttpConfig, NamedFile, ServerConfig } from "../config/types.ts";
import type { Millis, Octets, Runtime } from "../runtime.ts";
import { UsersFile, UsersFileAuthenticator, type UsersFileOptions } from "../auth/users_file.ts";
import { defaultPort } from "../config/default_port.ts";
import { ConfigError } from "../config/error.ts";
import { keepingAnswers } from "./answers.ts";
import type { UpstreamTls } from "../session/by_tls.ts";
import { StartError } from "./start_error.ts";
import { type Route, Routes } from "../upstream/mod.ts";
import { renewedContexts } from "./client_tls.ts";

/** What a server block's logins are checked with. */
export function createAuthenticator(
  server: ServerConfig,
  { runtime, connect, groups, answers, note, tells }: {
    readonly runtime: Runtime;
    readonly connect: Runtime["connect"];
    /** The groups by their names, for servers of theirs without a port it is the given one. */
    readonly groups: (port: number) => ReadonlyMap<Octets, Route>;
    /** The answers that are kept, by their zones. */
    readonly answers: Map<Octets, AnswerStore>;
    /** Hears what becomes of files that are read again. */
    readonly note: (level: "error" | "warn" | "notice", text: Octets) => void;
    /** Whether that is for this process to tell. */
    readonly tells: () => boolean;
  },
): Authenticator {
  const port = defaultPort(server);
  const routes = new Routes(groups(port), port);
  const { groupPort } = server.proxyPass ?? {};
  const routeFor = routeFinder(server, groupPort === undefined ? routes : new Routes(groups(groupPort), port));
  if (server.authUsersFile !== undefined) {
    return askUsers(server.authUsersFile, { runtime, routes, routeFor, note: tells() ? note : () => {} });
  }
  if (server.authHttp === undefined) return new PassThrough(routeFor ?? (() => undefined));
  const upstreamTls = server.proxy.ssl.mode;
  const http = { runtime, connect, routes, routeFor, upstreamTls, note, tells };
  const source = createHttpAuthenticator(server.authHttp, http);
  return keepingAnswers(source, server.authHttp, { runtime, routeFor, answers, port, upstreamTls });
}

type FileSurroundings = Pick<HttpSurroundings, "runtime" | "routes"> & Pick<UsersFileOptions, "note" | "taken">;

/** Opens a users file, and goes on looking at it. Throws {@linkcode StartError} for one that cannot be used. */
export function openUsers(file: NamedFile, { routes, ...surroundings }: FileSurroundings): UsersFile {
  const upstreamProblem = (text: Octets) => routes.find(text) === undefined ? `no such upstream "${text}"` : undefined;
  return startOf(() => new UsersFile({ file, period: LOOK_PERIOD, upstreamProblem, ...surroundings }));
}

/** Throws {@linkcode StartError} for a file that cannot be used. */
function askUsers(
  named: NamedFile,
  { routeFor, ...surroundings }: FileSurroundings & Pick<HttpSurroundings, "routeFor">,
): Authenticator {
  const { routes, runtime } = surroundings;
  const file = openUsers(named, surroundings);
  const source = new UsersFileAuthenticator({
    users: () => file.users,
    routeFor: (upstream, credentials, note) =>
      upstream === undefined ? routeFor?.(credentials, note) : routes.find(upstream),
    runtime,
  });
  return {
    identify: (credentials) => source.identify(credentials),
    authenticate: (credentials, tell, done) => source.authenticate(credentials, tell, done),
    renew: () => file.renew(),
    close: () => file.close(),
  };
}

/** What is wrong with a file is the operator's to mend. */
function startOf<T>(open: () => T): T {
  try {
    return open();
  } catch (error) {
    throw error instanceof ConfigError ? new StartError([error.message], error.hint) : error;
  }
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
  /** `proxy_ssl`. */
  readonly upstreamTls: UpstreamTls;
  readonly note: (level: "warn" | "notice", text: Octets) => void;
  readonly tells: () => boolean;
}

function createHttpAuthenticator(config: AuthHttpConfig, surroundings: HttpSurroundings): Authenticator {
  const { runtime, connect, routes, routeFor, upstreamTls, note, tells } = surroundings;
  // A runtime may be a class, whose methods must be called on it.
  const clock: Pick<Runtime, "timer" | "now"> = {
    timer: (delay, fire) => runtime.timer(delay, fire),
    now: () => runtime.now(),
  };
  const servers = [config, ...config.fallbacks];
  const hasTls = servers.some(({ tls }) => tls);
  const contexts = hasTls ? renewedContexts(config.ssl, { runtime, note, tells }) : undefined;
  const secure: Runtime["connect"] = (target, handler) =>
    (contexts?.current().connectOver(connect) ?? connect)(target, handler);
  const sources = servers.map((each) =>
    new HttpAuthenticator({ ...config, ...each }, { connect: each.tls ? secure : connect, ...clock }, {
      group: (name) => routes.group(name),
      routeFor,
      upstreamTls,
    })
  );
  const [only] = sources;
  const source = sources.length === 1 && only !== undefined ? only : new FailoverAuthenticator(sources, runtime);
  return {
    authenticate: (credentials, tell, done) => source.authenticate(credentials, tell, done),
    close() {
      contexts?.stop();
      source.close();
    },
  };
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

/** How often a users file is looked at, as certificates are. */
const LOOK_PERIOD: Millis = 30_000;
