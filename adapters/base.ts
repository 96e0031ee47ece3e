/**
 * What the three adapters have in common: nearly all of it, but for what they say of themselves and how they make
 * connections.
 *
 * @module
 */

import { createHmac, randomBytes, randomFillSync } from "node:crypto";
import { lookup as lookupRaw } from "node:dns";
import type { Millis, Runtime, SystemFailure } from "../src/runtime.ts";
import { now, today } from "./_clock.ts";
import { openDatagram } from "./_datagram.ts";
import { toFailure } from "./_errno.ts";
import { FILES } from "./_files.ts";
import { createHashing } from "./_hashing.ts";
import { createDescriptors, createProcess } from "./_process.ts";
import { Shortage } from "./_shortage.ts";
import { type Adopt, withKernelSockets } from "./_kernel_network.ts";
import type { Network } from "./_network.ts";
import { expectAnswer, startTimer } from "./_timer.ts";
import { hasUnixDatagrams, openUnixDatagram } from "./_unix_datagram.ts";
import { createWorkers } from "./_workers.ts";

/** What one runtime has of its own. */
export type Traits = Pick<Runtime, "name" | "version" | "tlsLibrary" | "capabilities">;

/** How an adapter is to work. */
export interface AdapterOptions {
  /**
   * Whose sockets connections in clear are made of: the runtime's, or the kernel's own where they can be had. The
   * kernel's cost less, and are for a process that is ours alone: timers of others may ring late (`_poller.ts`).
   */
  readonly sockets: "runtime" | "kernel";
  /** By how much those timers may be late, at most; a quarter of a second where left out. */
  readonly longestSleep?: Millis | undefined;
  /** Has the kernel's sockets whether they cost less at the moment or not: for tests of them. */
  readonly isEager?: boolean | undefined;
}

/** How a runtime makes its connections. */
export interface Connections {
  readonly network: Network;
  /** Left out where the runtime would not take sockets of the kernel's. */
  readonly adopt?: Adopt | undefined;
}

/** The adapter of a runtime with these traits, which makes its connections in this way. */
export function createRuntime(traits: Traits, { network, adopt }: Connections, options: AdapterOptions): Runtime {
  const { sockets, longestSleep = LONGEST_SLEEP, isEager = false } = options;
  const shortage = new Shortage();
  const onShortage: Runtime["onShortage"] = (hear) => shortage.hear(hear);
  return {
    ...traits,
    capabilities: withUnixDatagrams(traits.capabilities),
    ...adopt === undefined || sockets === "runtime"
      ? network
      : withKernelSockets(network, { adopt, onShortage, longestSleep, isEager }),
    files: FILES,
    process: createProcess(),
    hashing: createHashing(),
    workers: createWorkers(),
    now,
    date: today,
    utcOffset: (date: Millis) => -new Date(date).getTimezoneOffset(),
    timer: startTimer,
    fingerprint: (text) => createHmac("sha256", FINGERPRINT_KEY).update(text, "latin1").digest("base64"),
    random: (bytes) => randomFillSync(bytes),
    datagram: (target, handler) =>
      "path" in target ? openUnixDatagram(target.path, handler) : openDatagram(target, handler),
    lookup,
    descriptors: createDescriptors(),
    onShortage,
  };
}

/** Whether there are any is found out when somebody wants to know: few do, and the kernel's calls take some time to open. */
function withUnixDatagrams(capabilities: Runtime["capabilities"]): Runtime["capabilities"] {
  return {
    ...capabilities,
    get "log.unixDatagram"() {
      return hasUnixDatagrams() ? { state: "yes" as const } : capabilities["log.unixDatagram"];
    },
  };
}

const LONGEST_SLEEP: Millis = 250;

const FINGERPRINT_KEY = randomBytes(32);

function lookup(name: string): Promise<readonly string[] | SystemFailure> {
  const answered = expectAnswer();
  return new Promise((resolve) => {
    lookupRaw(name, { all: true }, (error, found) => {
      answered();
      if (error !== null) return resolve(toFailure(error));
      const addresses = found.map(({ address }) => address);
      const isV4 = (address: string) => !address.includes(":");
      resolve([...addresses.filter(isV4), ...addresses.filter((address) => !isV4(address))]);
    });
  });
}
