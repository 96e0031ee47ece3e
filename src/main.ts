/**
 * The program, and the only place that knows which runtime it runs on.
 *
 * @module
 */

import process from "node:process";
import { loadRuntime } from "../adapters/detect.ts";
import { run } from "./cli/mod.ts";

// Until somebody handles it, it would end Deno and Bun, and open a port for debuggers on Node, whose own switch against
// that (`--disable-sigusr1`) keeps the signal from everybody.
process.on("SIGUSR1", () => {});
// The way back to the runtime's sockets, for whoever does not trust these.
const sockets = process.env["POSTERN_SOCKETS"] === "runtime" ? "runtime" : "kernel";
// The adapters' timers keep no process alive, so something must while nothing but a timer is waited for.
const awake = setInterval(() => {}, 2 ** 30);
const [name, ...args] = process.argv.slice(1);
// A binary that Bun made hears its own name once more when it was started by itself.
if (args[0] === name) args.shift();
process.exitCode = await run(await loadRuntime({ sockets }), args);
clearInterval(awake);
process.exit();
