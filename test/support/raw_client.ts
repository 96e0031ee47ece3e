import { connect } from "node:net";
import { Wire } from "./wire.ts";

/** Connects to a loopback port: a client that says and gets octets, see {@linkcode Wire}. */
export function connectTo(port: number): Promise<Wire> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(new Wire(socket));
    });
  });
}
