/**
 * One run of the program starts the next and gives it its listening sockets, from descriptor 3 on. A variable of our own
 * names them: `LISTEN_PID` cannot be known before there is a process.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import process from "node:process";
import type { Exit, InheritedSocket, Legacy, Predecessor } from "../src/runtime.ts";
import { LOGGED_STDERR } from "./_background.ts";
import { toFailure } from "./_errno.ts";
import { closeQuietly, openIfItCan } from "./_files.ts";
import { FIRST_DESCRIPTOR, listeningAmong } from "./_inherited.ts";

/** What a process was given by the one that it replaces. */
export interface Inheritance {
  readonly predecessor: Predecessor;
  readonly sockets: readonly InheritedSocket[];
}

/** The inheritance, if this process was started to replace another. No process that this one starts is told of it. */
export function takeInheritance(): Inheritance | undefined {
  const [, parent, list] = /^([0-9]{1,10}):([0-9]{1,5}(?:;[0-9]{1,5})*)$/.exec(process.env[MARK] ?? "") ?? [];
  delete process.env[MARK];
  if (parent === undefined || list === undefined) return undefined;
  return {
    // Whoever loses its parent gets another.
    predecessor: { isAlive: () => process.ppid === Number(parent) },
    sockets: listeningAmong(list.split(";").map(Number)),
  };
}

/** See `Workers.startSuccessor`. */
export function startSuccessor(
  args: readonly string[],
  { descriptors, stderr }: Legacy,
  ended: (exit: Exit) => void,
): number {
  const numbers = descriptors.map((_, i) => FIRST_DESCRIPTOR + i);
  const env: NodeJS.ProcessEnv = { ...process.env, [MARK]: `${process.pid}:${numbers.join(";")}` };
  // Of a channel to whoever started this process, whose number is now another's; and what was said of our standard error.
  for (const name of [...CHANNEL, ...Object.keys(LOGGED_STDERR)]) delete env[name];
  const file = stderr === undefined ? undefined : openIfItCan(stderr);
  if (file !== undefined) Object.assign(env, LOGGED_STDERR);
  const child = spawnWith(env, args, { descriptors, file });
  child.on("error", (error) => ended({ code: undefined, signal: undefined, failure: toFailure(error) }));
  child.on("exit", (code, signal) => {
    ended({ code: code ?? undefined, signal: signal === null ? undefined : constants.signals[signal] });
  });
  child.unref();
  return child.pid ?? 0;
}

function spawnWith(
  env: NodeJS.ProcessEnv,
  args: readonly string[],
  { descriptors, file }: { readonly descriptors: readonly number[]; readonly file: number | undefined },
): ChildProcess {
  try {
    return spawn(PROGRAM, [...process.execArgv, process.argv[1] ?? "", ...args], {
      env,
      stdio: ["inherit", "inherit", file ?? "inherit", ...descriptors],
    });
  } finally {
    if (file !== undefined) closeQuietly(file);
  }
}

const MARK = "POSTERN_INHERITED";
const CHANNEL: readonly string[] = ["NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE"];
/** Read at the start: a file that is replaced later is no longer found by way of the process. */
const PROGRAM = process.execPath;
