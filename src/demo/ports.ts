import type { Protocol } from "../config/types.ts";
import type { Listener, Runtime } from "../runtime.ts";
import { listenLocally, portOf } from "./host.ts";

/** Where the demo's proxy listens, unless somebody else does: the well-known ports and a thousand. */
export const FIRST_PORTS: Readonly<Record<Protocol, number>> = { imap: 1143, pop3: 1110, smtp: 1587 };

/**
 * A free loopback port for each protocol: the first one, or the next above it that is free. They were free a moment
 * ago: somebody may still be faster, and then listening fails.
 */
export async function choosePorts(
  runtime: Runtime,
  first: Readonly<Record<Protocol, number>>,
): Promise<Readonly<Record<Protocol, number>>> {
  const held: Listener[] = [];
  const hold = async (port: number) => {
    const listener = await firstFree(runtime, port);
    held.push(listener);
    return portOf(listener);
  };
  try {
    // One after the other, each held until all are chosen, so that no port is chosen twice.
    return { imap: await hold(first.imap), pop3: await hold(first.pop3), smtp: await hold(first.smtp) };
  } finally {
    await Promise.all(held.map((listener) => listener.close()));
  }
}

async function firstFree(runtime: Runtime, port: number): Promise<Listener> {
  for (let tries = 1;; tries++, port++) {
    try {
      return await listenLocally(runtime, port, (socket) => socket.abort());
    } catch (error) {
      if (tries === PORTS_TRIED) throw error;
    }
  }
}

const PORTS_TRIED = 100;
