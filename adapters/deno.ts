/**
 * Deno's adapter.
 *
 * @module
 */

import process from "node:process";
import type { Capability, CapabilityState, Runtime } from "../src/runtime.ts";
import { createDenoNetwork } from "./_deno_network.ts";
import { separateFamilies } from "./_dual_stack.ts";
import { failureOf } from "./_errno.ts";
import { startWebWorker } from "./_hash_worker.ts";
import { createHashing } from "./_hashing.ts";
import { withoutInspector } from "./_inspector.ts";
import { noticeOrphaning } from "./_orphan.ts";
import { RUSTLS } from "./_tls_traits.ts";
import { keepAwake, reopenUnixSockets } from "./_wakening.ts";
import { type AdapterOptions, createRuntime } from "./base.ts";

/** Postern on Deno. */
export function createDenoRuntime(options: AdapterOptions): Runtime {
  const connections = createDenoNetwork({
    attend: (server) => keepAwake(server, (hear) => base.onShortage(hear)),
    tls: RUSTLS,
    setKeepAlive: (raw, { idle }) => idle === undefined ? raw.setKeepAlive(true) : raw.setKeepAlive(true, idle),
  });
  const base = createRuntime(
    {
      name: "deno",
      version: process.versions["deno"] ?? "unknown",
      tlsLibrary: "rustls",
      capabilities: CAPABILITIES,
    },
    connections,
    options,
  );
  const { main } = base.workers;
  return {
    ...base,
    process: withoutInspector(base.process),
    // In a process of a cluster Deno's threads of `node:worker_threads` break at their start. Only the others can be told
    // not to keep a process alive, and a worker process ends by itself.
    hashing: main === undefined ? base.hashing : createHashing(startWebWorker),
    workers: {
      ...base.workers,
      main: main && noticeOrphaning(main),
      fork(options, handler) {
        startByName();
        // A standard error that is closed stays open in Deno: a log there would outlive its own removal.
        return base.workers.fork({ ...options, stderr: undefined }, handler);
      },
    },
    listen: separateFamilies(reopenUnixSockets(withBindErrors(base.listen), base)),
  };
}

/**
 * Workers are run from where the kernel says that this program's file is, which is nowhere once another version has
 * taken its place. The name that it was started by leads to that version, as on the other runtimes.
 */
function startByName(): void {
  const { Deno } = globalThis as unknown as { readonly Deno: { execPath: () => string } };
  Deno.execPath = () => PROGRAM;
}

/** As it is while the file is surely there: `process.execPath` may ask the same function. */
const PROGRAM = process.execPath;

const CAPABILITIES: Readonly<Record<Capability, CapabilityState>> = {
  // In a process alone it does as asked.
  "listen.backlog": { state: "no", reason: "Deno's worker processes always use 511" },
  "listen.bufferSizes": { state: "no", reason: "Deno cannot set a socket's buffer sizes" },
  "listen.ipv6Only": {
    state: "emulated",
    reason: "Deno listens on IPv4, too: such connections are accepted and closed at once",
  },
  "listen.keepAliveIdle": { state: "yes" },
  "listen.keepAliveProbes": { state: "no", reason: "Deno cannot set them" },
  "listen.multipath": { state: "no", reason: "Deno has no Multipath TCP" },
  // Where the kernel's can be had it is "yes", see `base.ts`.
  "log.unixDatagram": {
    state: "no",
    reason: "Deno has no unix datagram sockets, and the kernel's take --allow-ffi and Linux with glibc on x64 or arm64",
  },
  "process.replace": {
    state: "no",
    reason: "Deno makes a socket that it gives to another program block whoever accepts there (denoland/deno#34962)",
  },
  "tls.ciphers": {
    state: "emulated",
    reason: "Deno always has ECDHE with AES-GCM and ChaCha20: a client that prefers one not in the list is turned away",
  },
  "tls.ciphersuites": { state: "no", reason: "Deno always offers all suites of TLS 1.3" },
  "tls.clientCiphers": {
    state: "emulated",
    reason: "Deno always offers ECDHE with AES-GCM and ChaCha20: a server that chooses one not in the list is left",
  },
  "tls.clientSessionReuse": { state: "no", reason: "Deno makes a new session for each connection" },
  "tls.confCommand": { state: "no", reason: "Deno gives no access to OpenSSL's configuration commands" },
  "tls.crl": { state: "emulated", reason: "Postern looks at the revocation lists after the handshake" },
  "tls.curves": {
    state: "emulated",
    reason: "Deno always offers X25519, P-256 and P-384: a list that leaves one of them out is refused",
  },
  "tls.dhparam": { state: "no", reason: "Deno has no cipher suites with DHE" },
  "tls.longTicketKeys": { state: "no", reason: "Deno makes its own keys and takes none (denoland/deno#33963)" },
  "tls.oldVersions": { state: "no", reason: "Deno knows TLS 1.2 and 1.3 only" },
  "tls.preferServerCiphers": { state: "no", reason: "Deno always follows the client's order" },
  "tls.separateSessions": {
    state: "no",
    reason: "Deno resumes a session at every server of the process; client certificates are verified anew",
  },
  "tls.sessionCache": { state: "emulated", reason: "sessions are kept by the clients, as tickets" },
  "tls.sessionTimeout": { state: "no", reason: "Deno's sessions live for 12 hours" },
  "tls.severalCertificates": {
    state: "emulated",
    reason: "Deno shows one certificate to everybody: Postern chooses by what the client offers",
  },
  "tls.ticketKeys": { state: "no", reason: "Deno makes its own keys and takes none (denoland/deno#33963)" },
  "tls.ticketsOff": { state: "no", reason: "Deno always gives tickets" },
  "tls.unannouncedAuthorities": { state: "no", reason: "Deno announces every authority it trusts" },
  "tls.verifyDepth": { state: "emulated", reason: "Postern counts the certificates between after the handshake" },
  "tls.versionGaps": { state: "yes" },
};

/** Deno calls an address that this machine does not have an invalid argument. */
function withBindErrors(listen: Runtime["listen"]): Runtime["listen"] {
  const invalid = failureOf("EINVAL").number;
  return async (options, accept) => {
    const result = await listen(options, accept);
    return "number" in result && result.number === invalid ? failureOf("EADDRNOTAVAIL") : result;
  };
}
