/**
 * Which of the server blocks that share an address a client is for: it says so when TLS begins. Certificate and block
 * are chosen by the same rule, so that nobody gets the one's certificate and the other's settings.
 *
 * @module
 */

import type { ServerConfig } from "../config/types.ts";
import type { Octets, SocketAddress, TlsContext } from "../runtime.ts";
import { type Binding, serverFor } from "./addresses.ts";
import type { Service } from "./service.ts";

/** Gives the server block for a client that asks for this name, or for none. */
export type ChooseService = (serverName: Octets | undefined) => Service;

/** Where a client has come to. */
export interface Place {
  readonly binding: Binding;
  readonly local: SocketAddress;
  /** The block that is for everybody who names no other. */
  readonly first: Service;
  readonly services: Pick<WeakMap<ServerConfig, Service>, "get">;
  /** Whether the client speaks in clear so far: what it has said is of one protocol, and stays of that. */
  readonly isInClear: boolean;
}

/** The rule of one connection. A block without TLS, or of another protocol than is spoken already, is nobody's choice. */
export function chooserAt({ binding, local, first, services, isInClear }: Place): ChooseService {
  if (binding.all.length === 1) return () => first;
  return (serverName) => {
    const named = services.get(serverFor(binding, local, serverName));
    if (named?.tls === undefined || isInClear && named.protocol !== first.protocol) return first;
    return named;
  };
}

/** The certificate that goes with such a choice; `fallback` is the first block's. */
export function certificateChooser(
  choose: ChooseService,
  fallback: TlsContext,
): (serverName: Octets | undefined) => TlsContext {
  return (serverName) => choose(serverName).tls ?? fallback;
}
