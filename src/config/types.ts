/**
 * The resolved configuration: what the rest of the program reads. Every field has its final value; defaults and
 * inheritance were applied by `resolve.ts` from the table in `directives/`.
 *
 * @module
 */

import type { KeepAlive, Millis, Octets } from "../runtime.ts";
import type { LineWriter, Template } from "../variables/mod.ts";
import type { Network } from "./cidr.ts";
import type { ClientTlsConfig, ProxySslConfig, SslConfig, StartTls } from "./ssl_types.ts";
import type { HealthCheckConfig, NextUpstreamConfig, UpstreamConfig } from "./upstream_types.ts";

export type Protocol = "imap" | "pop3" | "smtp";

/** Where something stands in the configuration. */
export interface Position {
  readonly file: Octets;
  readonly line: number;
}

/** Where a directive was read: a line of a file, or the `-g` option. */
export type Place = Position | "command line";

/** A file that a directive names, and where that stands. */
export interface NamedFile {
  readonly path: Octets;
  readonly place: Place;
}

/** An IP address without brackets, or a name that is still to be resolved, and a port. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number;
  readonly isName: boolean;
}

export type LogLevel = "emerg" | "alert" | "crit" | "error" | "warn" | "notice" | "info" | "debug";

/** Where lines go. */
export type LogTarget =
  | { readonly type: "stderr" }
  /** One that no configuration names, but `-e` or a program around us, has no place. */
  | { readonly type: "file"; readonly path: Octets; readonly place?: Place }
  | ({ readonly type: "syslog" } & SyslogConfig);

/** One `error_log` line. */
export interface ErrorLogConfig {
  readonly target: LogTarget;
  readonly level: LogLevel;
}

/** One `access_log` line. */
export interface AccessLogConfig {
  readonly target: LogTarget;
  readonly write: LineWriter;
  /** `undefined`: each line is written at once. */
  readonly buffer: LogBuffer | undefined;
  /** Nothing is logged where this comes out empty or `0`. */
  readonly condition: Template | undefined;
}

/** How lines are gathered before they are written. */
export interface LogBuffer {
  /** In octets. */
  readonly size: number;
  /** How long a line may wait at most; `undefined` for as long as there is room. */
  readonly flush: Millis | undefined;
}

/** Where `syslog:…` sends its lines. */
export interface SyslogConfig {
  /** For `host not found in syslog server "TEXT"`, and its place. */
  readonly text: Octets;
  readonly place: Place;
  readonly server: HostAndPort | { readonly path: Octets };
  /** The number of the facility, 23 for `local7`. */
  readonly facility: number;
  /** That of the lines of an access log; that of an error's follows from its level. */
  readonly severity: LogLevel;
  readonly tag: Octets;
  /** Whether lines tell the name of this machine. */
  readonly hasHostname: boolean;
}

/** Everything that one run of the program is told. */
export interface Config {
  readonly main: MainConfig;
  readonly servers: readonly ServerConfig[];
  /** Groups of mail servers. */
  readonly upstreams: readonly UpstreamConfig[];
  /** What deserves a word but does not stop the start, in the order found. */
  readonly warnings: readonly ConfigWarning[];
  /** Every file read, in order of first use, for `-T`. */
  readonly files: readonly { readonly path: Octets; readonly text: Octets }[];
}

export interface ConfigWarning {
  readonly level: "warn" | "notice";
  /** The whole text, with its `in FILE:LINE`. */
  readonly text: Octets;
}

export interface MainConfig {
  readonly workerProcesses: number | "auto";
  /** Empty when the file has none: then the `-e` file serves. */
  readonly errorLogs: readonly ErrorLogConfig[];
  /** Path of the pid file, made absolute with the prefix. */
  readonly pid: Octets;
  /** Where the configuration names it; `undefined` for the default, which in the foreground may be missing. */
  readonly pidPlace: Place | undefined;
  readonly daemon: boolean;
  readonly masterProcess: boolean;
  readonly user: { readonly name: Octets; readonly group: Octets; readonly place: Place } | undefined;
  readonly workerConnections: number;
  readonly workerRlimitNofile: number | undefined;
  readonly workerShutdownTimeout: Millis | undefined;
}

/** One `listen` line, with port ranges spread out: one entry per port. */
export interface ListenConfig {
  readonly position: Position;
  /** The address as the log shows it: `0.0.0.0:143` for a bare port, `[::]:143`, `name:143`, `unix:/path`. */
  readonly text: Octets;
  /** The host is `0.0.0.0` or `::` for wildcards. */
  readonly address: HostAndPort | { readonly path: Octets };
  /** Whether a socket of its own is wanted even when a wildcard on the same port would cover it. */
  readonly bind: boolean;
  readonly backlog: number | undefined;
  readonly receiveBuffer: number | undefined;
  readonly sendBuffer: number | undefined;
  readonly ipv6Only: boolean;
  readonly keepAlive: KeepAlive | boolean | undefined;
  /** Whether clients may use several paths at once (MPTCP). */
  readonly multipath: boolean;
  /** Whether each connection begins with a PROXY header. */
  readonly proxyProtocol: boolean;
  /** Whether TLS is spoken from the first octet on, after the PROXY header. */
  readonly ssl: boolean;
}

/** One `server {}`. */
export interface ServerConfig {
  readonly position: Position;
  readonly listens: readonly ListenConfig[];
  readonly protocol: Protocol;
  readonly serverName: Octets;
  /**
   * All names in lower case, also `*.example.com` and `.example.com`; empty when none is given. They choose among the
   * servers that have a socket in common; where none of them fits, the first of those servers serves.
   */
  readonly serverNames: readonly Octets[];
  /** Empty: the main ones serve. */
  readonly errorLogs: readonly ErrorLogConfig[];
  readonly accessLogs: readonly AccessLogConfig[];
  /** How long a client may take to log in, and how long one upstream login may take. */
  readonly timeout: Millis;
  readonly maxErrors: number;
  readonly maxCommands: number;
  /** Who may connect: the first rule that has the client counts; who is in none may. */
  readonly access: readonly AccessRule[];
  /** Whose PROXY headers are believed. */
  readonly realIpFrom: readonly TrustedSource[];
  /** `undefined`: names of clients are not looked up. */
  readonly resolver: ResolverConfig | undefined;
  readonly starttls: StartTls;
  /** `undefined` when neither a `listen` nor `starttls` asks for TLS. */
  readonly ssl: SslConfig | undefined;
  /** `undefined`: nobody is asked; {@linkcode ServerConfig.proxyPass} is there then. */
  readonly authHttp: AuthHttpConfig | undefined;
  /** The file that says who may log in; only where {@linkcode ServerConfig.authHttp} is `undefined`. */
  readonly authUsersFile: NamedFile | undefined;
  /** Where sessions go whose source of logins does not say, or that have none. */
  readonly proxyPass: ProxyPassConfig | undefined;
  /** Whether the group that {@linkcode ServerConfig.proxyPass} names is checked. */
  readonly healthCheck: HealthCheckConfig | undefined;
  readonly healthCheckTimeout: Millis;
  /** What wrong passwords cost: `auth_failure_delay`. */
  readonly authFailure: AuthFailureConfig | undefined;
  /** How many connections may have a key in common. */
  readonly limits: LimitsConfig;
  /** What users are called beside what they say; `undefined` where every name stays as it is. */
  readonly userNames: UserNamesConfig | undefined;
  readonly proxy: ProxyConfig;
  readonly imap: ImapConfig;
  readonly pop3: Pop3Config;
  readonly smtp: SmtpConfig;
}

/** One `allow` or `deny` line. */
export interface AccessRule {
  readonly action: "allow" | "deny";
  readonly network: Network;
}

/** One `set_real_ip_from` line; a name stands for all addresses it has at the start. */
export type TrustedSource =
  | { readonly network: Network }
  /** For `host not found in set_real_ip_from "NAME"`, and its place. */
  | { readonly name: Octets; readonly position: Position };

/** `resolver` and `resolver_timeout`. */
export interface ResolverConfig {
  readonly position: Position;
  /** Those to ask; at least one. `text` is for `host not found in resolver "TEXT"`. */
  readonly servers: readonly (HostAndPort & { readonly text: Octets })[];
  /** How long answers are kept, in place of their own time to live. */
  readonly valid: Millis | undefined;
  /** Which addresses of a name to ask for; at least one of them. */
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** `undefined` for until there is an answer. */
  readonly timeout: Millis | undefined;
}

/** One server of `auth_http`. */
export interface AuthServerConfig {
  /** The part of the URL that names the server, as written: the log calls the server so. */
  readonly name: Octets;
  readonly address: { readonly host: string; readonly port: number } | { readonly path: Octets };
  /** What goes into `Host`: the host without its port, `localhost` for a unix socket. */
  readonly host: Octets;
  readonly uri: Octets;
  /** Whether the URL is `https://`. */
  readonly tls: boolean;
}

/** The first server of `auth_http`, and what holds for all. */
export interface AuthHttpConfig extends AuthServerConfig {
  /** Those to ask when the ones before cannot be asked, in order. */
  readonly fallbacks: readonly AuthServerConfig[];
  readonly timeout: Millis;
  readonly headers: readonly { readonly name: Octets; readonly value: Template }[];
  /** Whether the server is told the client's certificate. */
  readonly passClientCert: boolean;
  /** For those servers that speak TLS. */
  readonly ssl: ClientTlsConfig;
  /** Whether answers are kept. */
  readonly cache: AuthCacheConfig | undefined;
}

/** `auth_http_cache` and what goes with it. */
export interface AuthCacheConfig {
  /** Servers that name the same have their answers in common. */
  readonly zone: Octets;
  /** How many answers are kept. */
  readonly capacity: number;
  readonly valid: Millis;
  /** What has to be the same beside the login itself; `undefined` for all that is asked. */
  readonly key: Template | undefined;
  readonly methods: readonly ("plain" | "external" | "xoauth2" | "oauthbearer")[];
}

/** `auth_failure_delay` and its exemptions. */
export interface AuthFailureConfig {
  readonly first: Millis;
  readonly most: Millis;
  readonly exempt: readonly Network[];
}

/** `auth_default_domain`, `auth_username_format` and `proxy_username_format`. */
export interface UserNamesConfig {
  readonly defaultDomain: Octets | undefined;
  /** What is asked about. */
  readonly asked: Template | undefined;
  /** What the upstream is told. */
  readonly told: Template | undefined;
}

/** The `limit_conn` lines of a server, and what becomes of a connection that is one too many. */
export interface LimitsConfig {
  readonly rules: readonly { readonly zone: LimitZoneConfig; readonly most: number }[];
  readonly level: "info" | "notice" | "warn" | "error";
  /** Whether nobody is refused, and only the log hears of it. */
  readonly isDryRun: boolean;
}

/** One `limit_conn_zone`. */
export interface LimitZoneConfig {
  readonly name: Octets;
  readonly key: Template;
  /** How many keys are counted at a time. */
  readonly capacity: number;
  /** Whether the key has variables that may not be known before the login is. */
  readonly needsLogin: boolean;
}

/** `proxy_pass`. */
export interface ProxyPassConfig {
  readonly place: Place;
  /** The name of a group or an address, worked out for each login. */
  readonly template: Template;
  /** What stands behind the name of a group: the port of those servers of it that are written without one. */
  readonly groupPort: number | undefined;
}

export interface ProxyConfig {
  /**
   * How long an upstream may take to be connected to and to say its first word; never longer than the login. `undefined`:
   * as long as that, and less where there is another one.
   */
  readonly connectTimeout: Millis | undefined;
  /** How long a logged-in session may be silent. */
  readonly timeout: Millis;
  /** Octets: the longest reply of an upstream during the login. */
  readonly buffer: number;
  readonly passErrorMessage: boolean;
  readonly xclient: boolean;
  /** Our addresses that connections to upstreams come from, in turn; empty: the system's choice. */
  readonly bind: readonly string[];
  /** How far a login goes on when servers of a group fail. */
  readonly nextUpstream: NextUpstreamConfig;
  /** Whether IMAP and POP3 upstreams are told who the client is. */
  readonly clientId: boolean;
  readonly smtpAuth: boolean;
  /** Whether upstreams get a PROXY header first, and of which version: `on` is version 1. */
  readonly protocol: "off" | "on" | "v2";
  readonly ssl: ProxySslConfig;
}

type SharedAuth = "plain" | "cram-md5" | "external" | "xoauth2" | "oauthbearer" | "scram-sha-1" | "scram-sha-256";
export type ImapAuth = SharedAuth | "login";
export type Pop3Auth = SharedAuth | "apop";
export type SmtpAuth = SharedAuth | "login" | "none";

export interface ImapConfig {
  readonly capabilities: readonly Octets[];
  readonly auth: readonly ImapAuth[];
  /** Octets: the longest command, its literals included. */
  readonly clientBuffer: number;
}

export interface Pop3Config {
  readonly capabilities: readonly Octets[];
  readonly auth: readonly Pop3Auth[];
  /** Octets: the longest command. */
  readonly clientBuffer: number;
}

export interface SmtpConfig {
  readonly capabilities: readonly Octets[];
  readonly auth: readonly SmtpAuth[];
  readonly clientBuffer: number;
  readonly greetingDelay: Millis;
}
