/** A program of its own for a test: errors that nobody catches, and then its end as planned. */

import process from "node:process";
import { loadRuntime } from "../../adapters/detect.ts";

const runtime = await loadRuntime();
runtime.process.onUncaught((error) => runtime.process.stdout(`heard ${String(error)}\n`));
// Each waits for the one before it, also where the machine is so slow that all would be due at once.
setTimeout(() => {
  setTimeout(() => {
    setTimeout(() => process.exit(7), 200);
    void Promise.reject(new Error("rejected"));
  }, 20);
  throw new Error("thrown");
}, 1);
