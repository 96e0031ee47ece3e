/**
 * The life of a process that does all the work itself (`master_process off`): its pid file, its signals, and its end.
 *
 * @module
 */

import type { Config } from "../config/types.ts";
import { inheritedBy } from "../proxy/inherited.ts";
import { serve, type Server } from "../proxy/mod.ts";
import { tellLog } from "../proxy/start_error.ts";
import { describeFailure, type Runtime, type SignalName } from "../runtime.ts";
import type { Running } from "./mod.ts";
import { movePidFile, removePidFile, tryPidFile, writePidFile } from "./pid_file.ts";
import { OneAtATime } from "./signal.ts";
import { INSTEAD } from "./succession.ts";
import { linesOf, outliveErrors } from "./uncaught.ts";

/** Serves in this one process until a signal ends it. Returns the exit code. Throws what a start would. */
export async function runSingleProcess(running: Running): Promise<number> {
  const { config, runtime, errorLog } = running;
  const { workerRlimitNofile } = config.main;
  runtime.workers.workAlone();
  const failure = workerRlimitNofile === undefined ? undefined : runtime.workers.allowDescriptors(workerRlimitNofile);
  const server = await serve(config, runtime, {
    errorLog,
    inherited: inheritedBy(runtime.workers.inherited),
    beforeListening: () => tryPidFile(config.main, runtime),
  });
  if (failure !== undefined) {
    server.log.write("alert", `setrlimit(RLIMIT_NOFILE, ${workerRlimitNofile}) failed ${describeFailure(failure)}`);
  }
  return await lookAfter(server, running);
}

async function lookAfter(server: Server, running: Running): Promise<number> {
  const { runtime, version } = running;
  let { config } = running;
  outliveErrors(runtime, server);
  // Before the pid file tells anybody whom to send signals to.
  const stopped = untilStopped(runtime, server);
  runtime.process.onSignal("SIGUSR1", () => {
    server.log.write("notice", "signal 10 (SIGUSR1) received, reopening logs");
    server.log.write("notice", "reopening logs");
    server.reopenLogs();
  });
  runtime.process.onSignal("SIGUSR2", () => {
    server.log.write("notice", "signal 12 (SIGUSR2) received, ignoring");
    server.log.write("crit", `USR2 cannot replace the program with "master_process off": ${INSTEAD}`);
  });
  const reload = new OneAtATime(async () => {
    config = await reconfigure(config, server, running);
  });
  runtime.process.onSignal("SIGHUP", () => reload.run());
  try {
    writePidFile(config.main, runtime);
  } catch (error) {
    tellLog({ config, log: server.log }, error);
    await server.stop("fast");
    throw error;
  }
  const { log } = server;
  log.write("notice", version);
  log.write("notice", `start worker process ${runtime.process.pid}`);
  running.started();
  await stopped;
  server.log.write("notice", "exiting");
  server.log.write("notice", "exit");
  removePidFile(config.main, runtime);
  await server.closeLogs();
  return 0;
}

/** Takes the configuration as it is now, or tells the log why not and stays with the old one. */
async function reconfigure(
  config: Config,
  server: Server,
  running: Running,
): Promise<Config> {
  const { runtime, readConfig } = running;
  server.log.write("notice", "signal 1 (SIGHUP) received, reconfiguring");
  if (server.isStopping) return config;
  server.log.write("notice", "reconfiguring");
  try {
    const { config: next } = readConfig();
    await movePidFile(config, next, { runtime, act: () => server.reload(next) });
    server.log.write("notice", "reconfigured");
    return next;
  } catch (error) {
    const lines = linesOf(error, running);
    // A stop that came meanwhile is no fault of the configuration's.
    if (!server.isStopping) { for (const line of lines) server.log.write("emerg", line); }
    return config;
  }
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
