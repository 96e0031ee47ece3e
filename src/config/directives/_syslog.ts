/** The parameters of `syslog:`. */

import type { Octets } from "../../runtime.ts";
import { parseServer } from "../address.ts";
import type { Call } from "../call.ts";
import type { LogLevel, SyslogConfig } from "../types.ts";

type Given = { -readonly [K in "server" | "facility" | "severity" | "tag"]?: Octets };

/** Reads what stands behind `syslog:`. Throws {@linkcode ConfigError}. */
export function readSyslog(call: Call, parameters: Octets): SyslogConfig {
  const given: Given = {};
  let hasHostname = true;
  for (const parameter of parameters.split(",")) {
    const name = NAMES.find((candidate) => parameter.startsWith(`${candidate}=`));
    if (parameter === "nohostname") hasHostname = false;
    else if (name === undefined) throw call.error(`unknown syslog parameter "${parameter}"`);
    else if (given[name] !== undefined) throw call.error(`duplicate syslog "${name}"`);
    else given[name] = checked(call, name, parameter.slice(name.length + 1));
  }
  const { server: text, facility = "local7", tag = "nginx" } = given;
  if (text === undefined) throw call.error("no syslog server specified");
  const server = readServer(call, text);
  const severity = SEVERITIES.find((candidate) => candidate === given.severity) ?? "info";
  return { text, place: call.place, server, facility: FACILITIES.indexOf(facility), severity, tag, hasHostname };
}

function checked(call: Call, name: keyof Given, value: Octets): Octets {
  switch (name) {
    case "server":
      readServer(call, value);
      break;
    case "facility":
      if (!FACILITIES.includes(value)) throw call.error(`unknown syslog facility "${value}"`);
      break;
    case "severity":
      if (!SEVERITIES.some((severity) => severity === value)) throw call.error(`unknown syslog severity "${value}"`);
      break;
    case "tag":
      if (value.length > TAG_LIMIT) throw call.error(`syslog tag length exceeds ${TAG_LIMIT}`);
      if (!/^\w*$/.test(value)) throw call.error('syslog "tag" only allows alphanumeric characters and underscore');
  }
  return value;
}

function readServer(call: Call, text: Octets): SyslogConfig["server"] {
  const server = parseServer(text, SYSLOG_PORT);
  if (typeof server === "string") throw call.error(`${server} in syslog server "${text}"`);
  return server;
}

const NAMES = ["server", "facility", "severity", "tag"] as const;

/** Each in the place that is its number. */
const FACILITIES: readonly string[] = [
  ...["kern", "user", "mail", "daemon", "auth", "intern", "lpr", "news", "uucp", "clock", "authpriv", "ftp"],
  ...["ntp", "audit", "alert", "cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"],
];

/** The levels of a log, in their order. They are syslog's severities, in the words of nginx: not `err` and `warning`. */
export const SEVERITIES: readonly LogLevel[] = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"];

const SYSLOG_PORT = 514;
/** RFC 3164, 4.1.3. */
const TAG_LIMIT = 32;
