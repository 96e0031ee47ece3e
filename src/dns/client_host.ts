/**
 * The name of an SMTP client: what the DNS calls its address, if that name has this address in turn. Anybody may call
 * their own addresses as they like, so neither half counts alone.
 *
 * @module
 */

import { parseIp } from "../config/ip.ts";
import type { Cancel, Octets, SocketAddress, SystemFailure } from "../runtime.ts";
import { describeFailure, isFailure } from "../runtime.ts";
import { HOST_NOT_FOUND } from "./failure.ts";
import type { Addresses, HostName, Resolver } from "./resolver.ts";

/** Stands for the name of a client that has none, or none that can be believed. */
export const UNAVAILABLE = "[UNAVAILABLE]";

/** Stands for the name of a client that may well have one: it could not be found out now. */
export const TEMPORARILY_UNAVAILABLE = "[TEMPUNAVAIL]";

/** What is under way, as the log calls it. */
export type ClientHostAction = "in resolving client address" | "in resolving client hostname";

/** What a search goes by, and whom it tells. */
export interface ClientHostSearch {
  /** `undefined` without a `resolver` directive: then there is no name to find. */
  readonly resolver: Pick<Resolver, "lookup" | "reverse"> | undefined;
  /** Takes a line for the error log, of level `error`, with what was under way. */
  readonly note: (text: Octets, action: ClientHostAction) => void;
}

/**
 * Finds the name of a client. `done` is told once, later or at once, unless it is cancelled before: the name, of letters,
 * digits, `-` and `.` only, or {@linkcode UNAVAILABLE} or {@linkcode TEMPORARILY_UNAVAILABLE}.
 */
export function resolveClientHost(
  client: SocketAddress,
  { resolver, note }: ClientHostSearch,
  done: (host: Octets) => void,
): Cancel {
  const host = client.family === "unix" ? "" : client.host;
  const address = plainAddress(host);
  if (resolver === undefined || address === undefined) {
    done(resolver === undefined ? UNAVAILABLE : TEMPORARILY_UNAVAILABLE);
    return () => {};
  }
  let cancelForward: Cancel | undefined;
  const cancelReverse = resolver.reverse(address, (found) => {
    const complain = (text: Octets) => note(`${host} ${text}`, "in resolving client address");
    const name = acceptName(found, complain);
    if (name === undefined) return done(withoutName(found));
    cancelForward = resolver.lookup(name, (addresses) => done(confirm({ name, address, addresses }, note)));
  });
  return () => {
    cancelReverse();
    cancelForward?.();
  };
}

/** The name, if there is one that can be passed on; else the log is told why not. */
function acceptName(found: HostName | SystemFailure, complain: (text: Octets) => void): Octets | undefined {
  if (isFailure(found)) complain(`could not be resolved ${describeFailure(found)}`);
  else if (isHostName(found.name)) return found.name;
  else complain(`resolved to invalid host name "${found.name}"`);
  return undefined;
}

function withoutName(found: HostName | SystemFailure): Octets {
  return isFailure(found) ? hostFor(found) : TEMPORARILY_UNAVAILABLE;
}

interface Claim {
  readonly name: Octets;
  readonly address: string;
  readonly addresses: Addresses | SystemFailure;
}

/** Whether the name has the client's address. When those of one family are not known, the answer is open. */
function confirm({ name, address, addresses }: Claim, note: ClientHostSearch["note"]): Octets {
  if (!isFailure(addresses) && addresses.addresses.includes(address)) return name;
  const failure = isFailure(addresses) ? addresses : addresses.missing;
  if (failure === undefined) return UNAVAILABLE;
  note(`"${name}" could not be resolved ${describeFailure(failure)}`, "in resolving client hostname");
  return hostFor(failure);
}

function hostFor(failure: SystemFailure): Octets {
  return failure.number === HOST_NOT_FOUND.number ? UNAVAILABLE : TEMPORARILY_UNAVAILABLE;
}

/** The address in its usual form, without a zone; one of IPv4 in IPv6's clothes is one of IPv4. */
function plainAddress(host: string): string | undefined {
  const [bare = ""] = host.split("%");
  const address = parseIp(bare);
  return address?.startsWith(MAPPED) && address.includes(".") ? address.slice(MAPPED.length) : address;
}

/** The name goes into headers and XCLIENT as it is: nothing else may be in it. */
function isHostName(name: Octets): boolean {
  for (let i = 0; i < name.length; i++) if (!HOST_NAME.includes(name.charAt(i))) return false;
  return name.length > 0;
}

const MAPPED = "::ffff:";
const HOST_NAME = "abcdefghijklmnopqrstuvwxyz0123456789-.";
