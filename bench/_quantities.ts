/** What is measured: one row of the table each. */

import { cpuNanoseconds, memoryKib } from "./_accounts.ts";
import type { Load } from "./_load.ts";
import type { Door, Proxy } from "./_proxies.ts";
import type { ClientTls, Protocol, Target } from "./load/clients.ts";

export interface Quantity {
  readonly name: string;
  readonly unit: string;
  /** What the ratio to nginx should be, of the best runtime, and may be, of the best and of each. */
  readonly limits?: { readonly goal: number; readonly best: number; readonly each: number };
  measure(proxy: Proxy, load: Load, scale: number): Promise<number>;
}

interface Way {
  readonly door: Door;
  readonly protocol: Protocol;
  readonly tls: ClientTls;
}

const CLEAR: Way = { door: "imap", protocol: "imap", tls: "clear" };
const ECDSA: Way = { door: "imaps-ecdsa", protocol: "imap", tls: "full" };
const RSA: Way = { door: "imaps-rsa", protocol: "imap", tls: "full" };
const RESUMED: Way = { door: "imaps-ecdsa", protocol: "imap", tls: "resumed" };

const MIB = 1024 * 1024;

export const QUANTITIES: readonly Quantity[] = [
  sessions("clear IMAP login", CLEAR, 1500, { goal: 0.9, best: 1.1, each: 1.6 }),
  sessions("clear POP3 login", { ...CLEAR, door: "pop3", protocol: "pop3" }, 1500, { goal: 0.9, best: 1.1, each: 1.6 }),
  sessions("clear SMTP login", { ...CLEAR, door: "smtp", protocol: "smtp" }, 1500, { goal: 0.9, best: 1.1, each: 1.6 }),
  sessions("TLS login, full, ECDSA", ECDSA, 500, { goal: 0.8, best: 1, each: 1.4 }),
  sessions("TLS login, full, RSA 2048", RSA, 400, { goal: 1, best: 1.35, each: 2 }),
  sessions("TLS login, resumed", RESUMED, 500, { goal: 0.8, best: 1, each: 1.5 }),
  transfer("relayed down, clear, 1 stream", CLEAR, "down", 1, { goal: 0.5, best: 0.7, each: 1.2 }),
  transfer("relayed down, clear, 8 streams", CLEAR, "down", 8, { goal: 0.5, best: 0.7, each: 1.2 }),
  transfer("relayed up, clear, 1 stream", CLEAR, "up", 1, { goal: 0.5, best: 0.7, each: 1.2 }),
  transfer("relayed up, clear, 8 streams", CLEAR, "up", 8, { goal: 0.5, best: 0.7, each: 1.2 }),
  transfer("relayed down, TLS, 1 stream", ECDSA, "down", 1, { goal: 0.45, best: 0.6, each: 1.1 }),
  transfer("relayed down, TLS, 8 streams", ECDSA, "down", 8, { goal: 0.45, best: 0.6, each: 1.1 }),
  transfer("relayed up, TLS, 1 stream", ECDSA, "up", 1, { goal: 0.45, best: 0.6, each: 1.1 }),
  transfer("relayed up, TLS, 8 streams", ECDSA, "up", 8, { goal: 0.45, best: 0.6, each: 1.1 }),
  trips("command round trip, clear", CLEAR, { goal: 1, best: 1.1, each: 1.5 }),
  trips("command round trip, TLS", ECDSA, { goal: 1, best: 1.1, each: 1.5 }),
];

/** Those that are taken once, at the end: held sessions would be in the way of the others. */
export const HELD: readonly Quantity[] = [
  held("memory per held session, clear", CLEAR, { goal: 0.5, best: 1, each: 1.5 }),
  held("memory per held session, TLS", ECDSA, { goal: 0.4, best: 0.8, each: 2.2 }),
];

function target(proxy: Proxy, { door, protocol, tls }: Way): Target {
  return { port: proxy.port(door), protocol, tls };
}

function sessions(name: string, way: Way, count: number, limits: Quantity["limits"]): Quantity {
  return quantity(name, "µs CPU per session", limits, async (proxy, load, scale) => {
    const amount = Math.ceil(count * scale);
    const spent = await cpuOf(
      proxy,
      () => load.perform({ do: "sessions", target: target(proxy, way), count: amount, atOnce: 24 }),
    );
    return spent / 1000 / amount;
  });
}

function transfer(
  name: string,
  way: Way,
  direction: "down" | "up",
  streams: number,
  limits: Quantity["limits"],
): Quantity {
  return quantity(name, "ms CPU per MiB", limits, async (proxy, load, scale) => {
    const each = Math.ceil(256 * scale / streams);
    const order = { do: "bulk", target: target(proxy, way), way: direction, octets: each * MIB, streams } as const;
    return await cpuOf(proxy, () => load.perform(order)) / 1e6 / (each * streams);
  });
}

function trips(name: string, way: Way, limits: Quantity["limits"]): Quantity {
  return quantity(name, "µs CPU per trip", limits, async (proxy, load, scale) => {
    const count = Math.ceil(2000 * scale);
    const streams = 16;
    const spent = await cpuOf(
      proxy,
      () => load.perform({ do: "commands", target: target(proxy, way), count, streams }),
    );
    return spent / 1000 / (count * streams);
  });
}

function held(name: string, way: Way, limits: Quantity["limits"]): Quantity {
  return quantity(name, "KiB per session", limits, async (proxy, load, scale) => {
    const count = Math.ceil(5000 * scale);
    const before = memoryKib(proxy.pid);
    await load.perform({ do: "hold", target: target(proxy, way), count });
    const kib = (memoryKib(proxy.pid) - before) / count;
    await load.perform({ do: "release" });
    return kib;
  });
}

async function cpuOf(proxy: Proxy, work: () => Promise<unknown>): Promise<number> {
  const before = cpuNanoseconds(proxy.pid);
  await work();
  return cpuNanoseconds(proxy.pid) - before;
}

function quantity(
  name: string,
  unit: string,
  limits: Quantity["limits"],
  measure: Quantity["measure"],
): Quantity {
  return { name, unit, measure, ...(limits === undefined ? {} : { limits }) };
}
