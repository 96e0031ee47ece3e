/**
 * The program, and the only place that knows which runtime it runs on.
 *
 * @module
 */

import process from "node:process";
import { loadRuntime } from "../adapters/detect.ts";
import { run } from "./cli/mod.ts";

process.exitCode = await run(await loadRuntime(), process.argv.slice(2));
process.exit();
