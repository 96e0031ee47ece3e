/**
 * nginx's configuration language: from text, by way of the directive table, to one typed {@linkcode Config}.
 *
 * @module
 */

import type { Files, Octets } from "../runtime.ts";
import { advice } from "./advice.ts";
import { groupChecks } from "./health_checks.ts";
import { Parser } from "./parse.ts";
import { directoryOf, fullName } from "./paths.ts";
import { passWarnings } from "./pass.ts";
import { resolveMain, resolveServers, resolveUpstreams } from "./resolve.ts";
import type { Config, Protocol } from "./types.ts";

export { capabilityError, capabilityWarnings, weighed } from "./capability.ts";
export type { CapableRuntime } from "./capability.ts";
export { type Network, NetworkList } from "./cidr.ts";
export { ConfigError } from "./error.ts";
export { readClientTlsFiles, readSslFiles } from "./ssl_files.ts";
export type { ClientTlsFiles, SslFiles } from "./ssl_files.ts";
export type * from "./ssl_types.ts";
export { clientTlsFault, sslFault } from "./tls_fault.ts";
export type * from "./types.ts";
export type * from "./upstream_types.ts";
export { type GroupCheck, groupChecks } from "./health_checks.ts";

/** Where a configuration is, and what it takes from outside. */
export interface LoadOptions {
  readonly files: Pick<Files, "read" | "list">;
  /** The main file, relative to `prefix`. */
  readonly path: Octets;
  /** The main file's text, where it is at hand; `path` then only names it. */
  readonly text?: Octets;
  /** The directory that relative paths start from. */
  readonly prefix: Octets;
  /** The name of the machine, for `server_name`. */
  readonly hostname: Octets;
  /** Directives to read before the file: the `-g` option. */
  readonly globals?: Octets;
  /** Protocols that are left out: to speak them is an error, and their directives are unknown. */
  readonly without?: readonly Protocol[];
  /** Whether `user` can have an effect; a warning says so where it cannot. */
  readonly isRoot?: boolean;
}

/** Reads and checks a configuration. Throws {@linkcode ConfigError} with the first mistake. */
export function loadConfig(options: LoadOptions): Config {
  const path = fullName(options.prefix, options.path);
  const parser = new Parser({ files: options.files, base: directoryOf(path), without: options.without ?? [] });
  if (options.globals !== undefined) parser.parameter(options.globals);
  if (options.text === undefined) parser.file(path);
  else parser.text(options.text, path);
  const upstreams = resolveUpstreams(parser.main);
  const servers = resolveServers(parser.main, upstreams, options);
  groupChecks({ servers, upstreams });
  return {
    main: resolveMain(parser.main, options),
    servers,
    upstreams,
    warnings: [
      ...parser.warnings,
      ...advice(parser.main, options.isRoot ?? true),
      ...passWarnings({ servers, upstreams }),
    ],
    files: Array.from(parser.texts, ([path, text]) => ({ path, text })),
  };
}

/** Reads and checks a configuration that is one text, without other files. Throws {@linkcode ConfigError}. */
export function parseConfig(text: Octets, options: Partial<Omit<LoadOptions, "text">> = {}): Config {
  return loadConfig({ files: NO_FILES, path: "postern.conf", prefix: "", hostname: "localhost", ...options, text });
}

const NO_FILES: Pick<Files, "read" | "list"> = {
  read: () => ({ number: 2, text: "No such file or directory" }),
  list: () => ({ number: 2, text: "No such file or directory" }),
};
