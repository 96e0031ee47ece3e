/**
 * What the three adapters have in common: nearly all of it, since Node, Deno and Bun all speak `node:net`. What differs
 * comes in as {@linkcode Traits}.
 *
 * @module
 */

import { createHmac, randomBytes, randomFillSync } from "node:crypto";
import { lookup as lookupRaw } from "node:dns";
import { performance } from "node:perf_hooks";
import type { Millis, Runtime, Socket, SystemFailure } from "../src/runtime.ts";
import { connect } from "./_connect.ts";
import { openDatagram } from "./_datagram.ts";
import { toFailure } from "./_errno.ts";
import { FILES } from "./_files.ts";
import { createHashing } from "./_hashing.ts";
import { listen, type ListenTraits } from "./_listener.ts";
import { createDescriptors, createProcess } from "./_process.ts";
import { NetRelay } from "./_relay.ts";
import { NetSocket } from "./_socket.ts";
import { startTimer } from "./_timer.ts";
import { createTlsClient, secureClient } from "./_tls_client.ts";
import { createTlsServer, secureServer } from "./_tls_server.ts";
import type { TlsTraits } from "./_tls_traits.ts";
import { Turns } from "./_turns.ts";

/** What one runtime has of its own. */
export interface Traits
  extends Pick<Runtime, "name" | "version" | "tlsLibrary" | "capabilities">, Omit<ListenTraits, "census"> {
  readonly tls: TlsTraits;
}

/** The adapter of a runtime with these traits. */
export function createRuntime(traits: Traits): Runtime {
  const { name, version, tlsLibrary, capabilities } = traits;
  const shared: ListenTraits = { ...traits, census: { open: 0 } };
  const turns = new Turns(traits.tls.handshakesPerTurn);
  return {
    name,
    version,
    tlsLibrary,
    capabilities,
    files: FILES,
    process: createProcess(),
    hashing: createHashing(),
    now: () => performance.now(),
    date: () => Date.now(),
    utcOffset: (date: Millis) => -new Date(date).getTimezoneOffset(),
    timer: startTimer,
    fingerprint: (text) => createHmac("sha256", FINGERPRINT_KEY).update(text, "latin1").digest("base64"),
    random: (bytes) => randomFillSync(bytes),
    listen: (options, accept) => listen(options, accept, shared),
    connect: (target, handler) => connect(target, handler, shared),
    createTlsServer: (options) => createTlsServer(options, traits.tls),
    createTlsClient: (options) => createTlsClient(options, traits.tls),
    secureServer: (socket, { choose, held }, handler) =>
      secureServer({ socket: ownSocket(socket), choose, held, handler, census: shared.census, turns }),
    secureClient: (socket, context, handler) =>
      secureClient({ socket: ownSocket(socket), context, handler, census: shared.census }),
    datagram: openDatagram,
    lookup,
    relay: (options) =>
      new NetRelay({ ...options, client: ownSocket(options.client), upstream: ownSocket(options.upstream) }),
    sockets: () => shared.census.open,
    descriptors: createDescriptors(),
  };
}

const FINGERPRINT_KEY = randomBytes(32);

function ownSocket(socket: Socket): NetSocket {
  if (socket instanceof NetSocket) return socket;
  throw new TypeError("An adapter works with sockets of its own only");
}

function lookup(name: string): Promise<readonly string[] | SystemFailure> {
  return new Promise((resolve) => {
    lookupRaw(name, { all: true }, (error, found) => {
      if (error !== null) return resolve(toFailure(error));
      const addresses = found.map(({ address }) => address);
      const isV4 = (address: string) => !address.includes(":");
      resolve([...addresses.filter(isV4), ...addresses.filter((address) => !isV4(address))]);
    });
  });
}
