/** `listen`: an address, and parameters for its socket. */

import type { KeepAlive, Millis, Octets } from "../../runtime.ts";
import { parseListen } from "../address.ts";
import type { Address } from "../address.ts";
import type { Call } from "../call.ts";
import { lineOf } from "../error.ts";
import { directive, SERVER, SOME } from "../directive.ts";
import { formatHost } from "../ip.ts";
import { listOf } from "../kinds.ts";
import { didYouMean } from "../suggest.ts";
import type { ListenConfig } from "../types.ts";
import { parseNumber, parseSeconds, parseSize } from "../values.ts";

/** One `listen` line: the first port it names, and an entry for each address and port. */
export interface Listen {
  /** What a missing `protocol` is guessed from; `undefined` for unix sockets and lines without a port. */
  readonly port: number | undefined;
  readonly sockets: readonly ListenConfig[];
}

export const listen = directive<readonly Listen[]>({
  name: "listen",
  contexts: SERVER,
  kind: listOf("address[:port] | port | unix:path [parameter …]", (call) => [readListen(call)], SOME),
  default: [],
  meaning:
    "Where to accept connections. A port may be a range such as `4000-4010`. Parameters: `bind`, `backlog=number`, " +
    "`rcvbuf=size`, `sndbuf=size`, `ipv6only=on|off`, `so_keepalive=on|off|[idle]:[interval]:[count]`, `multipath`, " +
    "`proxy_protocol`, `ssl`. Several servers may have a socket in common where all of them speak TLS: then " +
    "`server_name` chooses",
});

function readListen(call: Call): Listen {
  const address = parseListen(call.arg(0));
  if (typeof address === "string") throw call.error(`${address} in "${call.arg(0)}" of the "listen" directive`);
  const settings = call.args.slice(1).reduce(
    (given, word) => ({ ...given, ...readParameter(call, word) }),
    LISTEN_DEFAULTS,
  );
  const sockets = targets(address).map((target) => ({ ...settings, ...target, position: lineOf(call.place) }));
  for (const { text } of sockets) {
    // Whether several servers may have a socket in common is seen when all of them are known.
    if (!call.scope.claim(socketKey({ text }))) throw call.error(duplicateText({ text }));
  }
  return { port: address.type === "unix" ? undefined : address.ports?.first, sockets };
}

/** The same for lines that ask for the same socket: names are in any case, paths are not. */
export function socketKey({ text }: Pick<ListenConfig, "text">): Octets {
  return text.startsWith("unix:") ? text : text.toLowerCase();
}

/** nginx's word on a socket that is asked for twice. */
export function duplicateText({ text }: Pick<ListenConfig, "text">): Octets {
  return `duplicate "${text}" address and port pair`;
}

function targets(address: Address): readonly Pick<ListenConfig, "text" | "address">[] {
  if (address.type === "unix") return [{ text: `unix:${address.path}`, address: { path: address.path } }];
  const { host, isName } = address;
  // Without a port the system chooses one, as it does for nginx.
  const { first, last } = address.ports ?? { first: 0, last: 0 };
  return Array.from({ length: last - first + 1 }, (_, i) => {
    const port = first + i;
    return { text: formatHost(host, port), address: { host, port, isName } };
  });
}

type Settings = Omit<ListenConfig, "position" | "text" | "address">;

/** What a `listen` line without parameters has. */
export const LISTEN_DEFAULTS: Settings = {
  bind: false,
  backlog: undefined,
  receiveBuffer: undefined,
  sendBuffer: undefined,
  ipv6Only: true,
  keepAlive: undefined,
  multipath: false,
  proxyProtocol: false,
  ssl: false,
};

/** A parameter: all of it or its part up to `=`, and what it sets, or the error that its value is. */
interface Parameter {
  readonly sign: string;
  read(value: Octets): Partial<Settings> | Octets;
}

/** What has settings of its own needs a socket of its own, so that all of them but TLS and PROXY imply `bind`. */
const PARAMETERS: readonly Parameter[] = [
  { sign: "bind", read: () => ({ bind: true }) },
  { sign: "proxy_protocol", read: () => ({ proxyProtocol: true }) },
  { sign: "ssl", read: () => ({ ssl: true }) },
  { sign: "multipath", read: () => ({ bind: true, multipath: true }) },
  {
    sign: "backlog=",
    read(value) {
      const backlog = parseNumber(value);
      const isGood = backlog !== undefined && backlog > 0;
      return isGood ? { bind: true, backlog } : `invalid backlog "backlog=${value}"`;
    },
  },
  {
    sign: "rcvbuf=",
    read(value) {
      const receiveBuffer = parseSize(value);
      return receiveBuffer === undefined ? `invalid rcvbuf "rcvbuf=${value}"` : { bind: true, receiveBuffer };
    },
  },
  {
    sign: "sndbuf=",
    read(value) {
      const sendBuffer = parseSize(value);
      return sendBuffer === undefined ? `invalid sndbuf "sndbuf=${value}"` : { bind: true, sendBuffer };
    },
  },
  {
    sign: "ipv6only=",
    read(value) {
      if (value === "on" || value === "off") return { bind: true, ipv6Only: value === "on" };
      // nginx knows the parameter by one letter more.
      return value.startsWith("o") ? `invalid ipv6only flags "${value}"` : `invalid parameter "ipv6only=${value}"`;
    },
  },
  {
    sign: "so_keepalive=",
    read(value) {
      const keepAlive = value === "on" || (value === "off" ? false : parseKeepAlive(value));
      return keepAlive === undefined ? `invalid so_keepalive value: "${value}"` : { bind: true, keepAlive };
    },
  },
];

function readParameter(call: Call, word: Octets): Partial<Settings> {
  const sign = word.slice(0, word.indexOf("=") + 1) || word;
  const parameter = PARAMETERS.find((candidate) => candidate.sign === sign);
  if (parameter === undefined) {
    const hint = didYouMean(sign, PARAMETERS.map((candidate) => candidate.sign));
    throw call.error(`invalid parameter "${word}"`, hint);
  }
  const settings = parameter.read(word.slice(sign.length));
  if (typeof settings === "string") throw call.error(settings);
  return settings;
}

/** `idle:interval:count`, of which any may be left out, but not all; nought counts as left out. */
function parseKeepAlive(value: Octets): KeepAlive | undefined {
  const [idle = "", interval = "", ...count] = value.split(":");
  const given = [parseMillisOfSeconds(idle), parseMillisOfSeconds(interval), orNought(count.join(":"), parseNumber)];
  const [idleMillis, intervalMillis, probes] = given;
  if (given.includes(undefined) || given.every((part) => part === 0)) return undefined;
  return { idle: idleMillis || undefined, interval: intervalMillis || undefined, count: probes || undefined };
}

function parseMillisOfSeconds(text: Octets): Millis | undefined {
  const seconds = orNought(text, parseSeconds);
  return seconds === undefined ? undefined : seconds * 1000;
}

function orNought(text: Octets, parse: (text: Octets) => number | undefined): number | undefined {
  return text === "" ? 0 : parse(text);
}
