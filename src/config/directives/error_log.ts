/** `error_log`, which may stand outside of all blocks, in `mail {}` and in `server {}`. */

import type { Call } from "../call.ts";
import { directive, SOME } from "../directive.ts";
import type { Module } from "../directive.ts";
import { listOf } from "../kinds.ts";
import { didYouMean } from "../suggest.ts";
import type { ErrorLogConfig, LogLevel } from "../types.ts";
import { readSyslog, SEVERITIES } from "./_syslog.ts";

/** Its files are as written. */
export const errorLog = directive<readonly ErrorLogConfig[]>({
  name: "error_log",
  contexts: ["main", "mail", "server"],
  since: "0.1.0, in `mail` and `server` 1.9.0",
  kind: listOf("file | stderr | syslog:… [level]", (call) => [{ target: targetOf(call), level: levelOf(call) }], SOME),
  default: [],
  written: "logs/error.log error",
  meaning:
    "Where to log what is at least that important, relative to the prefix; several may be given, and all get every line. Those " +
    "in a block replace those around it. To a log server: `syslog:server=address[:port]` (514), or `unix:path` such as " +
    "`unix:/dev/log`, and after commas `facility=` (local7), `tag=` (nginx), `nohostname`; `severity=` is read, but that of a " +
    "line follows from its level. See [logging.md](logging.md#syslog)",
});

function targetOf(call: Call): ErrorLogConfig["target"] {
  const target = call.arg(0);
  if (target.startsWith(SYSLOG)) return { type: "syslog", ...readSyslog(call, target.slice(SYSLOG.length)) };
  if (target.startsWith("memory:")) throw call.error("postern was built without debug support");
  return target === "stderr" || target === "" ? { type: "stderr" } : { type: "file", path: target, place: call.place };
}

/** The level is one word, or several of nginx's `debug_…` words that choose parts of its source. */
function levelOf(call: Call): LogLevel {
  let level: LogLevel | undefined;
  let hasPart = false;
  for (const word of call.args.slice(1)) {
    if (PARTS.includes(word)) {
      if (level !== undefined) throw call.error(`invalid log level "${word}"`);
      hasPart = true;
      continue;
    }
    const named = SEVERITIES.find((candidate) => candidate === word);
    if (named === undefined) throw call.error(`invalid log level "${word}"`, didYouMean(word, SEVERITIES));
    if (level !== undefined || hasPart) throw call.error(`duplicate log level "${word}"`);
    level = named;
  }
  return hasPart ? "debug" : level ?? "error";
}

const SYSLOG = "syslog:";

const PARTS: readonly string[] = [
  "debug_core",
  "debug_alloc",
  "debug_mutex",
  "debug_event",
  "debug_http",
  "debug_mail",
  "debug_stream",
];

export const errorLogModule: Module = { title: "Error log", about: "Lines have nginx's form.", directives: [errorLog] };
