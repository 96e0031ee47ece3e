/** A program of its own for a test: errors that nobody catches, and then its end as planned. */

import process from "node:process";
import { loadRuntime } from "../../adapters/detect.ts";

const runtime = await loadRuntime();
runtime.process.onUncaught((error) => runtime.process.stdout(`heard ${String(error)}\n`));
setTimeout(() => {
  throw new Error("thrown");
}, 1);
setTimeout(() => void Promise.reject(new Error("rejected")), 20);
setTimeout(() => process.exit(7), 200);
