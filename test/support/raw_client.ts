import { connect } from "node:net";
import { Wire } from "./wire.ts";

/** Where a client connects to; a number is a port of 127.0.0.1. */
export type Destination =
  | number
  | { readonly path: string }
  | { readonly host: string; readonly port: number }
  /** From this loopback address. */
  | { readonly port: number; readonly from: string };

/** Connects: a client that says and gets octets, see {@linkcode Wire}. */
export function connectTo(destination: Destination): Promise<Wire> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...optionsOf(destination), allowHalfOpen: true, noDelay: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(new Wire(socket));
    });
  });
}

/** Says octets one by one, each in a turn of the event loop of its own. */
export async function trickle(wire: Wire, octets: string): Promise<void> {
  for (const octet of octets) {
    wire.send(octet);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function optionsOf(destination: Destination) {
  if (typeof destination === "number") return { host: "127.0.0.1", port: destination };
  if (!("from" in destination)) return destination;
  return { host: "127.0.0.1", port: destination.port, localAddress: destination.from };
}
