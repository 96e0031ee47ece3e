/**
 * Servers that have a socket in common: a client's TLS names the one it wants (SNI). nginx's mail module has none of
 * it, so whatever could not be told apart that way keeps nginx's error.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { duplicateText, listen, LISTEN_DEFAULTS, socketKey } from "./directives/listen.ts";
import { oldSsl, starttls } from "./directives/ssl.ts";
import { ConfigError } from "./error.ts";
import type { Scope } from "./scope.ts";
import type { ListenConfig, Protocol } from "./types.ts";

/** A `server {}` and what a client sees of it before its TLS. */
export interface Sharer {
  readonly scope: Scope;
  /** Throws {@linkcode ConfigError} where none is known. */
  readonly protocol: () => Protocol;
  readonly names: readonly Octets[];
}

/** Checks that names tell those apart that share a socket. Throws {@linkcode ConfigError}. */
export function checkSharing(servers: readonly Sharer[]): void {
  const sharers = new Map<Octets, (Sharer & { readonly socket: ListenConfig })[]>();
  for (const server of servers) {
    for (const socket of socketsOf(server.scope)) {
      const key = socketKey(socket);
      const earlier = sharers.get(key);
      if (earlier === undefined) sharers.set(key, [{ ...server, socket }]);
      else {
        for (const other of earlier) checkPair(other, { ...server, socket });
        earlier.push({ ...server, socket });
      }
    }
  }
}

/** Those of the servers that have a socket in common with another one. */
export function sharingServers(scopes: readonly Scope[]): ReadonlySet<Scope> {
  const owners = Map.groupBy(
    scopes.flatMap((scope) => socketsOf(scope).map((socket) => ({ scope, key: socketKey(socket) }))),
    ({ key }) => key,
  );
  const shared = [...owners.values()].filter((group) => group.length > 1);
  return new Set(shared.flat().map(({ scope }) => scope));
}

type Member = Sharer & { readonly socket: ListenConfig };

/** The later of two on one socket must be chosen by a name that the earlier has not. */
function checkPair(earlier: Member, later: Member): void {
  const { socket } = later;
  const refusal = (hint?: Octets) => new ConfigError(duplicateText(socket), { place: socket.position, hint });
  if (!speaksTls(earlier) || !speaksTls(later)) throw refusal();
  const names = lowerCased(earlier.names);
  const known = lowerCased(later.names).find((name) => names.includes(name));
  if (known !== undefined) throw refusal(`"${known}" is a "server_name" of both servers`);
  if (later.names.length === 0) throw refusal('a "server_name" must tell this server from the first one');
  const bad = [...earlier.names, ...later.names].find((name) => !CHOOSABLE.test(name));
  if (bad !== undefined) {
    throw new ConfigError(`invalid server name or wildcard "${bad}" on ${socket.text}`, { place: socket.position });
  }
  const difference = FEATURES.find(({ of }) => of(earlier) !== of(later));
  if (difference !== undefined) throw refusal(`servers that share a socket must have the same "${difference.name}"`);
  if (!isPlain(socket) && !isAlike(socket, earlier.socket)) {
    throw new ConfigError(`duplicate listen options for "${socket.text}"`, { place: socket.position });
  }
}

function speaksTls(member: Member): boolean {
  return isImplicit(member) || member.scope.value(starttls) !== "off";
}

function isImplicit({ scope, socket }: Member): boolean {
  return socket.ssl || scope.value(oldSsl);
}

/** What is seen before a name is, and so cannot follow from it. */
const FEATURES: readonly { readonly name: string; of(member: Member): unknown }[] = [
  { name: "listen ... ssl", of: isImplicit },
  { name: "listen ... proxy_protocol", of: ({ socket }) => socket.proxyProtocol },
  { name: "protocol", of: ({ protocol }) => protocol() },
  { name: "starttls", of: (member) => isImplicit(member) || member.scope.value(starttls) },
];

/** Whether a line leaves its socket as it is. */
function isPlain(socket: ListenConfig): boolean {
  return isAlike(socket, { ...socket, ...LISTEN_DEFAULTS });
}

function isAlike(one: ListenConfig, other: ListenConfig): boolean {
  return SETTINGS.every((setting) => JSON.stringify(one[setting]) === JSON.stringify(other[setting]));
}

const SETTINGS = ["bind", "backlog", "receiveBuffer", "sendBuffer", "ipv6Only", "keepAlive", "multipath"] as const;

function socketsOf(scope: Scope): readonly ListenConfig[] {
  return scope.value(listen).flatMap((line) => line.sockets);
}

function lowerCased(names: readonly Octets[]): readonly Octets[] {
  return names.map((name) => name.toLowerCase());
}

/** A name, or `*.` or `.` and a name. */
const CHOOSABLE = /^(?:\*?\.)?[^*~.][^*]*$/;
