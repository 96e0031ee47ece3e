/** How single facts are written. */

import { parseIpv4, parseIpv6 } from "../config/ip.ts";
import type { Millis, Octets, SocketAddress } from "../runtime.ts";
import type { Facts } from "./facts.ts";

/** As nginx prints an address: `unix:` and its path for a unix socket. */
export function hostOf(address: SocketAddress): Octets {
  return address.family === "unix" ? `unix:${address.path}` : address.host;
}

export function portOf(address: SocketAddress): Octets {
  return address.family === "unix" ? "" : String(address.port);
}

/** 4 or 16 octets; a unix socket's text. A client that reached an IPv6 socket over IPv4 has 4, like any other. */
export function binaryAddress(address: SocketAddress): Octets {
  if (address.family === "unix") return hostOf(address);
  const host = address.host.replace(/%.*/, "");
  const octets = host.includes(":") ? parseIpv6(host)?.flatMap((word) => [word >> 8, word & 255]) : parseIpv4(host);
  return String.fromCharCode(...octets ?? []);
}

export function domainOf(login: Octets | undefined): Octets | undefined {
  const at = login?.lastIndexOf("@") ?? -1;
  return at === -1 ? undefined : login?.slice(at + 1);
}

export function localPartOf(login: Octets | undefined): Octets | undefined {
  const at = login?.lastIndexOf("@") ?? -1;
  return at === -1 ? login || undefined : login?.slice(0, at);
}

/** The address in `MAIL FROM:<address> …`; empty for a bounce's. */
export function pathOf(line: Octets | undefined): Octets | undefined {
  const start = line?.indexOf("<") ?? -1;
  const end = line?.indexOf(">", start) ?? -1;
  return start === -1 || end === -1 ? undefined : line?.slice(start + 1, end);
}

/** `1.234`. */
export function seconds(time: Millis | undefined): Octets | undefined {
  return time === undefined ? undefined : (time / 1000).toFixed(3);
}

export function verification({ tls }: Facts): Octets | undefined {
  if (tls === undefined) return undefined;
  if (tls.certificate === undefined) return "NONE";
  const { verifyError } = tls.certificate;
  return verifyError === undefined ? "SUCCESS" : `FAILED:${verifyError.text}`;
}
