/**
 * Addresses as nginx writes them, in `listen` and in URLs. Names are not looked up here: a configuration can be checked
 * on a machine that knows none of them.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { parseIp, parseIpv6 } from "./ip.ts";
import type { HostAndPort } from "./types.ts";
import { parseNumber } from "./values.ts";

/** A unix socket's path, or an IP address or a name with its port. */
export type Address = { readonly type: "unix"; readonly path: Octets } | InetAddress;

export interface InetAddress {
  readonly type: "inet";
  /** A numeric address in its usual form without brackets, or the name as written. */
  readonly host: string;
  readonly isName: boolean;
  /** The host as written, brackets included. */
  readonly written: Octets;
  readonly ports: PortRange | undefined;
}

/** One port, or all from `first` to `last`. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Why an address is none, in nginx's words. */
export type AddressError =
  | "invalid host"
  | "invalid port"
  | "invalid port range"
  | "no host"
  | "host not found"
  | "invalid IPv6 address"
  | "no path in the unix domain socket"
  | "too long path in the unix domain socket";

/** What `listen` takes: an address, a name or `*`, with or without a port, or a port alone; ports may be a range. */
export function parseListen(text: Octets): Address | AddressError {
  if (isUnix(text)) return unix(text.slice(UNIX.length));
  if (text.startsWith("[")) return bracketed(text, parsePorts);
  if (text.includes("/") || text.includes("?")) return "invalid host";
  if (isPortsAlone(text)) return named(`${WILDCARD}:${text}`, parsePorts);
  return named(text === "*" || text.startsWith("*:") ? WILDCARD + text.slice(1) : text, parsePorts);
}

/** An address as a URL has it: without a range. The URI was cut off before. */
export function parseAuthority(text: Octets): Address | AddressError {
  if (isUnix(text)) return unix(text.slice(UNIX.length));
  return text.startsWith("[") ? bracketed(text, parsePort) : named(text, parsePort);
}

/** A server without a URI, as `resolver` and `syslog:` have it; `port` is for one that is written without. */
export function parseServer(text: Octets, port: number): HostAndPort | { readonly path: Octets } | AddressError {
  if (!isUnix(text) && /[/?]/.test(text)) return "invalid host";
  const address = parseAuthority(text);
  if (typeof address === "string") return address;
  if (address.type === "unix") return { path: address.path };
  return { host: address.host, port: address.ports?.first ?? port, isName: address.isName };
}

/** Where the URI of a URL begins: at `index`, or `skip` characters later. */
export function findUri(text: Octets): { readonly index: number; readonly skip: number } {
  if (isUnix(text)) return { index: indexOrEnd(text, text.indexOf(":", UNIX.length)), skip: 1 };
  if (text.startsWith("[")) return { index: indexOrEnd(text, text.indexOf("/", text.indexOf("]") + 1)), skip: 0 };
  return { index: indexOrEnd(text, text.search(/[/?]/)), skip: 0 };
}

function indexOrEnd(text: Octets, index: number): number {
  return index === -1 ? text.length : index;
}

function isUnix(text: Octets): boolean {
  return text.slice(0, UNIX.length).toLowerCase() === UNIX;
}

function unix(path: Octets): Address | AddressError {
  if (path === "") return "no path in the unix domain socket";
  return path.length > UNIX_PATH_LIMIT ? "too long path in the unix domain socket" : { type: "unix", path };
}

type Ports = (text: Octets) => PortRange | AddressError;

function bracketed(text: Octets, portsOf: Ports): Address | AddressError {
  const close = text.indexOf("]");
  const rest = text.slice(close + 1);
  if (close === -1 || rest.includes("/") || (rest !== "" && !rest.startsWith(":"))) return "invalid host";
  const ports = rest === "" ? undefined : portsOf(rest.slice(1));
  if (typeof ports === "string") return ports;
  const inside = text.slice(1, close);
  if (inside === "") return "no host";
  const host = parseIpv6(inside) === undefined ? undefined : parseIp(inside);
  if (host === undefined) return "invalid IPv6 address";
  return { type: "inet", host, isName: false, written: text.slice(0, close + 1), ports };
}

function named(text: Octets, portsOf: Ports): Address | AddressError {
  const colon = text.indexOf(":");
  const ports = colon === -1 ? undefined : portsOf(text.slice(colon + 1));
  if (typeof ports === "string") return ports;
  const written = colon === -1 ? text : text.slice(0, colon);
  if (written === "") return "no host";
  const host = parseIp(written);
  // No resolver knows a name such as 127.0.0.256, or one that long.
  if (host === undefined && (DOTTED.test(written) || written.length > NAME_LIMIT)) return "host not found";
  return { type: "inet", host: host ?? written, isName: host === undefined, written, ports };
}

/** `listen 143` and `listen 4000-4010`; `mail-1` is a name. */
function isPortsAlone(text: Octets): boolean {
  const parts = text.split("-");
  return parts.length <= 2 && parts.every((part) => parseNumber(part) !== undefined);
}

function parsePorts(text: Octets): PortRange | AddressError {
  const dash = text.indexOf("-");
  if (dash === -1) return parsePort(text);
  const last = parsePort(text.slice(dash + 1));
  const first = parsePort(text.slice(0, dash));
  if (typeof last === "string" || typeof first === "string") return "invalid port";
  return first.first > last.last ? "invalid port range" : { first: first.first, last: last.last };
}

function parsePort(text: Octets): PortRange | "invalid port" {
  const port = parseNumber(text);
  return port === undefined || port < 1 || port > 65535 ? "invalid port" : { first: port, last: port };
}

const UNIX = "unix:";
const WILDCARD = "0.0.0.0";
/** What `sockaddr_un` has room for on Linux, its closing NUL left out. */
const UNIX_PATH_LIMIT = 107;
/** RFC 1035, 2.3.4. */
const NAME_LIMIT = 253;
const DOTTED = /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/;
