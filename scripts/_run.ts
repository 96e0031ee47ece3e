/** Starting programs, and the root they run in. */

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The repository, without a slash at the end. */
export const ROOT = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

/** Milliseconds that an interrupted program has to say what it was at. */
const INTERRUPTED = 10_000;

export interface Outcome {
  /** The exit code, or the signal that ended it. */
  readonly status: number | string;
  readonly seconds: number;
  /** What it printed, when it was captured. */
  readonly output: string;
}

export interface RunOptions {
  /** Whether output is kept for the caller instead of shown. */
  readonly capture: boolean;
  /** After this many seconds it is interrupted, and killed if it is still there later; its status is `timeout`. */
  readonly limit: number;
}

/** Runs a program in the repository with the runtimes of `node_modules/.bin` first in its path. */
export function run(program: string, args: readonly string[], options: RunOptions): Promise<Outcome> {
  const started = performance.now();
  const child = spawn(program, args, {
    cwd: ROOT,
    env: environment(),
    stdio: ["ignore", options.capture ? "pipe" : "inherit", options.capture ? "pipe" : "inherit"],
    detached: true,
  });
  // It is a group of its own, so whoever ends us must not leave it behind.
  const abandon = () => {
    killGroup(child.pid);
    process.exit(130);
  };
  process.once("SIGINT", abandon).once("SIGTERM", abandon).once("SIGHUP", abandon);
  const parts: Uint8Array[] = [];
  child.stdout?.on("data", (part: Uint8Array) => parts.push(part));
  child.stderr?.on("data", (part: Uint8Array) => parts.push(part));
  return new Promise((resolve) => {
    let timedOut = false;
    let timer = setTimeout(() => {
      timedOut = true;
      // Deno tells what has failed so far, and what it waited for; without this nobody would know.
      child.kill("SIGINT");
      timer = setTimeout(() => killGroup(child.pid), INTERRUPTED);
    }, options.limit * 1000);
    const finish = (status: number | string) => {
      clearTimeout(timer);
      process.off("SIGINT", abandon).off("SIGTERM", abandon).off("SIGHUP", abandon);
      // Whatever a test left running would keep its ports and our pipes.
      killGroup(child.pid);
      resolve({ status, seconds: (performance.now() - started) / 1000, output: Buffer.concat(parts).toString() });
    };
    child.on("error", (error) => finish(error.message));
    child.on("exit", (code, signal) => {
      const status = timedOut ? `timeout after ${options.limit} s` : code ?? signal ?? "unknown";
      if (options.capture) child.on("close", () => finish(status));
      else finish(status);
      if (options.capture) killGroup(child.pid);
    });
  });
}

function environment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: `${ROOT}/node_modules/.bin:${process.env["PATH"] ?? "/usr/bin:/bin"}`,
    NO_COLOR: "1",
    DENO_NO_UPDATE_CHECK: "1",
    DENO_NO_PROMPT: "1",
  };
  // Both would tell a test runner that it runs inside another one.
  delete env["NODE_TEST_CONTEXT"];
  delete env["FORCE_COLOR"];
  return env;
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody is left in the group.
  }
}
