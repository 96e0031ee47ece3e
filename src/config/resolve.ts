/**
 * Turns what was read into what the program needs: final values, absolute paths.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { allow, setRealIpFrom } from "./directives/access.ts";
import { accessLogsOf } from "./directives/access_log.ts";
import { authFailureDelay, authFailureDelayExempt } from "./directives/auth_failure.ts";
import {
  authHttpHeader,
  authHttpOf,
  authHttpPassClientCert,
  authHttpSsl,
  authHttpTimeout,
} from "./directives/auth_http.ts";
import { authCacheOf } from "./directives/auth_http_cache.ts";
import { authUsersFile } from "./directives/auth_users_file.ts";
import {
  daemon,
  masterProcess,
  pid,
  user,
  workerProcesses,
  workerRlimitNofile,
  workerShutdownTimeout,
} from "./directives/core.ts";
import { errorLog } from "./directives/error_log.ts";
import { events, workerConnections } from "./directives/events.ts";
import { healthCheck, healthCheckTimeout } from "./directives/health_check.ts";
import { imapAuth, imapCapabilities, imapClientBuffer } from "./directives/imap.ts";
import { limitsOf } from "./directives/limit_conn.ts";
import { listen } from "./directives/listen.ts";
import { mail, maxCommands, maxErrors, protocolOf, server, serverName, timeout } from "./directives/mail.ts";
import { soKeepalive } from "./directives/past.ts";
import { nextUpstreamOf } from "./directives/next_upstream.ts";
import { pop3Auth, pop3Capabilities, pop3ClientBuffer } from "./directives/pop3.ts";
import {
  proxyBuffer,
  proxyClientId,
  proxyConnectTimeout,
  proxyPassErrorMessage,
  proxyProtocol,
  proxySmtpAuth,
  proxyTimeout,
  xclient,
} from "./directives/proxy.ts";
import { proxyBind } from "./directives/proxy_bind.ts";
import { proxyPass } from "./directives/proxy_pass.ts";
import { proxySslOf } from "./directives/proxy_ssl.ts";
import { resolverOf } from "./directives/resolver.ts";
import { smtpAuth, smtpCapabilities, smtpClientBuffer, smtpGreetingDelay } from "./directives/smtp.ts";
import { oldSsl, starttls } from "./directives/ssl.ts";
import { upstreamsOf } from "./directives/upstream.ts";
import { userNamesOf } from "./directives/user_names.ts";
import { ConfigError, lineOf } from "./error.ts";
import { passTo } from "./pass.ts";
import { fullName } from "./paths.ts";
import { Scope } from "./scope.ts";
import { sslOf } from "./ssl.ts";
import type { UpstreamConfig } from "./upstream_types.ts";
import type {
  AuthFailureConfig,
  AuthHttpConfig,
  ErrorLogConfig,
  ListenConfig,
  MainConfig,
  ServerConfig,
} from "./types.ts";

/** What a configuration takes from outside. */
export interface Surroundings {
  /** What relative paths of logs and the pid file start from. */
  readonly prefix: Octets;
  /** The name of the machine. */
  readonly hostname: Octets;
}

/** The settings outside of `mail {}`. */
export function resolveMain(main: Scope, { prefix }: Surroundings): MainConfig {
  const pidFile = main.value(pid);
  const owner = main.value(user);
  const eventsScope = main.children(events)[0] ?? new Scope();
  return {
    workerProcesses: main.value(workerProcesses),
    errorLogs: resolveErrorLogs(main, prefix),
    pid: fullName(prefix, pidFile ?? "logs/nginx.pid"),
    pidPlace: main.placeOf(pid),
    daemon: main.value(daemon),
    masterProcess: main.value(masterProcess),
    user: owner,
    workerConnections: eventsScope.value(workerConnections),
    workerRlimitNofile: main.value(workerRlimitNofile),
    // With 0 nginx sets no timer.
    workerShutdownTimeout: main.value(workerShutdownTimeout) || undefined,
  };
}

/** Mechanisms whose proofs nobody but the mail server can check. */
function refuseUncheckable(server: ServerConfig, scope: Scope): ServerConfig {
  const asked = server[server.protocol].auth.find((method) => method.startsWith("scram-"));
  const source = server.authUsersFile === undefined ? "auth_http" : "auth_users_file";
  if (asked === undefined || (server.authHttp === undefined && server.authUsersFile === undefined)) return server;
  const hint = `SCRAM is for "proxy_pass" without "${source}": only the mail server can check it`;
  throw new ConfigError(`"${server.protocol}_auth ${asked}" does not go with "${source}"`, {
    place: scope.place,
    hint,
  });
}

/** All groups of mail servers, in order. */
export function resolveUpstreams(main: Scope): readonly UpstreamConfig[] {
  return main.children(mail).flatMap(upstreamsOf);
}

/** Whoever checks a digest checks it together with the name that the client said. */
function refuseRenamedDigests(server: ServerConfig, scope: Scope): ServerConfig {
  const asked = server[server.protocol].auth.find((method) => /^(?:scram-|cram-md5$|apop$)/.test(method));
  const isPassThrough = server.authHttp === undefined && server.authUsersFile === undefined;
  if (server.userNames === undefined || asked === undefined || !isPassThrough) return server;
  const hint = 'only the client can make what the mail server checks: no "auth_default_domain" and no formats of names';
  throw new ConfigError(`"${server.protocol}_auth ${asked}" does not go with another name for the user`, {
    place: scope.place,
    hint,
  });
}

/** All servers, in order. */
export function resolveServers(
  main: Scope,
  upstreams: readonly UpstreamConfig[],
  surroundings: Surroundings,
): readonly ServerConfig[] {
  const scopes = main.children(mail).flatMap((scope) => scope.children(server));
  return scopes.map((scope) =>
    refuseRenamedDigests(refuseUncheckable(resolveServer(scope, upstreams, surroundings), scope), scope)
  );
}

function resolveServer(
  scope: Scope,
  upstreams: readonly UpstreamConfig[],
  { prefix, hostname }: Surroundings,
): ServerConfig {
  const pass = scope.value(proxyPass);
  return {
    position: lineOf(scope.place),
    listens: resolveListens(scope),
    protocol: protocolOf(scope),
    serverName: scope.value(serverName).name || hostname.toLowerCase(),
    serverNames: scope.value(serverName).names.map((name) => name.toLowerCase()),
    errorLogs: resolveErrorLogs(scope, prefix),
    accessLogs: accessLogsOf(scope, scope.parent ?? scope, prefix),
    timeout: scope.value(timeout),
    maxErrors: scope.value(maxErrors),
    maxCommands: scope.value(maxCommands),
    access: scope.value(allow),
    realIpFrom: scope.value(setRealIpFrom),
    resolver: resolverOf(scope),
    starttls: scope.value(starttls),
    ssl: sslOf(scope),
    authHttp: resolveAuthHttp(scope),
    authUsersFile: authHttpOf(scope) === undefined ? scope.value(authUsersFile) : undefined,
    proxyPass: pass && passTo(upstreams, pass),
    healthCheck: scope.own(healthCheck),
    healthCheckTimeout: scope.value(healthCheckTimeout),
    authFailure: resolveAuthFailure(scope),
    limits: limitsOf(scope),
    userNames: userNamesOf(scope),
    proxy: {
      connectTimeout: scope.value(proxyConnectTimeout),
      timeout: scope.value(proxyTimeout),
      buffer: scope.value(proxyBuffer),
      passErrorMessage: scope.value(proxyPassErrorMessage),
      xclient: scope.value(xclient),
      bind: scope.value(proxyBind),
      nextUpstream: nextUpstreamOf(scope),
      clientId: scope.value(proxyClientId),
      smtpAuth: scope.value(proxySmtpAuth),
      protocol: scope.value(proxyProtocol),
      ssl: proxySslOf(scope),
    },
    imap: {
      capabilities: scope.value(imapCapabilities),
      auth: scope.value(imapAuth),
      clientBuffer: scope.value(imapClientBuffer),
    },
    pop3: {
      capabilities: scope.value(pop3Capabilities),
      auth: scope.value(pop3Auth),
      clientBuffer: scope.value(pop3ClientBuffer),
    },
    smtp: {
      capabilities: scope.value(smtpCapabilities),
      auth: scope.value(smtpAuth),
      clientBuffer: scope.value(smtpClientBuffer),
      greetingDelay: scope.value(smtpGreetingDelay),
    },
  };
}

function resolveAuthHttp(scope: Scope): AuthHttpConfig | undefined {
  const servers = authHttpOf(scope);
  return servers && {
    ...servers,
    timeout: scope.value(authHttpTimeout),
    headers: scope.value(authHttpHeader),
    passClientCert: scope.value(authHttpPassClientCert),
    ssl: authHttpSsl.of(scope),
    cache: authCacheOf(scope),
  };
}

function resolveAuthFailure(scope: Scope): AuthFailureConfig | undefined {
  const delay = scope.value(authFailureDelay);
  return delay === "off" ? undefined : { ...delay, exempt: scope.value(authFailureDelayExempt) };
}

function resolveListens(scope: Scope): readonly ListenConfig[] {
  const sockets = scope.value(listen).flatMap((line) => line.sockets);
  const keepAlive = scope.value(soKeepalive);
  const ssl = scope.value(oldSsl);
  if (keepAlive === undefined && !ssl) return sockets;
  return sockets.map((socket) => {
    return { ...socket, keepAlive: socket.keepAlive ?? keepAlive, ssl: socket.ssl || ssl };
  });
}

function resolveErrorLogs(scope: Scope, prefix: Octets): readonly ErrorLogConfig[] {
  return scope.value(errorLog).map(({ target, level }) => {
    return { target: target.type === "file" ? { ...target, path: fullName(prefix, target.path) } : target, level };
  });
}
