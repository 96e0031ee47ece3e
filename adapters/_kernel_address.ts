/** Addresses as the kernel has them: `struct sockaddr_in` and `sockaddr_in6`. */

import { Buffer } from "node:buffer";
import { isIP } from "node:net";
import { formatIpv6, parseIpv4, parseIpv6, type SocketAddress } from "../src/runtime.ts";
import { AF_INET, AF_INET6, INT, kernelMemory } from "./_kernel.ts";

/** An address on its way to the kernel, or back. It is written anew for each call. */
export class KernelAddress {
  readonly octets = kernelMemory(LONGEST);
  /** How many of the octets count. */
  readonly length = kernelMemory(INT);
  readonly #view = Buffer.from(this.octets.buffer);
  readonly #length = Buffer.from(this.length.buffer);
  /**
   * The host that was put here last, as the kernel has it, with no port. A map of more would save little: before V8 looks into
   * one it looks for the host among all its strings.
   */
  #lastHost = "";
  #last: Uint8Array = this.octets;
  #lastFits = false;
  /** The one of IPv4 that was taken from here last: many sessions come from a webmail, a gateway or another proxy. */
  #lastTaken = 0;
  #lastTakenHost = "0.0.0.0";

  /** Whether a host can be put here: a numeric address without a zone. */
  fits(host: string): boolean {
    if (host === this.#lastHost) return this.#lastFits;
    return isIP(host) !== 0 && !host.includes("%");
  }

  /** Puts the address of a host that {@link fits} here; returns how many octets it takes. */
  put(host: string, port: number): number {
    if (host !== this.#lastHost) {
      this.#lastFits = this.fits(host);
      this.#lastHost = host;
      this.#last = written(host);
    }
    this.octets.set(this.#last);
    this.#view.writeUInt16BE(port, 2);
    return host.includes(":") ? LONGEST : IPV4;
  }

  /** Makes room for an address of the kernel's. */
  clear(): void {
    this.#length.writeInt32LE(LONGEST);
  }

  /** The address here; `undefined` for one of another family. */
  take(): SocketAddress | undefined {
    const view = this.#view;
    const family = view.readUInt16LE(0);
    const port = view.readUInt16BE(2);
    if (family === AF_INET) return { family: 4, host: this.#dotted(view.readUInt32BE(4)), port };
    if (family !== AF_INET6) return undefined;
    const words = Array.from({ length: 8 }, (_, i) => view.readUInt16BE(8 + 2 * i));
    return { family: 6, host: formatIpv6(words), port };
  }

  #dotted(taken: number): string {
    if (taken !== this.#lastTaken) {
      const view = this.#view;
      this.#lastTaken = taken;
      this.#lastTakenHost = `${view[4]}.${view[5]}.${view[6]}.${view[7]}`;
    }
    return this.#lastTakenHost;
  }
}

function written(host: string): Uint8Array {
  const isIpv6 = host.includes(":");
  const view = Buffer.alloc(LONGEST);
  view.writeUInt16LE(isIpv6 ? AF_INET6 : AF_INET, 0);
  if (!isIpv6) view.set(parseIpv4(host) ?? [], 4);
  else for (const [i, word] of (parseIpv6(host) ?? []).entries()) view.writeUInt16BE(word, 8 + 2 * i);
  return view;
}

/** Octets of a `sockaddr_in`. */
const IPV4 = 16;
/** Octets of a `sockaddr_in6`. */
const LONGEST = 28;
