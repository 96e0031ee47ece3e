/** What is measured of proxies that run side by side: one row of the table each. */

import { cpuTimes, family, spentSince, threadTimes } from "./_accounts.ts";
import type { Load } from "./_load.ts";
import type { Door, Proxy } from "./_proxies.ts";
import type { Order } from "./load/main.ts";
import type { ClientTls, Protocol, Target } from "./load/clients.ts";

/** What one measurement gives. */
export interface Sample {
  readonly value: number;
  /** What the load spent on it. */
  readonly load?: LoadShares;
}

/** The CPU time of the load's two parts, as multiples of the proxy's. */
export interface LoadShares {
  /** With the compiler and the collector of both. */
  readonly clients: number;
  readonly servers: number;
}

/** Where the ratio to nginx should be, of the best runtime, and may be, of the best and of each. */
export interface Limits {
  readonly goal: number;
  readonly best: number;
  readonly each: number;
}

export interface Quantity {
  readonly name: string;
  readonly unit: string;
  readonly limits?: Limits;
  /** The scale of the run that nobody counts, at least: compilers need thousands of sessions to have done with code. */
  readonly warmUp?: number;
  /** How many turns the work of a round is done in, one proxy after the other; 1 unless given. */
  readonly slices?: number;
  measure(proxy: Proxy, load: Load, scale: number): Promise<Sample>;
}

/** How clients come in. */
export interface Way {
  readonly door: Door;
  readonly protocol: Protocol;
  readonly tls: ClientTls;
}

export const CLEAR: Way = { door: "imap", protocol: "imap", tls: "clear" };
export const ECDSA: Way = { door: "imaps-ecdsa", protocol: "imap", tls: "full" };
const POP3S: Way = { door: "pop3s-ecdsa", protocol: "pop3", tls: "full" };
const SMTPS: Way = { door: "smtps-ecdsa", protocol: "smtp", tls: "full" };
const RSA: Way = { door: "imaps-rsa", protocol: "imap", tls: "full" };

const MIB = 1024 * 1024;
/** Each a tenth of a second or so. */
const SLICES = 4;
const LOGIN_LIMITS: Limits = { goal: 0.9, best: 1.1, each: 1.6 };
const ECDSA_LIMITS: Limits = { goal: 0.8, best: 1, each: 1.4 };
const RESUMED_LIMITS: Limits = { goal: 0.8, best: 1, each: 1.5 };
const CLEAR_LIMITS: Limits = { goal: 0.5, best: 0.7, each: 1.2 };
const TLS_LIMITS: Limits = { goal: 0.45, best: 0.6, each: 1.1 };
const TRIP_LIMITS: Limits = { goal: 1, best: 1.1, each: 1.5 };

export const QUANTITIES: readonly Quantity[] = [
  sessions("clear IMAP login", CLEAR, 1500, LOGIN_LIMITS),
  sessions("clear POP3 login", { ...CLEAR, door: "pop3", protocol: "pop3" }, 1500, LOGIN_LIMITS),
  sessions("clear SMTP login", { ...CLEAR, door: "smtp", protocol: "smtp" }, 1500, LOGIN_LIMITS),
  sessions("TLS login, full, ECDSA", ECDSA, 500, ECDSA_LIMITS),
  sessions("TLS login, full, ECDSA, POP3", POP3S, 500, ECDSA_LIMITS),
  sessions("TLS login, full, ECDSA, SMTP", SMTPS, 500, ECDSA_LIMITS),
  sessions("TLS login, full, RSA 2048", RSA, 400, { goal: 1, best: 1.35, each: 2 }),
  sessions("TLS login, resumed", { ...ECDSA, tls: "resumed" }, 500, RESUMED_LIMITS),
  sessions("TLS login, resumed, POP3", { ...POP3S, tls: "resumed" }, 500, RESUMED_LIMITS),
  sessions("TLS login, resumed, SMTP", { ...SMTPS, tls: "resumed" }, 500, RESUMED_LIMITS),
  transfer("relayed down, clear, 1 stream", CLEAR, { way: "down", streams: 1 }, CLEAR_LIMITS),
  transfer("relayed down, clear, 8 streams", CLEAR, { way: "down", streams: 8 }, CLEAR_LIMITS),
  transfer("relayed up, clear, 1 stream", CLEAR, { way: "up", streams: 1 }, CLEAR_LIMITS),
  transfer("relayed up, clear, 8 streams", CLEAR, { way: "up", streams: 8 }, CLEAR_LIMITS),
  transfer("relayed down, TLS, 1 stream", ECDSA, { way: "down", streams: 1 }, TLS_LIMITS),
  transfer("relayed down, TLS, 8 streams", ECDSA, { way: "down", streams: 8 }, TLS_LIMITS),
  transfer("relayed up, TLS, 1 stream", ECDSA, { way: "up", streams: 1 }, TLS_LIMITS),
  transfer("relayed up, TLS, 8 streams", ECDSA, { way: "up", streams: 8 }, TLS_LIMITS),
  trips("command round trip, clear", CLEAR, TRIP_LIMITS),
  trips("command round trip, TLS", ECDSA, TRIP_LIMITS),
  latency("latency added, p50", 0.5),
  latency("latency added, p99", 0.99),
];

/** Where clients find a proxy that they come to in this way. */
export function target(proxy: Proxy, { door, protocol, tls }: Way): Target {
  return { port: proxy.port(door), protocol, tls };
}

function sessions(name: string, way: Way, count: number, limits: Limits): Quantity {
  return {
    name,
    unit: "µs CPU per session",
    limits,
    warmUp: 8,
    slices: SLICES,
    measure: (proxy, load, scale) => {
      const amount = Math.ceil(count * scale);
      const order = { do: "sessions", target: target(proxy, way), count: amount, atOnce: 24 } as const;
      return cpuOf({ proxy, load, order, per: 1000 * amount });
    },
  };
}

function transfer(
  name: string,
  way: Way,
  { way: direction, streams }: { readonly way: "down" | "up"; readonly streams: number },
  limits: Limits,
): Quantity {
  return {
    name,
    unit: "ms CPU per MiB",
    limits,
    slices: SLICES,
    measure: (proxy, load, scale) => {
      const each = Math.ceil(256 * scale / streams);
      const order = { do: "bulk", target: target(proxy, way), way: direction, octets: each * MIB, streams } as const;
      return cpuOf({ proxy, load, order, per: 1e6 * each * streams });
    },
  };
}

function trips(name: string, way: Way, limits: Limits): Quantity {
  return {
    name,
    unit: "µs CPU per trip",
    limits,
    slices: SLICES,
    measure: (proxy, load, scale) => {
      const count = Math.ceil(2000 * scale);
      const order = { do: "commands", target: target(proxy, way), count, streams: 16 } as const;
      return cpuOf({ proxy, load, order, per: 1000 * count * 16 });
    },
  };
}

/** One client at a time, first straight to the mail server, then through the proxy. */
function latency(name: string, part: number): Quantity {
  return {
    name,
    unit: "µs",
    measure: async (proxy, load, scale) => {
      const count = Math.ceil(2000 * scale);
      const time = async (port: number) => {
        const way = { port, protocol: "imap", tls: "clear" } as const;
        const { result } = await load.perform({ do: "commands", target: way, count, streams: 1 });
        return quantile(result as number[], part);
      };
      const direct = await time(load.servers.ports.imap);
      return { value: await time(proxy.port("imap")) - direct };
    },
  };
}

/** CPU time by the kernel's accounts, in nanoseconds over `per`. */
async function cpuOf({ proxy, load, order, per }: {
  readonly proxy: Proxy;
  readonly load: Load;
  readonly order: Order;
  readonly per: number;
}): Promise<Sample> {
  const accounts = () => ({
    proxy: cpuTimes(family(proxy.pid)),
    load: cpuTimes([load.pid]),
    servers: threadTimes(load.pid, load.servers.thread),
  });
  const before = accounts();
  await load.perform(order);
  const after = accounts();
  const spent = spentSince(before.proxy, after.proxy);
  const servers = spentSince(before.servers, after.servers);
  const clients = spentSince(before.load, after.load) - servers;
  return { value: spent / per, load: { clients: clients / spent, servers: servers / spent } };
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.round(part * (sorted.length - 1))] ?? NaN;
}
