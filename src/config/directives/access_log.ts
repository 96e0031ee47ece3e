/** `access_log` and `log_format`: a line for each connection that ended, and for each login that failed. */

import type { Octets } from "../../runtime.ts";
import { type Escaping, lineWriter, type Template } from "../../variables/mod.ts";
import type { Call } from "../call.ts";
import { directive, MAIL, MAIL_AND_SERVER, SOME } from "../directive.ts";
import type { Kind, Module } from "../directive.ts";
import { ConfigError } from "../error.ts";
import { listOf } from "../kinds.ts";
import { fullName } from "../paths.ts";
import type { Scope } from "../scope.ts";
import { didYouMean } from "../suggest.ts";
import type { AccessLogConfig, LogBuffer, LogTarget, Place } from "../types.ts";
import { parseMillis, parseSize } from "../values.ts";
import { findFormat, type LogFormat, READY_FORMATS } from "./_log_formats.ts";
import { readSyslog } from "./_syslog.ts";

/** All `access_log` lines of a block. */
export interface AccessLogLines {
  /** Whether one of them is `off`, which silences the others too. */
  readonly isOff: boolean;
  readonly lines: readonly AccessLogLine[];
}

/** One line, before its format is known. */
export interface AccessLogLine {
  readonly place: Place;
  readonly target: LogTarget;
  readonly format: Octets;
  readonly buffer: LogBuffer | undefined;
  readonly condition: Template | undefined;
}

const LINES: Kind<AccessLogLines> = {
  syntax: "file | stderr | syslog:… [format [buffer=size] [flush=time] [if=condition]] | off",
  count: SOME,
  repeated: "adds",
  read(call, { isOff, lines } = { isOff: false, lines: [] }) {
    if (call.arg(0) !== "off") return { isOff, lines: [...lines, readLine(call)] };
    if (call.args.length > 1) throw call.error(`invalid parameter "${call.arg(1)}"`);
    return { isOff: true, lines };
  },
};

export const accessLog = directive<AccessLogLines, undefined>({
  name: "access_log",
  contexts: MAIL_AND_SERVER,
  since: "stream 1.11.4",
  kind: LINES,
  default: undefined,
  written: "off",
  meaning:
    "Where to write a line for each connection that has ended, and one at once for each login that was refused; the file is " +
    "relative to the prefix. Several may be given, and all get every line; those in `server {}` replace those in `mail {}`, " +
    "and `off` silences both. The format is `combined` unless named, or `json`, or one of `log_format`. `buffer=` gathers lines " +
    "up to that size before they are written, `flush=` at most that long; they are written too when logs are opened anew and " +
    "at the end. Nothing is logged where the condition comes out empty or `0`. A log server gets lines of severity info, or " +
    "of its `severity=`. See [logging.md](logging.md)",
});

const mailLog = directive<AccessLogLines, undefined>({
  name: "mail_log",
  contexts: MAIL_AND_SERVER,
  kind: LINES,
  default: undefined,
  written: "off",
  meaning: "Another name for `access_log`",
  storedAs: accessLog,
});

export const logFormat = directive<readonly LogFormat[]>({
  name: "log_format",
  contexts: MAIL,
  since: "stream 1.11.4",
  kind: listOf("name [escape=default | json | none] string …", (call) => [readFormat(call)], {
    least: 2,
    most: Infinity,
  }),
  default: [],
  meaning:
    'What a line of `access_log` says. In the values of variables, `escape=default` writes `\\xHH` for `"`, `\\` and all that is ' +
    "not printable ASCII, and `-` for those that have no value; `escape=json` what JSON wants between double quotes; " +
    "`escape=none` nothing at all, so that whoever connects may forge lines",
});

/** Checks what was read of one block. `mail` is the block around all servers. Throws {@linkcode ConfigError}. */
export function checkAccessLogs(scopes: readonly Scope[], mail: Scope): void {
  const buffers = new Map<Octets, LogBuffer>();
  for (const scope of scopes) {
    for (const line of scope.own(accessLog)?.lines ?? []) {
      formatOf(line, mail);
      checkBuffer(line, buffers);
    }
  }
}

/** Where a server's connections are logged. `prefix` is what relative paths start from. */
export function accessLogsOf(scope: Scope, mail: Scope, prefix: Octets): readonly AccessLogConfig[] {
  const own = scope.value(accessLog);
  if (own === undefined || own.isOff) return [];
  return own.lines.map((line) => {
    const { target, buffer, condition } = line;
    return {
      target: target.type === "file" ? { ...target, path: fullName(prefix, target.path) } : target,
      write: formatOf(line, mail).write,
      buffer,
      condition,
    };
  });
}

function formatOf({ format, place }: AccessLogLine, mail: Scope): LogFormat {
  const given = mail.value(logFormat);
  const found = findFormat(format, given);
  if (found !== undefined) return found;
  const isParameter = /^(?:buffer|flush|if)=/.test(format);
  const names = [...given, ...READY_FORMATS].map(({ name }) => name);
  const hint = isParameter
    ? `parameters stand behind a format: "${DEFAULT_FORMAT} ${format}"`
    : didYouMean(format, names);
  throw new ConfigError(`unknown log format "${format}"`, { place, hint });
}

/** A file has one buffer, whoever writes to it. */
function checkBuffer({ target, buffer, place }: AccessLogLine, buffers: Map<Octets, LogBuffer>): void {
  if (target.type !== "file" || buffer === undefined) return;
  const earlier = buffers.get(target.path);
  buffers.set(target.path, buffer);
  if (earlier === undefined || (earlier.size === buffer.size && earlier.flush === buffer.flush)) return;
  throw new ConfigError(`access_log "${target.path}" already defined with conflicting parameters`, { place });
}

function readLine(call: Call): AccessLogLine {
  const target = readTarget(call);
  const parameters = call.args.slice(2);
  let size: number | undefined;
  let flush: number | undefined;
  let condition: Template | undefined;
  for (const parameter of parameters) {
    const at = parameter.indexOf("=");
    const value = parameter.slice(at + 1);
    switch (parameter.slice(0, at + 1)) {
      case "buffer=":
        size = positive(parseSize(value));
        if (size === undefined) throw call.error(`invalid buffer size "${value}"`);
        break;
      case "flush=":
        flush = positive(parseMillis(value));
        if (flush === undefined) throw call.error(`invalid flush time "${value}"`);
        break;
      case "if=":
        condition = call.template(value);
        break;
      default:
        throw refusal(call, parameter);
    }
  }
  if (flush !== undefined && size === undefined) {
    throw call.error(`no buffer is defined for access_log "${call.arg(0)}"`);
  }
  if (size !== undefined && target.type !== "file") throw call.error(`logs to ${target.type} cannot be buffered`);
  const buffer = size === undefined ? undefined : { size, flush };
  return { place: call.place, target, format: call.args[1] ?? DEFAULT_FORMAT, buffer, condition };
}

function readTarget(call: Call): LogTarget {
  const target = call.arg(0);
  if (target.startsWith(SYSLOG)) return { type: "syslog", ...readSyslog(call, target.slice(SYSLOG.length)) };
  if (target === "stderr") return { type: "stderr" };
  if (!target.includes("$")) return { type: "file", path: target, place: call.place };
  // What a client says would name files, any number of them.
  throw call.error(
    `variables in the name of an access log are not supported, as in "${target}"`,
    "write several access_log lines with if=, or one log for each server",
  );
}

function refusal(call: Call, parameter: Octets): ConfigError {
  if (parameter === "gzip" || parameter.startsWith("gzip=")) {
    return call.error('"gzip" of the "access_log" directive is not supported', "logrotate can compress what is closed");
  }
  const [name = ""] = parameter.split("=");
  return call.error(`invalid parameter "${parameter}"`, didYouMean(name, ["buffer", "flush", "if"]));
}

function positive(value: number | undefined): number | undefined {
  return value === 0 ? undefined : value;
}

function readFormat(call: Call): LogFormat {
  const [name = "", ...words] = call.args;
  const isKnown = name === DEFAULT_FORMAT || call.scope.own(logFormat)?.some((format) => format.name === name);
  if (isKnown) throw call.error(`duplicate "log_format" name "${name}"`);
  const isEscaping = words[0]?.startsWith(ESCAPE) === true;
  const escaping = isEscaping ? readEscaping(call, words[0]?.slice(ESCAPE.length) ?? "") : "default";
  const complaint = (rest: Octets) => `invalid parameter "${rest}"`;
  const texts = isEscaping ? words.slice(1) : words;
  const parts = texts.flatMap((text) => call.scope.variables.parts(text, call.place, { complaint }));
  return { name, write: lineWriter(parts, escaping) };
}

function readEscaping(call: Call, word: Octets): Escaping {
  const escaping = ESCAPINGS.find((candidate) => candidate === word);
  if (escaping === undefined) throw call.error(`unknown log format escaping "${word}"`, didYouMean(word, ESCAPINGS));
  return escaping;
}

const SYSLOG = "syslog:";
const ESCAPE = "escape=";
const ESCAPINGS: readonly Escaping[] = ["default", "json", "none"];
/** The one that nginx's http module takes where none is named; its stream module wants one. */
const DEFAULT_FORMAT = "combined";

export const accessLogModule: Module = {
  title: "Access log",
  about: "One line for each connection: who came, how far, and why it ended. Off until asked for.",
  directives: [accessLog, mailLog, logFormat],
};
