/**
 * Bun's adapter.
 *
 * @module
 */

import process from "node:process";
import type { Capability, CapabilityState, Runtime } from "../src/runtime.ts";
import { BORINGSSL } from "./_tls_traits.ts";
import { createRuntime } from "./base.ts";

/** Postern on Bun. */
export function createBunRuntime(): Runtime {
  return createRuntime({
    name: "bun",
    version: process.versions["bun"] ?? "unknown",
    tlsLibrary: "BoringSSL",
    capabilities: CAPABILITIES,
    asksNoDelay: false,
    tls: BORINGSSL,
    setKeepAlive: (raw) => raw.setKeepAlive(true),
  });
}

const CAPABILITIES: Readonly<Record<Capability, CapabilityState>> = {
  "listen.backlog": { state: "no", reason: "Bun always uses 512" },
  "listen.bufferSizes": { state: "no", reason: "Bun cannot set a socket's buffer sizes" },
  "listen.ipv6Only": { state: "yes" },
  "listen.keepAliveIdle": { state: "no", reason: "Bun sets 10 probes of 1 s with it" },
  "listen.keepAliveProbes": { state: "no", reason: "Bun cannot set them" },
  "listen.multipath": { state: "no", reason: "Bun has no Multipath TCP" },
  "log.unixDatagram": { state: "no", reason: "Bun has no unix datagram sockets" },
};
