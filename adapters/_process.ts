/** The process, its signals and its descriptors. */

import { existsSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import process from "node:process";
import type { Octets, Process, Runtime } from "../src/runtime.ts";
import { codeOf, toFailure } from "./_errno.ts";
import { fromPath, toBytes } from "./_octets.ts";
import { readSecret } from "./_read_secret.ts";

export function createProcess(): Process {
  return {
    pid: process.pid,
    hostname: hostname(),
    isRoot: process.getuid?.() === 0,
    workingDirectory: () => fromPath(process.cwd()),
    environment: (name) => process.env[name],
    stdout: (text) => writeAll(1, text),
    stderr: (text) => writeAll(2, text),
    isTerminal: process.stdin.isTTY === true,
    readSecret,
    onSignal: (name, handle) => void process.on(name, handle),
    onUncaught: (handle) => void process.on("uncaughtException", handle).on("unhandledRejection", handle),
    kill: (pid, name) => {
      try {
        process.kill(pid, name);
        return undefined;
      } catch (error) {
        return toFailure(error);
      }
    },
    exit: (code) => process.exit(code),
  };
}

/**
 * What `/proc` says. Where there is none the limit is what every system has at least; and when nothing is left to look
 * with, all are open.
 */
export function createDescriptors(): Runtime["descriptors"] {
  let limit = softLimit();
  return () => {
    try {
      // It may have been raised. To look takes a descriptor, too.
      limit = softLimit();
      // The reading itself has one open.
      return { limit, open: readdirSync("/proc/self/fd").length - 1 };
    } catch (error) {
      return { limit, open: codeOf(error) === "ENOENT" ? 0 : limit };
    }
  };
}

function softLimit(): number {
  const limits = existsSync(LIMITS) ? readFileSync(LIMITS, "latin1") : "";
  const value = /^Max open files\s+(\S+)/m.exec(limits)?.[1];
  if (value === "unlimited") return Number.MAX_SAFE_INTEGER;
  return value === undefined ? SMALLEST_LIMIT : Number(value);
}

const LIMITS = "/proc/self/limits";

/** macOS starts programs with this one. */
const SMALLEST_LIMIT = 256;

/** Writes at once, so that nothing is lost when the process ends right behind it. A reader that is gone is no fault. */
function writeAll(descriptor: number, text: Octets): void {
  let rest = toBytes(text);
  for (let tries = 0; rest.length > 0 && tries < MOST_TRIES; tries++) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
      tries = 0;
    } catch (error) {
      if (codeOf(error) !== "EAGAIN") return;
      Atomics.wait(SLEEP, 0, 0, 1);
    }
  }
}

/** A pipe whose reader sleeps is waited for in steps of a millisecond, and not for ever. */
const MOST_TRIES = 1_000;
const SLEEP = new Int32Array(new SharedArrayBuffer(4));
