/**
 * Deno's adapter.
 *
 * @module
 */

import process from "node:process";
import type { Capability, CapabilityState, Runtime } from "../src/runtime.ts";
import { separateFamilies } from "./_dual_stack.ts";
import { failureOf } from "./_errno.ts";
import { RUSTLS } from "./_tls_traits.ts";
import { createRuntime } from "./base.ts";

/** Postern on Deno. */
export function createDenoRuntime(): Runtime {
  const base = createRuntime({
    name: "deno",
    version: process.versions["deno"] ?? "unknown",
    tlsLibrary: "rustls",
    capabilities: CAPABILITIES,
    asksNoDelay: true,
    tls: RUSTLS,
    setKeepAlive: (raw, { idle }) => idle === undefined ? raw.setKeepAlive(true) : raw.setKeepAlive(true, idle),
  });
  return { ...base, listen: separateFamilies(withBindErrors(base.listen)) };
}

const CAPABILITIES: Readonly<Record<Capability, CapabilityState>> = {
  "listen.backlog": { state: "yes" },
  "listen.bufferSizes": { state: "no", reason: "Deno cannot set a socket's buffer sizes" },
  "listen.ipv6Only": {
    state: "emulated",
    reason: "Deno listens on IPv4, too: such connections are accepted and closed at once",
  },
  "listen.keepAliveIdle": { state: "yes" },
  "listen.keepAliveProbes": { state: "no", reason: "Deno cannot set them" },
  "listen.multipath": { state: "no", reason: "Deno has no Multipath TCP" },
  "log.unixDatagram": { state: "no", reason: "Deno has no unix datagram sockets" },
};

/** Deno calls an address that this machine does not have an invalid argument. */
function withBindErrors(listen: Runtime["listen"]): Runtime["listen"] {
  const invalid = failureOf("EINVAL").number;
  return async (options, accept) => {
    const result = await listen(options, accept);
    return "number" in result && result.number === invalid ? failureOf("EADDRNOTAVAIL") : result;
  };
}
