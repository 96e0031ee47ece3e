/**
 * The resolved configuration: what the rest of the program reads. Every field has its final value; defaults and
 * inheritance were applied by `resolve.ts` from the table in `directives/`.
 *
 * @module
 */

import type { KeepAlive, Millis, Octets } from "../runtime.ts";

export type Protocol = "imap" | "pop3" | "smtp";

/** Where something stands in the configuration. */
export interface Position {
  readonly file: Octets;
  readonly line: number;
}

export type LogLevel = "emerg" | "alert" | "crit" | "error" | "warn" | "notice" | "info" | "debug";

/** One `error_log` line. */
export interface ErrorLogConfig {
  readonly target: { readonly type: "stderr" } | { readonly type: "file"; readonly path: Octets };
  readonly level: LogLevel;
}

/** Everything that one run of the program is told. */
export interface Config {
  readonly main: MainConfig;
  readonly servers: readonly ServerConfig[];
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
  /** Whether the file names it itself; a default that cannot be written is no reason not to start. */
  readonly pidIsConfigured: boolean;
  readonly daemon: boolean;
  readonly masterProcess: boolean;
  readonly user: { readonly name: Octets; readonly group: Octets } | undefined;
  readonly workerConnections: number;
  readonly workerRlimitNofile: number | undefined;
  readonly workerShutdownTimeout: Millis | undefined;
}

/** One `listen` line, with port ranges spread out: one entry per port. */
export interface ListenConfig {
  readonly position: Position;
  /** The address as the log shows it: `0.0.0.0:143` for a bare port, `[::]:143`, `name:143`, `unix:/path`. */
  readonly text: Octets;
  /** `host` is a numeric address without brackets, `0.0.0.0` or `::` for wildcards, or a name still to be resolved. */
  readonly address:
    | { readonly host: string; readonly port: number; readonly isName: boolean }
    | { readonly path: Octets };
  /** Whether a socket of its own is wanted even when a wildcard on the same port would cover it. */
  readonly bind: boolean;
  readonly backlog: number | undefined;
  readonly receiveBuffer: number | undefined;
  readonly sendBuffer: number | undefined;
  readonly ipv6Only: boolean;
  readonly keepAlive: KeepAlive | boolean | undefined;
  /** Whether clients may use several paths at once (MPTCP). */
  readonly multipath: boolean;
}

/** One `server {}`. */
export interface ServerConfig {
  readonly position: Position;
  readonly listens: readonly ListenConfig[];
  readonly protocol: Protocol;
  readonly serverName: Octets;
  /** Empty: the main ones serve. */
  readonly errorLogs: readonly ErrorLogConfig[];
  /** How long a client may take to log in, and how long one upstream login may take. */
  readonly timeout: Millis;
  readonly maxErrors: number;
  readonly maxCommands: number;
  readonly authHttp: AuthHttpConfig;
  readonly proxy: ProxyConfig;
  readonly imap: ImapConfig;
  readonly pop3: Pop3Config;
  readonly smtp: SmtpConfig;
}

export interface AuthHttpConfig {
  /** The part of the URL that names the server, as written: the log calls the server so. */
  readonly name: Octets;
  readonly address: { readonly host: string; readonly port: number } | { readonly path: Octets };
  /** What goes into `Host`: the host without its port, `localhost` for a unix socket. */
  readonly host: Octets;
  readonly uri: Octets;
  readonly timeout: Millis;
  readonly headers: readonly { readonly name: Octets; readonly value: Octets }[];
}

export interface ProxyConfig {
  /** How long a logged-in session may be silent. */
  readonly timeout: Millis;
  /** Octets: the longest reply of an upstream during the login. */
  readonly buffer: number;
  readonly passErrorMessage: boolean;
  readonly xclient: boolean;
  readonly smtpAuth: boolean;
}

type SharedAuth = "plain" | "cram-md5" | "external" | "xoauth2" | "oauthbearer";
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
