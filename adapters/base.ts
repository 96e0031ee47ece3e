/**
 * What the three adapters have in common: nearly all of it, but for what they say of themselves and how they make
 * connections.
 *
 * @module
 */

import { createHmac, randomBytes, randomFillSync } from "node:crypto";
import { lookup as lookupRaw } from "node:dns";
import { performance } from "node:perf_hooks";
import type { Millis, Runtime, SystemFailure } from "../src/runtime.ts";
import { openDatagram } from "./_datagram.ts";
import { toFailure } from "./_errno.ts";
import { FILES } from "./_files.ts";
import { createHashing } from "./_hashing.ts";
import { createDescriptors, createProcess } from "./_process.ts";
import { Shortage } from "./_shortage.ts";
import type { Network } from "./_network.ts";
import { startTimer } from "./_timer.ts";
import { createWorkers } from "./_workers.ts";

/** What one runtime has of its own. */
export type Traits = Pick<Runtime, "name" | "version" | "tlsLibrary" | "capabilities">;

/** The adapter of a runtime with these traits, which makes its connections in this way. */
export function createRuntime(traits: Traits, network: Network): Runtime {
  const shortage = new Shortage();
  return {
    ...traits,
    ...network,
    files: FILES,
    process: createProcess(),
    hashing: createHashing(),
    workers: createWorkers(),
    now: () => performance.now(),
    date: () => Date.now(),
    utcOffset: (date: Millis) => -new Date(date).getTimezoneOffset(),
    timer: startTimer,
    fingerprint: (text) => createHmac("sha256", FINGERPRINT_KEY).update(text, "latin1").digest("base64"),
    random: (bytes) => randomFillSync(bytes),
    datagram: openDatagram,
    lookup,
    descriptors: createDescriptors(),
    onShortage: (hear) => shortage.hear(hear),
  };
}

const FINGERPRINT_KEY = randomBytes(32);

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
