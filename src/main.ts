/**
 * The program, and the only place that knows which runtime it runs on.
 *
 * @module
 */

import process from "node:process";
import { loadRuntime } from "../adapters/detect.ts";
import { run } from "./cli/mod.ts";

// The adapters' timers keep no process alive, so something must while nothing but a timer is waited for.
const awake = setInterval(() => {}, 2 ** 30);
process.exitCode = await run(await loadRuntime(), process.argv.slice(2));
clearInterval(awake);
process.exit();
