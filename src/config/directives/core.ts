/** What stands outside of all blocks: processes, logs, files. */

import { accepted, directive, MAIN, ONE, SOME } from "../directive.ts";
import type { Context, Module } from "../directive.ts";
import { anything, bigSize, flag, listOf, millis, number, once, oneOf, text } from "../kinds.ts";
import { parseNumber } from "../values.ts";

export const daemon = directive({
  name: "daemon",
  contexts: MAIN,
  kind: flag,
  default: true,
  written: "on",
  meaning: "Whether to go to the background once the configuration is read and the sockets are bound",
});

export const masterProcess = directive({
  name: "master_process",
  contexts: MAIN,
  kind: flag,
  default: true,
  written: "on",
  meaning: "Whether worker processes are started; without them the main process does the work",
});

export const workerProcesses = directive<number | "auto">({
  name: "worker_processes",
  contexts: MAIN,
  kind: once("number | auto", (call) => {
    if (call.arg(0) === "auto") return "auto";
    const count = parseNumber(call.arg(0));
    if (count === undefined) throw call.error('"worker_processes" directive invalid value');
    return count;
  }),
  default: 1,
  written: "1",
  meaning: "How many processes share the work, `auto` for one per processor",
});

export const pid = directive({
  name: "pid",
  contexts: MAIN,
  kind: text("file"),
  default: undefined,
  written: "logs/nginx.pid",
  meaning:
    "The file with the number of the main process, relative to the prefix; it appears when all sockets listen. " +
    "Where it cannot be written nothing starts, but with `daemon off` one that no `pid` names may be missing",
});

export const user = directive({
  name: "user",
  contexts: MAIN,
  kind: once("user [group]", (call) => {
    const [name = "", group = name] = call.args;
    return { name, group, place: call.place };
  }, { least: 1, most: 2 }),
  default: undefined,
  written: "nobody",
  meaning:
    "Whose rights the worker processes have, when started by root. A group that is not given is the one with the " +
    "user's name; without `user` it is `nogroup` where there is one",
});

export const workerRlimitNofile = directive({
  name: "worker_rlimit_nofile",
  contexts: MAIN,
  kind: number,
  default: undefined,
  meaning: "How many open files a worker process may have",
});

export const workerShutdownTimeout = directive({
  name: "worker_shutdown_timeout",
  contexts: MAIN,
  since: "1.11.11",
  kind: millis,
  default: undefined,
  meaning:
    "How long sessions may go on after a graceful stop or a reload, 0 for as long as they like. They are ended one by one " +
    "over that time, those that have been silent for longest first, so that not all clients come back in the same second; " +
    "those that are not logged in have all of it",
});

const EVERYWHERE: readonly Context[] = ["main", "events", "mail", "server", "upstream"];

/** Carried out by the parser itself. */
export const include = directive({
  name: "include",
  contexts: EVERYWHERE,
  kind: anything("file | pattern"),
  default: undefined,
  meaning:
    "Reads a file in this place, or all files that match a pattern with `*`, `?` or `[…]`, in order of their names; relative " +
    "to the directory of the main configuration file",
});

const loadModule = directive({
  name: "load_module",
  contexts: MAIN,
  since: "1.9.11",
  kind: listOf("file", (call) => {
    if (call.scope.children().length > 0) throw call.error('"load_module" directive is specified too late');
    return call.args;
  }, ONE),
  default: undefined,
  meaning: "Loads a module of nginx",
  state: accepted("all there is to load is built in"),
});

const env = directive({
  name: "env",
  contexts: MAIN,
  kind: anything("name[=value]"),
  default: undefined,
  meaning: "Keeps or sets an environment variable for worker processes",
  state: accepted("the environment is passed on as it is"),
});

const workerCpuAffinity = directive({
  name: "worker_cpu_affinity",
  contexts: MAIN,
  kind: once("[auto] [mask …]", (call) => {
    const masks = call.args.slice(call.arg(0) === "auto" ? 1 : 0);
    if (masks.length < call.args.length && masks.length > 1) {
      throw call.error(`invalid number of arguments in "${call.name}" directive`);
    }
    const wrong = masks.join("").match(/[^01 ]/);
    if (wrong !== null) throw call.error(`invalid character "${wrong[0]}" in "${call.name}"`);
    return masks;
  }, SOME),
  default: undefined,
  meaning: "Binds worker processes to processors",
  state: accepted("no runtime can do it"),
});

const workerPriority = directive({
  name: "worker_priority",
  contexts: MAIN,
  kind: once("number", (call) => {
    const priority = parseNumber(call.arg(0).replace(/^[-+]/, ""));
    if (priority === undefined) throw call.error('"worker_priority" directive invalid number');
    return priority;
  }),
  default: undefined,
  written: "0",
  meaning: "The scheduling priority of worker processes",
  state: accepted("the process manager that starts Postern can set it"),
});

const workerRlimitCore = directive({
  name: "worker_rlimit_core",
  contexts: MAIN,
  kind: bigSize,
  default: undefined,
  meaning: "The largest core file of a worker process",
  state: accepted("the process manager that starts Postern can set it"),
});

const workingDirectory = directive({
  name: "working_directory",
  contexts: MAIN,
  kind: text("directory"),
  default: undefined,
  meaning: "Where worker processes leave core files",
  state: accepted("worker processes leave none"),
});

const timerResolution = directive({
  name: "timer_resolution",
  contexts: MAIN,
  kind: millis,
  default: undefined,
  meaning: "How often the clock is looked at",
  state: accepted("the runtime keeps the clock"),
});

const lockFile = directive({
  name: "lock_file",
  contexts: MAIN,
  kind: text("file"),
  default: undefined,
  written: "logs/nginx.lock",
  meaning: "A file for locks between worker processes",
  state: accepted("no locks are needed"),
});

const debugPoints = directive({
  name: "debug_points",
  contexts: MAIN,
  kind: oneOf(["stop", "abort"]),
  default: undefined,
  meaning: "What to do at an internal error, for work on nginx itself",
  state: accepted("it is about nginx's insides"),
});

const pcreJit = directive({
  name: "pcre_jit",
  contexts: MAIN,
  since: "1.1.12",
  kind: flag,
  default: undefined,
  written: "off",
  meaning: "Compiles regular expressions",
  state: accepted("the runtime decides on it"),
});

const quicBpf = directive({
  name: "quic_bpf",
  contexts: MAIN,
  since: "1.25.0",
  kind: flag,
  default: undefined,
  written: "off",
  meaning: "Routes QUIC packets to worker processes",
  state: accepted("no mail protocol uses QUIC"),
});

const sslEngine = directive({
  name: "ssl_engine",
  contexts: MAIN,
  kind: text("device"),
  default: undefined,
  meaning: "Hardware for TLS",
  state: accepted("the runtimes have no engines"),
});

const sslObjectCacheInheritable = directive({
  name: "ssl_object_cache_inheritable",
  contexts: MAIN,
  since: "1.27.4",
  kind: flag,
  default: undefined,
  written: "on",
  meaning: "Keeps certificates that did not change over a reload",
  state: accepted("they are read again at each reload"),
});

const threadPool = directive({
  name: "thread_pool",
  contexts: MAIN,
  since: "1.7.11",
  kind: listOf("name threads=number [max_queue=number]", (call) => call.args, { least: 2, most: 3 }),
  default: undefined,
  meaning: "Threads for reading files",
  state: accepted("no files are read while sessions run"),
});

const googlePerftoolsProfiles = directive({
  name: "google_perftools_profiles",
  contexts: MAIN,
  kind: text("file"),
  default: undefined,
  meaning: "Writes a profile of each worker process",
  state: accepted("it is about nginx's insides; use the profiler of the runtime"),
});

export const core: Module = {
  title: "Main",
  about: "These stand outside of all blocks; `include` may stand anywhere.",
  directives: [
    daemon,
    masterProcess,
    workerProcesses,
    user,
    pid,
    include,
    workerRlimitNofile,
    workerShutdownTimeout,
    loadModule,
    env,
    workerCpuAffinity,
    workerPriority,
    workerRlimitCore,
    workingDirectory,
    timerResolution,
    lockFile,
    debugPoints,
    pcreJit,
    quicBpf,
    sslEngine,
    sslObjectCacheInheritable,
    threadPool,
    googlePerftoolsProfiles,
  ],
};
