/** Octet strings and what the runtimes want instead of them. */

import { Buffer } from "node:buffer";
import type { Octets } from "../src/runtime.ts";

/** Each character as one octet. */
export function toBytes(text: Octets): Uint8Array {
  return Buffer.from(text, "latin1");
}

/** A path as the runtime wants it: its octets read as UTF-8. */
export function toPath(path: Octets): string {
  return Buffer.from(path, "latin1").toString("utf8");
}

/** A path of the runtime as octets. */
export function fromPath(path: string): Octets {
  return Buffer.from(path, "utf8").toString("latin1");
}
