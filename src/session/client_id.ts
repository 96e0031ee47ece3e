import type { Octets, SocketAddress } from "../runtime.ts";

/** What a mail server is told of the client that we log in there. */
export interface ClientId {
  readonly client: SocketAddress;
  /** Where the client came in. */
  readonly server: SocketAddress;
  /** The session's name in our log: process and connection. */
  readonly session: Octets;
  /** How many more proxies may follow. */
  readonly hops: number;
}

/** How many proxies may stand behind each other: as many as Dovecot allows. */
export const MOST_HOPS = 5;
