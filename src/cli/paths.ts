import type { Octets, Runtime } from "../runtime.ts";
import type { Flags } from "./flags.ts";

/** Where things are, once flags and defaults are weighed. */
export interface Paths {
  /** Base of relative paths, with a slash at its end. */
  readonly prefix: Octets;
  readonly configuration: Octets;
  /** Whether the user named a configuration; an embedded demo may stand in for a default that does not exist. */
  readonly isChosen: boolean;
  /** `-e`, made absolute; `stderr` when none was asked for. */
  readonly errorLog: Octets | "stderr";
}

/** Weighs flags against defaults: as nginx does, but without a prefix of its own the working directory serves. */
export function findPaths(flags: Flags, runtime: Pick<Runtime, "process">): Paths {
  const directory = withSlash(runtime.process.workingDirectory());
  const prefix = flags.prefix === undefined ? directory : absolute(directory, withSlash(flags.prefix));
  const fallback = flags.prefix === undefined ? DEFAULT_CONFIGURATION : "conf/nginx.conf";
  const log = flags.errorLog ?? (flags.prefix === undefined ? "stderr" : "logs/error.log");
  return {
    prefix,
    configuration: absolute(prefix, flags.configuration ?? fallback),
    isChosen: flags.configuration !== undefined || flags.prefix !== undefined,
    errorLog: log === "stderr" ? log : absolute(prefix, log),
  };
}

function absolute(base: Octets, path: Octets): Octets {
  return path.startsWith("/") ? path : base + path;
}

function withSlash(path: Octets): Octets {
  return path.endsWith("/") ? path : `${path}/`;
}

const DEFAULT_CONFIGURATION = "/etc/postern/nginx.conf";
