/**
 * Where files are that a configuration names.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";

/** A path as it is if it begins with `/`, else behind the directory `base`. Nothing in it is made shorter. */
export function fullName(base: Octets, path: Octets): Octets {
  if (path.startsWith("/") || base === "") return path;
  return base.endsWith("/") ? base + path : `${base}/${path}`;
}

/** The directory of a file, with its `/`; empty for a file without one. */
export function directoryOf(path: Octets): Octets {
  return path.slice(0, path.lastIndexOf("/") + 1);
}
