/**
 * Deno's std argument parser under the name it has everywhere. The code is the npm package `deno-std`, which repackages
 * the official std without types; the types are in `../deno_std.d.ts`.
 *
 * @module
 */

/// <reference path="../deno_std.d.ts" />

export { type Args, parseArgs, type ParseOptions } from "deno-std/cli/parse_args.js";
