/** `daemon on`: the program starts itself once more, in a session of its own, and ends when that is at work. */

import { fork } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import process from "node:process";
import type { Background, BackgroundHandler } from "../src/runtime.ts";
import { fromBytes } from "./_octets.ts";

/** Whether this process was started so, which nobody that it starts needs to know. */
export function takeBackground(): Background | undefined {
  const mark = process.env[MARK];
  delete process.env[MARK];
  if (mark === undefined) return undefined;
  return {
    started: () => {
      process.send?.("started", undefined, undefined, () => {
        if (process.connected) process.disconnect?.();
      });
      if (mark === WITHOUT_STDERR) closeStderr();
    },
  };
}

/** Starts the program in the background, with the same arguments. */
export function startInBackground(
  args: readonly string[],
  { keepsStderr }: { readonly keepsStderr: boolean },
  handler: BackgroundHandler,
): void {
  const child = fork(process.argv[1] ?? "", args, {
    detached: true,
    env: { ...process.env, [MARK]: keepsStderr ? "with stderr" : WITHOUT_STDERR },
    stdio: ["ignore", "ignore", keepsStderr ? "inherit" : "pipe", "ipc"],
  });
  child.stderr?.on("data", (bytes: Uint8Array) => handler.said(fromBytes(bytes)));
  child.on("message", () => handler.started());
  child.on("error", () => handler.ended(1));
  child.on("close", (code) => handler.ended(code ?? 1));
}

/** Nobody reads any more what goes to standard error. */
function closeStderr(): void {
  try {
    closeSync(2);
    // The lowest number that is free.
    openSync("/dev/null", "w");
  } catch {
    // Then what is written there is lost as well.
  }
}

const MARK = "POSTERN_BACKGROUND";
const WITHOUT_STDERR = "without stderr";
const LOGGED_MARK = "POSTERN_LOGGED_STDERR";

/** In the environment of a worker whose standard error is a log: it needs that until the program is found to be whole. */
export const LOGGED: Readonly<Record<string, string>> = { [LOGGED_MARK]: "1" };

/** The same for a program: it needs that until it is at work. */
export const LOGGED_STDERR: Readonly<Record<string, string>> = { [MARK]: WITHOUT_STDERR, ...LOGGED };

/** For a worker: a log that it kept open as standard error would outlive its own removal. */
export function leaveLoggedStderr(): void {
  if (process.env[LOGGED_MARK] !== undefined) closeStderr();
}
