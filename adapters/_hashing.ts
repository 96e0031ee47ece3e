/** Digests, of passwords on threads and of messages at once. */

import { createHash, createHmac } from "node:crypto";
import type { Hashing } from "../src/runtime.ts";
import { HashPool } from "./_hash_pool.ts";
import { type StartHashWorker, startNodeWorker } from "./_hash_worker.ts";
import { toBytes } from "./_octets.ts";

/** Hashing on threads that are started in this way. */
export function createHashing(start: StartHashWorker = startNodeWorker): Hashing {
  const pool = new HashPool(start);
  return {
    prepare: () => pool.prepare(),
    derive: (password, derivation, handler) => pool.derive(password, derivation, handler),
    md5: (message) => createHash("md5").update(toBytes(message)).digest("latin1"),
    hmacMd5: (key, message) => createHmac("md5", toBytes(key)).update(toBytes(message)).digest("latin1"),
  };
}
