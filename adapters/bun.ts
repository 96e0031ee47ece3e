/**
 * Bun's adapter.
 *
 * @module
 */

import process from "node:process";
import type { Capability, CapabilityState, Runtime } from "../src/runtime.ts";
import { createBunNetwork } from "./_bun_network.ts";
import { BORINGSSL } from "./_tls_traits.ts";
import { type AdapterOptions, createRuntime } from "./base.ts";

/** Postern on Bun. */
export function createBunRuntime(options: AdapterOptions): Runtime {
  return createRuntime(
    {
      name: "bun",
      version: process.versions["bun"] ?? "unknown",
      tlsLibrary: "BoringSSL",
      capabilities: CAPABILITIES,
    },
    createBunNetwork(BORINGSSL),
    options,
  );
}

const CAPABILITIES: Readonly<Record<Capability, CapabilityState>> = {
  "listen.backlog": { state: "no", reason: "Bun always uses 512" },
  "listen.bufferSizes": { state: "no", reason: "Bun cannot set a socket's buffer sizes" },
  "listen.ipv6Only": { state: "yes" },
  "listen.keepAliveIdle": { state: "no", reason: "Bun sets 10 probes of 1 s with it" },
  "listen.keepAliveProbes": { state: "no", reason: "Bun cannot set them" },
  "listen.multipath": { state: "no", reason: "Bun has no Multipath TCP" },
  // Where the kernel's can be had it is "yes", see `base.ts`.
  "log.unixDatagram": {
    state: "no",
    reason: "Bun has no unix datagram sockets, and the kernel's take Linux with glibc on x64 or arm64",
  },
  "process.replace": { state: "yes" },
  "tls.ciphers": { state: "yes" },
  "tls.ciphersuites": { state: "no", reason: "Bun always offers all suites of TLS 1.3" },
  "tls.clientCiphers": { state: "yes" },
  "tls.clientSessionReuse": { state: "yes" },
  "tls.confCommand": { state: "no", reason: "Bun gives no access to OpenSSL's configuration commands" },
  "tls.crl": { state: "yes" },
  "tls.curves": { state: "yes" },
  "tls.dhparam": { state: "no", reason: "BoringSSL has no cipher suites with DHE" },
  "tls.longTicketKeys": { state: "no", reason: "Bun makes a key for each server and takes none (oven-sh/bun#14604)" },
  "tls.oldVersions": { state: "yes" },
  "tls.preferServerCiphers": { state: "yes" },
  "tls.separateSessions": { state: "yes" },
  "tls.sessionCache": { state: "emulated", reason: "sessions are kept by the clients, as tickets" },
  "tls.sessionTimeout": { state: "yes" },
  "tls.severalCertificates": { state: "yes" },
  "tls.ticketKeys": { state: "no", reason: "Bun makes a key for each server and takes none (oven-sh/bun#14604)" },
  "tls.ticketsOff": { state: "yes" },
  "tls.unannouncedAuthorities": { state: "no", reason: "Bun announces every authority it trusts" },
  "tls.verifyDepth": { state: "emulated", reason: "Postern counts the certificates between after the handshake" },
  "tls.versionGaps": { state: "no", reason: "BoringSSL ends at the first version that is left out" },
};
