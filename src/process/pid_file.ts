import { inPlace } from "../config/error.ts";
import type { Config, MainConfig } from "../config/types.ts";
import { StartError } from "../proxy/mod.ts";
import type { Runtime, SystemFailure } from "../runtime.ts";
import { describeFailure, isFailure } from "../runtime.ts";

/** Before anybody is accepted, who would be cut off when the file turns out to be none that can be written. */
export function tryPidFile(main: MainConfig, { files }: Pick<Runtime, "files">): void {
  // Where there is none, its folder decides: the name itself would say too early that somebody is at work.
  const isThere = files.exists(main.pid);
  const path = isThere ? main.pid : `${main.pid}.try`;
  const look = files.look(path);
  const hasNumber = isThere && !isFailure(look) && look.size > 0;
  const file = files.openLog(path);
  if (isFailure(file)) return check(main, file);
  // A disk that is full lets a file be made, and nothing be written. One that has a number in it has room for another.
  const failure = hasNumber ? undefined : file.write("\n");
  file.close();
  if (!isThere) files.remove(path);
  else if (!hasNumber) files.write(path, "");
  check(main, failure, "write");
}

/** Writes the process id, once every listener accepts: whoever waits for the file may connect when it is there. */
export function writePidFile(main: MainConfig, runtime: Pick<Runtime, "files" | "process">): void {
  check(main, runtime.files.write(main.pid, `${runtime.process.pid}\n`));
}

/** For `-t`: as nginx does, it leaves an empty file where there was none. */
export function createPidFile(main: MainConfig, runtime: Pick<Runtime, "files">): void {
  tryPidFile(main, runtime);
  if (!runtime.files.exists(main.pid)) check(main, runtime.files.write(main.pid, ""));
}

export function removePidFile(main: MainConfig, { files }: Pick<Runtime, "files">): void {
  files.remove(main.pid);
}

/** A pid file that cannot be written must be known before anything has changed. */
export async function movePidFile(
  from: Config,
  to: Config,
  { runtime, act }: { readonly runtime: Runtime; readonly act: () => Promise<void> },
): Promise<void> {
  if (from.main.pid === to.main.pid) return await act();
  // Another `daemon` brings no program to the foreground.
  writePidFile({ ...to.main, daemon: from.main.daemon || to.main.daemon }, runtime);
  try {
    await act();
  } catch (error) {
    removePidFile(to.main, runtime);
    throw error;
  }
  removePidFile(from.main, runtime);
}

/**
 * A pid file that nobody asked for may be missing in the foreground. Whoever sends signals to a program in the background
 * has nothing else.
 */
function check(main: MainConfig, failure: SystemFailure | undefined, call: "open" | "write" = "open"): void {
  if (failure === undefined || (main.pidPlace === undefined && !main.daemon)) return;
  const place = main.pidPlace === undefined ? "" : inPlace(main.pidPlace);
  throw new StartError([`${call}() "${main.pid}" failed ${describeFailure(failure)}${place}`], HINT);
}

const HINT = 'name another file by "pid", or make its folder one that is there and can be written';
