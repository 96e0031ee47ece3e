/** Octet strings and what the runtimes want instead of them. */

import { Buffer } from "node:buffer";
import type { Octets } from "../src/runtime.ts";

/** Each character as one octet. */
export function toBytes(text: Octets): Uint8Array {
  return Buffer.from(text, "latin1");
}

/**
 * The same octets as a plain array. A `Buffer` is one by type, but its `slice` and `toString` mean something else, and
 * nobody beyond the adapters should have to know.
 */
export function toPlain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Each octet as one character. */
export function fromBytes(bytes: Uint8Array): Octets {
  return Buffer.from(bytes).toString("latin1");
}

/** A path as the runtime wants it: its octets read as UTF-8. */
export function toPath(path: Octets): string {
  return Buffer.from(path, "latin1").toString("utf8");
}

/** A path of the runtime as octets. */
export function fromPath(path: string): Octets {
  return Buffer.from(path, "utf8").toString("latin1");
}

/** Both in one. */
export function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
