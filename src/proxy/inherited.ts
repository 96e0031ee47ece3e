import { parseIp } from "../config/ip.ts";
import type { InheritedSocket, Octets, SocketAddress } from "../runtime.ts";
import type { Binding } from "./addresses.ts";
import { bindingKey } from "./addresses.ts";

/** Sockets that the program was given, by the binding that they are for: its key, and the descriptor. */
export type Inherited = ReadonlyMap<string, number>;

export function inheritedBy(sockets: readonly InheritedSocket[]): Inherited {
  return new Map(sockets.map(({ descriptor, address }) => [keyOf(address), descriptor]));
}

/** A line for each socket that no `listen` asks for: whoever connects there waits for ever. */
export function strayLines(inherited: Inherited, bindings: readonly Binding[]): readonly Octets[] {
  const wanted = new Set(bindings.map(bindingKey));
  return [...inherited].filter(([key]) => !wanted.has(key)).map(([key, descriptor]) =>
    `inherited socket ${key.replace(/ (?=\d+$)/, ":")} (descriptor ${descriptor}) is of no "listen" directive with ` +
    "just this address, and nobody accepts there"
  );
}

function keyOf(address: SocketAddress): string {
  if (address.family === "unix") return `unix ${address.path}`;
  return `${parseIp(address.host) ?? address.host} ${address.port}`;
}
