/**
 * The life of the serving process: its pid file, its signals, and its end.
 *
 * @module
 */

import type { Config } from "../config/types.ts";
import type { Server } from "../proxy/mod.ts";
import type { Octets, Runtime, SignalName } from "../runtime.ts";
import { removePidFile, writePidFile } from "./pid_file.ts";

/** What {@linkcode runServer} looks after. */
export interface Running {
  readonly config: Config;
  readonly runtime: Runtime;
  readonly server: Server;
  /** The line the log begins with. */
  readonly version: Octets;
  /** Reads the configuration anew. Throws what {@linkcode explain} can tell. */
  readonly readConfig: () => Config;
  /** The lines that tell an error which is the operator's; throws one that is ours. */
  readonly explain: (error: unknown) => readonly Octets[];
}

/** Looks after a server that accepts already, until a signal ends it. Returns the exit code. */
export async function runServer(running: Running): Promise<number> {
  const { runtime, server, version } = running;
  let { config } = running;
  // What a driver cannot catch, an auth server's connection for one, must not cost the other sessions their lives.
  runtime.process.onUncaught((error) => {
    const text = error instanceof Error ? error.stack ?? error.message : String(error);
    server.log.write("alert", `internal error: ${text}`);
  });
  // Before the pid file tells anybody whom to send signals to.
  const stopped = untilStopped(runtime, server);
  runtime.process.onSignal("SIGUSR1", () => {
    server.log.write("notice", "signal 10 (SIGUSR1) received, reopening logs");
    server.log.write("notice", "reopening logs");
    server.reopenLogs();
  });
  onHangUp(runtime, async () => {
    config = await reconfigure(config, running);
  });
  try {
    writePidFile(config.main, runtime);
  } catch (error) {
    await server.stop("fast");
    throw error;
  }
  const { log } = server;
  log.write("notice", version);
  for (const { level, text } of config.warnings) log.write(level, text);
  log.write("notice", `start worker process ${runtime.process.pid}`);
  await stopped;
  server.log.write("notice", "exiting");
  server.log.write("notice", "exit");
  removePidFile(config.main, runtime);
  await server.closeLogs();
  return 0;
}

/** Runs `reload` at every HUP, one at a time; those that come meanwhile are one more. */
function onHangUp(runtime: Runtime, reload: () => Promise<void>): void {
  let isReloading = false;
  let isWanted = false;
  const run = async () => {
    isWanted = true;
    if (isReloading) return;
    isReloading = true;
    try {
      while (isWanted) {
        isWanted = false;
        await reload();
      }
    } finally {
      isReloading = false;
    }
  };
  runtime.process.onSignal("SIGHUP", () => void run());
}

/** Takes the configuration as it is now, or tells the log why not and stays with the old one. */
async function reconfigure(config: Config, { runtime, server, readConfig, explain }: Running): Promise<Config> {
  server.log.write("notice", "signal 1 (SIGHUP) received, reconfiguring");
  if (server.isStopping) return config;
  server.log.write("notice", "reconfiguring");
  try {
    const next = readConfig();
    await movePidFile(config, next, { runtime, act: () => server.reload(next) });
    for (const { level, text } of next.warnings) server.log.write(level, text);
    server.log.write("notice", "reconfigured");
    return next;
  } catch (error) {
    const lines = explain(error);
    // A stop that came meanwhile is no fault of the configuration's.
    if (!server.isStopping) { for (const line of lines) server.log.write("emerg", line); }
    return config;
  }
}

/** A pid file that cannot be written must be known before anything has changed. */
async function movePidFile(
  from: Config,
  to: Config,
  { runtime, act }: { readonly runtime: Runtime; readonly act: () => Promise<void> },
): Promise<void> {
  if (from.main.pid === to.main.pid) return await act();
  writePidFile(to.main, runtime);
  try {
    await act();
  } catch (error) {
    removePidFile(to.main, runtime);
    throw error;
  }
  removePidFile(from.main, runtime);
}

/** Resolves at the first TERM, INT or QUIT. */
export function stopRequested(runtime: Pick<Runtime, "process">): Promise<void> {
  return new Promise((resolve) => {
    for (const { name } of STOPS) runtime.process.onSignal(name, resolve);
  });
}

/** A second signal may be more urgent than the first: TERM cuts short what QUIT lets end by itself. */
function untilStopped(runtime: Runtime, server: Server): Promise<void> {
  return new Promise((resolve) => {
    for (const { name, number, how, text } of STOPS) {
      runtime.process.onSignal(name, () => {
        server.log.write("notice", `signal ${number} (${name}) received, ${text}`);
        if (how === "graceful") server.log.write("notice", "gracefully shutting down");
        server.stop(how).then(resolve);
      });
    }
  });
}

const STOPS: readonly {
  readonly name: SignalName;
  readonly number: number;
  readonly how: "fast" | "graceful";
  readonly text: string;
}[] = [
  { name: "SIGTERM", number: 15, how: "fast", text: "exiting" },
  { name: "SIGINT", number: 2, how: "fast", text: "exiting" },
  { name: "SIGQUIT", number: 3, how: "graceful", text: "shutting down" },
];
