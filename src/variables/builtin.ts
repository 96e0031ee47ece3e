/**
 * The variables that Postern has, with the names that nginx's stream, mail and http modules have for them. The
 * documentation is made from this table.
 *
 * @module
 */

import type { Millis, Octets, SocketAddress } from "../runtime.ts";
import { NGINX_VERSION } from "../version.ts";
import { binaryAddress, domainOf, hostOf, localPartOf, pathOf, portOf, seconds, verification } from "./_values.ts";
import type { Facts, UpstreamFacts } from "./facts.ts";
import { lowerAscii } from "./case.ts";
import { faultOf, statusOf } from "./ending.ts";
import { isoTime, localTime } from "./time.ts";

/** A variable that needs no definition. */
export interface Builtin {
  /** Without its `$`, in lower case. */
  readonly name: Octets;
  /** One sentence, without its full stop. */
  readonly meaning: string;
  /** `undefined` where it has no value, or none yet. */
  readonly value: (facts: Facts) => Octets | undefined;
}

const connection: readonly Builtin[] = [
  variable("remote_addr", "The client's address, as far as a trusted PROXY header tells it", (f) => hostOf(f.client)),
  variable("remote_port", "The client's port", (f) => portOf(f.client)),
  variable("binary_remote_addr", "The client's address in 4 or 16 octets", (f) => binaryAddress(f.client)),
  variable("realip_remote_addr", "The address of the other end of the socket", (f) => hostOf(f.peer)),
  variable("realip_remote_port", "The port of the other end of the socket", (f) => portOf(f.peer)),
  variable("server_addr", "The address that the client connected to", (f) => hostOf(f.server)),
  variable("server_port", "The port that the client connected to", (f) => portOf(f.server)),
  variable("server_name", "The first `server_name` of the server block", (f) => f.serverName),
  variable("listen_addr", "The `listen` address as configured", (f) => f.listen),
  variable("protocol", "`imap`, `pop3` or `smtp`", (f) => f.protocol),
  variable("connection", "The number behind `*` in the error log", (f) => String(f.connection)),
];

const proxyProtocol: readonly Builtin[] = [
  variable("proxy_protocol_addr", "The client's address in the PROXY header, trusted or not", source(hostOf)),
  variable("proxy_protocol_port", "The client's port in the PROXY header", source(portOf)),
  variable("proxy_protocol_server_addr", "The server's address in the PROXY header", destination(hostOf)),
  variable("proxy_protocol_server_port", "The server's port in the PROXY header", destination(portOf)),
];

const login: readonly Builtin[] = [
  variable("auth_user", "The login, see `auth_username_format`", (f) => f.claim?.login || undefined),
  variable("auth_domain", "What stands behind the last `@` of the login", (f) => domainOf(f.claim?.login)),
  variable("auth_local_part", "What stands before the last `@` of the login", (f) => localPartOf(f.claim?.login)),
  variable("auth_user_lower", "The login in lower case", lower((f) => f.claim?.login || undefined)),
  variable("auth_domain_lower", "`$auth_domain` in lower case", lower((f) => domainOf(f.claim?.login))),
  variable("auth_local_part_lower", "`$auth_local_part` in lower case", lower((f) => localPartOf(f.claim?.login))),
  variable(
    "auth_original_user",
    "The login as the client said it",
    (f) => (f.claim?.said ?? f.claim?.login) || undefined,
  ),
  variable(
    "auth_method",
    "`plain` for every mechanism that has the password, `apop`, `cram-md5`, `external`, `xoauth2`, `oauthbearer`, " +
      "`scram-sha-1`, `scram-sha-256`, or `none` for mail without a login",
    (f) => f.claim?.method,
  ),
  variable("auth_attempts", "How often the client has tried to log in", (f) => String(f.attempts)),
  variable(
    "client_host",
    "The verified name of an SMTP client (`resolver`), `[UNAVAILABLE]` or `[TEMPUNAVAIL]` where there is none",
    (f) => f.claim?.clientHost,
  ),
  variable("smtp_helo", "The name in EHLO, where mail needs no login", (f) => f.claim?.envelope?.helo || undefined),
  variable("smtp_from", "The address in MAIL FROM, where mail needs no login", (f) => pathOf(f.claim?.envelope?.from)),
  variable("smtp_to", "The address in RCPT TO, where mail needs no login", (f) => pathOf(f.claim?.envelope?.to)),
];

const ssl: readonly Builtin[] = [
  variable("ssl_protocol", "The version of TLS", (f) => f.tls?.version),
  variable("ssl_cipher", "The cipher suite, in OpenSSL's words", (f) => f.tls?.cipher),
  variable("ssl_server_name", "The server name that the client asked for (SNI)", (f) => f.tls?.serverName),
  variable("ssl_alpn_protocol", "The application protocol that was agreed on", (f) => f.tls?.alpn),
  variable("ssl_session_reused", "`r` for a session that was resumed, else `.`", (f) => f.tls && resumption(f.tls)),
  variable("starttls", "`on` for a client that asked for TLS, `off` for one that did not", startTls),
  variable("ssl_client_verify", "`SUCCESS`, `FAILED:` and the reason, or `NONE` without a certificate", verification),
  variable("ssl_client_s_dn", "The subject of the client's certificate", (f) => f.tls?.certificate?.subject),
  variable("ssl_client_i_dn", "The issuer of the client's certificate", (f) => f.tls?.certificate?.issuer),
  variable("ssl_client_serial", "The number of the client's certificate", (f) => f.tls?.certificate?.serial),
  variable("ssl_client_fingerprint", "The SHA-1 of the client's certificate", (f) => f.tls?.certificate?.fingerprint),
];

const upstream: readonly Builtin[] = [
  variable("upstream_addr", "The upstreams that were tried, with commas between", each(({ text }) => text)),
  variable("upstream_connect_time", "How long each took to connect, in seconds", times((up) => up.connectTime)),
  variable("upstream_login_time", "How long each took for the login from there", times((up) => up.loginTime)),
  variable("upstream_session_time", "How long the connection to each lasted", times((up) => up.sessionTime)),
  variable("upstream_bytes_sent", "Octets sent to each", each((up) => String(up.bytesSent))),
  variable("upstream_bytes_received", "Octets received from each", each((up) => String(up.bytesReceived))),
];

const course: readonly Builtin[] = [
  variable(
    "session_start",
    "When the client connected, in the form of `time_iso8601`",
    (f) => isoTime(f.host, f.accepted),
  ),
  variable("session_time", "How long the connection has lasted, in seconds", (f) => seconds(f.duration)),
  variable("ssl_handshake_time", "How long the handshake with the client took", (f) => seconds(f.handshakeTime)),
  variable("auth_time", "How long the last login waited for its verdict", (f) => seconds(f.authTime)),
  variable("bytes_sent", "Octets sent to the client, the login included", (f) => String(f.bytesSent)),
  variable("bytes_received", "Octets received from the client, the login included", (f) => String(f.bytesReceived)),
  variable(
    "session_event",
    "Why a line is logged: `login_failed` at once for a login that was refused, `end` for the end of a connection",
    (f) => f.event,
  ),
  variable(
    "session_phase",
    "How far the connection came: `accepted`, `proxy_protocol`, `handshake`, `login` (waiting for the client), `auth` " +
      "(waiting for the verdict), `connect`, `upstream` (logging in there), `relay`",
    (f) => f.phase,
  ),
  variable("session_result", "How it ended, see below", (f) => f.result),
  variable(
    "limit_conn_status",
    "What `limit_conn` said: `PASSED`, `REJECTED`, `REJECTED_DRY_RUN`, or nothing where there is no limit",
    (f) => f.limit,
  ),
  variable("session_fault", "Whose fault that is: `client`, `user`, `auth`, `upstream`, `us`, or none", faultOf),
  variable("status", "The same in the numbers of nginx's stream module: 200, 400, 403, 500, 502, 503", statusOf),
];

const machine: readonly Builtin[] = [
  variable("hostname", "The name of the machine", (f) => f.host.process.hostname),
  variable("pid", "The number of the process", (f) => String(f.host.process.pid)),
  variable("msec", "The time in seconds, to the millisecond", (f) => seconds(f.host.date())),
  variable("time_iso8601", "The local time, as in `2026-03-01T07:05:09+00:00`", (f) => isoTime(f.host)),
  variable("time_local", "The local time, as in `01/Mar/2026:07:05:09 +0000`", (f) => localTime(f.host)),
  variable("nginx_version", "The version of nginx whose mail configuration is spoken", () => NGINX_VERSION),
];

/** All of them, in the order of the documentation. */
export const BUILTINS: readonly Builtin[] = [
  ...connection,
  ...proxyProtocol,
  ...login,
  ...ssl,
  ...upstream,
  ...course,
  ...machine,
];

function variable(name: Octets, meaning: string, value: Builtin["value"]): Builtin {
  return { name, meaning, value };
}

function source(part: (address: SocketAddress) => Octets | undefined): Builtin["value"] {
  return ({ proxied }) => proxied && part(proxied.source);
}

function destination(part: (address: SocketAddress) => Octets | undefined): Builtin["value"] {
  return ({ proxied }) => proxied && part(proxied.destination);
}

/** Letters of ASCII: those of other alphabets are for the mail server to compare. */
function lower(value: Builtin["value"]): Builtin["value"] {
  return (facts) => {
    const text = value(facts);
    return text && lowerAscii(text);
  };
}

function startTls({ usesStartTls }: Facts): Octets {
  return usesStartTls ? "on" : "off";
}

function resumption({ isResumed }: { readonly isResumed: boolean }): Octets {
  return isResumed ? "r" : ".";
}

/** What nginx writes of several upstreams, `-` for one that has nothing to say. */
function each(part: (upstream: UpstreamFacts) => Octets | undefined): Builtin["value"] {
  return ({ upstreams }) => {
    if (upstreams.length === 0) return undefined;
    return upstreams.map((upstream) => part(upstream) ?? "-").join(", ");
  };
}

function times(part: (upstream: UpstreamFacts) => Millis | undefined): Builtin["value"] {
  return each((upstream) => seconds(part(upstream)));
}
