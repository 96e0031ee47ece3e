/**
 * The command line: nginx's flags, its exit codes and its words.
 *
 * @module
 */

import { ConfigError, loadConfig, weighed } from "../config/mod.ts";
import type { Config, ErrorLogConfig } from "../config/types.ts";
import { startDemo } from "../demo/mod.ts";
import {
  type Explanation,
  Recorder,
  runService,
  runWorker,
  stopRequested,
  type WorkerOptions,
} from "../process/mod.ts";
import { goToBackground } from "../process/background.ts";
import { createPidFile } from "../process/pid_file.ts";
import { sendSignal, SignalError } from "../process/signal.ts";
import { checkUser } from "../process/user.ts";
import { serve, StartError, tryServe } from "../proxy/mod.ts";
import type { Files, MainLink, Octets, Runtime } from "../runtime.ts";
import { describeFailure, isFailure } from "../runtime.ts";
import type { Flags } from "./flags.ts";
import { FlagError, HELP, parseFlags } from "./flags.ts";
import { passwd } from "./passwd.ts";
import type { Paths } from "./paths.ts";
import { findPaths } from "./paths.ts";
import { buildText, NGINX_VERSION, VERSION, versionText } from "./version.ts";

/** Runs the program with its arguments until it is over. Returns the exit code. */
export async function run(runtime: Runtime, args: readonly string[]): Promise<number> {
  try {
    const [command, ...rest] = args;
    if (runtime.workers.main !== undefined) return await work(runtime.workers.main, runtime);
    return command === "passwd" ? await passwd(rest, runtime) : await obey(args, runtime);
  } catch (error) {
    return tell(error, runtime);
  }
}

async function obey(args: readonly string[], runtime: Runtime): Promise<number> {
  const flags = parseFlags(args);
  if (flags.version || flags.build || flags.help) return introduce(flags, runtime);
  const paths = findPaths(flags, runtime);
  if (flags.errorLog !== undefined) tryErrorLog(paths, runtime);
  if (flags.signal !== undefined) return sendSignal(flags.signal, load(flags, paths, runtime).main, runtime);
  if (flags.test || flags.dump) return await test(flags, paths, runtime);
  if (!paths.isChosen && !runtime.files.exists(paths.configuration)) return await demo(runtime);
  return await start(args, { flags, paths }, runtime);
}

async function start(
  args: readonly string[],
  { flags, paths }: { readonly flags: Flags; readonly paths: Paths },
  runtime: Runtime,
): Promise<number> {
  const readConfig = () => {
    const recorder = new Recorder(runtime.files);
    return { config: load(flags, paths, runtime, recorder), files: recorder.snapshot };
  };
  const reading = readConfig();
  const { main } = reading.config;
  const { background, predecessor } = runtime.workers;
  // Whoever replaces a program in the background is there already.
  if (main.daemon && background === undefined && predecessor === undefined) {
    return await goToBackground(args, main, { runtime, errorLog: errorLog(paths) });
  }
  showWarnings(reading.config, runtime, "warn");
  return await runService({
    ...reading,
    args,
    runtime,
    readConfig,
    explain,
    errorLog: errorLog(paths),
    isDaemon: main.daemon,
    version: `postern/${VERSION} (nginx/${NGINX_VERSION} mail), ${runtime.name} ${runtime.version}`,
    started: () => background?.started(),
  });
}

/** What this program does as a worker of another one. */
function work(link: MainLink, runtime: Runtime): Promise<number> {
  const readConfig: WorkerOptions["readConfig"] = (args, files) => {
    const flags = parseFlags(args);
    const paths = findPaths(flags, runtime);
    return { config: load(flags, paths, runtime, files), errorLog: errorLog(paths) };
  };
  return runWorker({ runtime, link, readConfig, explain });
}

function introduce(flags: Flags, runtime: Runtime): number {
  const { stderr } = runtime.process;
  stderr(flags.build ? buildText(runtime, flags.without) : versionText());
  if (flags.help) stderr(HELP);
  return 0;
}

/** `-t` and `-T`: everything short of serving. */
async function test(flags: Flags, paths: Paths, runtime: Runtime): Promise<number> {
  const { stderr, stdout } = runtime.process;
  try {
    const config = load(flags, paths, runtime);
    if (!flags.quiet) {
      showWarnings(config, runtime, "notice");
      stderr(`postern: the configuration file ${paths.configuration} syntax is ok\n`);
    }
    await tryServe(config, runtime, { errorLog: errorLog(paths) });
    createPidFile(config.main, runtime);
    if (!flags.quiet) stderr(`postern: configuration file ${paths.configuration} test is successful\n`);
    if (flags.dump) { for (const { path, text } of config.files) stdout(`# configuration file ${path}:\n${text}\n`); }
    return 0;
  } catch (error) {
    const code = tell(error, runtime);
    stderr(`postern: configuration file ${paths.configuration} test failed\n`);
    return code;
  }
}

async function demo(runtime: Runtime): Promise<number> {
  const running = await startDemo(runtime, serve);
  await stopRequested(runtime);
  await running.stop();
  return 0;
}

/** Reads the configuration and weighs it against what this runtime can do. */
function load(
  flags: Flags,
  paths: Paths,
  runtime: Runtime,
  files: Pick<Files, "read" | "list"> = runtime.files,
): Config {
  const config = loadConfig({
    path: paths.configuration,
    prefix: paths.prefix,
    files,
    hostname: runtime.process.hostname,
    isRoot: runtime.process.isRoot,
    without: flags.without,
    ...(flags.globals === undefined ? {} : { globals: flags.globals }),
  });
  if (runtime.process.isRoot) checkUser(config.main, runtime.files);
  return weighed(config, runtime);
}

/** As nginx does, a start says on stderr what is wrong, and keeps to the log what is only worth knowing. */
function showWarnings(config: Config, runtime: Runtime, leastLevel: "warn" | "notice"): void {
  for (const { level, text } of config.warnings) {
    if (level === "warn" || leastLevel === "notice") runtime.process.stderr(`postern: [${level}] ${text}\n`);
  }
}

/** The file of `-e` may never be needed, but who names one that cannot be written ought to know. */
function tryErrorLog({ errorLog }: Paths, { files, process }: Runtime): void {
  if (errorLog === "stderr") return;
  const log = files.openLog(errorLog);
  if (!isFailure(log)) return log.close();
  const text = `could not open error log file: open() "${errorLog}" failed ${describeFailure(log)}`;
  process.stderr(`postern: [alert] ${text}\n`);
}

function errorLog(paths: Paths): ErrorLogConfig {
  const { errorLog } = paths;
  return { target: errorLog === "stderr" ? { type: "stderr" } : { type: "file", path: errorLog }, level: "error" };
}

/** Tells an error that is the operator's in nginx's words; one of ours goes on. */
function tell(error: unknown, runtime: Runtime): number {
  runtime.process.stderr(explanation(error).map((line) => `postern: ${line}\n`).join(""));
  return 1;
}

function explanation(error: unknown): readonly Octets[] {
  if (error instanceof FlagError) return [error.message];
  if (error instanceof SignalError) return [`[${error.level}] ${error.message}`];
  const { lines, hint } = explain(error);
  return [...lines.map((line) => `[emerg] ${line}`), ...hint === undefined ? [] : [hint]];
}

/** Why a configuration cannot be used. */
function explain(error: unknown): Explanation {
  if (error instanceof ConfigError) return { lines: [error.message], hint: error.hint };
  if (error instanceof StartError) return { lines: error.lines, hint: error.hint };
  throw error;
}
