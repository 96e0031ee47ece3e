/**
 * Several keys for session tickets, for a library that knows one: Node's context has one key, and takes no ticket of
 * another (nodejs/node, `TicketKeyCallback`). So each key has a server of its own, which is chosen by the name of the
 * key that a client's ticket begins with (RFC 5077, 4).
 */

import { Buffer } from "node:buffer";
import type { TicketKeys } from "../src/runtime.ts";

/** The doors of one certificate, by ticket keys. */
export class TicketDoors<Door> {
  readonly #open: (ticketKey: Uint8Array | undefined) => Door;
  readonly #keys: TicketKeys;
  #known: readonly Uint8Array[] | undefined;
  /** In the order of the keys; they are made when they are first needed. */
  #doors: Entry<Door>[] = [];

  constructor(keys: TicketKeys, open: (ticketKey: Uint8Array | undefined) => Door) {
    this.#keys = keys;
    this.#open = open;
  }

  /** The door for a client that comes with a ticket of this key, or with none. */
  for(keyName: Uint8Array | undefined): Door {
    this.#follow(this.#keys());
    const named = keyName && this.#doors.find(({ key }) => key !== undefined && isNamed(key, keyName));
    const entry = named ?? this.#doors[0] ?? { key: undefined, made: undefined };
    return (entry.made ??= { door: this.#open(entry.key) }).door;
  }

  /** Keeps the doors of keys that are still in use. Those of the others end with their last handshake. */
  #follow(keys: readonly Uint8Array[]): void {
    if (keys === this.#known) return;
    this.#known = keys;
    const before = this.#doors;
    const all = keys.length === 0 ? [undefined] : keys;
    this.#doors = all.map((key) => ({ key, made: before.find((entry) => entry.key === key)?.made }));
  }
}

interface Entry<Door> {
  readonly key: Uint8Array | undefined;
  made: { readonly door: Door } | undefined;
}

function isNamed(key: Uint8Array, name: Uint8Array): boolean {
  return Buffer.compare(key.subarray(0, KEY_NAME), name) === 0;
}

/**
 * What `ticketKeys` of `node:tls` is to be. nginx's file has a name and two keys: AES and HMAC of 16 octets each, or HMAC and AES of 32. Node wants HMAC before
 * AES and knows keys of 16 octets only, for which those of 32 give their beginnings.
 */
export function nodeTicketKeys(key: Uint8Array): Buffer {
  const [hmac, aes] = key.length === 48 ? [32, 16] : [16, 48];
  return Buffer.concat([key.subarray(0, KEY_NAME), key.subarray(hmac, hmac + 16), key.subarray(aes, aes + 16)]);
}

/** Octets of a key's name. */
export const KEY_NAME = 16;
