/** The program, which is broken while there is a file `….upgrade` beside its configuration: to be run, not imported. */

import { existsSync } from "node:fs";
import process from "node:process";

const configuration = process.argv[process.argv.indexOf("-c") + 1];
if (existsSync(`${configuration}.upgrade`)) throw new Error("half an upgrade");
await import("../../src/main.ts");
