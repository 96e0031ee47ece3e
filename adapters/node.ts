/**
 * Node's adapter.
 *
 * @module
 */

import process from "node:process";
import { readFileSync } from "node:fs";
import type { Socket as RawSocket } from "node:net";
import type { Capability, CapabilityState, KeepAlive, Runtime } from "../src/runtime.ts";
import { failureOf } from "./_errno.ts";
import { createNodeNetwork } from "./_node_network.ts";
import { OPENSSL } from "./_tls_traits.ts";
import { type AdapterOptions, createRuntime } from "./base.ts";

/** Postern on Node. */
export function createNodeRuntime(options: AdapterOptions): Runtime {
  // Without interval and count, `setKeepAlive` would set them to 1 s and 10.
  const hasProbes = Number.parseInt(process.versions.node, 10) >= 26;
  const connections = createNodeNetwork({
    tls: OPENSSL,
    setKeepAlive: (raw, setting) => hasProbes ? setProbes(raw, setting) : raw.setKeepAlive(true),
  });
  const base = createRuntime(
    {
      name: "node",
      version: process.versions.node,
      tlsLibrary: `OpenSSL ${process.versions["openssl"] ?? ""}`.trimEnd(),
      capabilities: hasProbes ? CAPABILITIES : { ...CAPABILITIES, ...BEFORE_26 },
    },
    connections,
    options,
  );
  return { ...base, listen: withBindErrors(base) };
}

const CAPABILITIES: Readonly<Record<Capability, CapabilityState>> = {
  "listen.backlog": { state: "yes" },
  "listen.bufferSizes": { state: "no", reason: "Node cannot set a socket's buffer sizes" },
  "listen.ipv6Only": { state: "yes" },
  "listen.keepAliveIdle": { state: "yes" },
  "listen.keepAliveProbes": { state: "yes" },
  "listen.multipath": { state: "no", reason: "Node has no Multipath TCP" },
  // Where the kernel's can be had it is "yes", see `base.ts`.
  "log.unixDatagram": {
    state: "no",
    reason:
      "Node has no unix datagram sockets, and the kernel's take Node 26 or later on Linux with glibc on x64 or arm64",
  },
  "process.replace": { state: "yes" },
  "tls.ciphers": { state: "yes" },
  "tls.ciphersuites": { state: "yes" },
  "tls.clientCiphers": { state: "yes" },
  "tls.clientSessionReuse": { state: "yes" },
  "tls.confCommand": { state: "no", reason: "Node gives no access to OpenSSL's configuration commands" },
  "tls.crl": { state: "yes" },
  "tls.curves": { state: "yes" },
  "tls.dhparam": { state: "yes" },
  "tls.longTicketKeys": {
    state: "emulated",
    reason: "Node encrypts tickets with AES-128: of a key of 80 octets it uses 48",
  },
  "tls.oldVersions": { state: "yes" },
  "tls.preferServerCiphers": { state: "yes" },
  "tls.separateSessions": { state: "yes" },
  "tls.sessionCache": { state: "emulated", reason: "sessions are kept by the clients, as tickets" },
  "tls.sessionTimeout": { state: "yes" },
  "tls.severalCertificates": { state: "yes" },
  "tls.ticketKeys": { state: "yes" },
  "tls.ticketsOff": { state: "yes" },
  "tls.unannouncedAuthorities": { state: "no", reason: "Node announces every authority it trusts" },
  "tls.verifyDepth": { state: "emulated", reason: "Postern counts the certificates between after the handshake" },
  "tls.versionGaps": { state: "yes" },
};

const BEFORE_26: Partial<Record<Capability, CapabilityState>> = {
  "listen.keepAliveIdle": { state: "no", reason: "Node before 26 sets 10 probes of 1 s with it" },
  "listen.keepAliveProbes": { state: "no", reason: "Node before 26 cannot set them" },
};

/** libuv says of a unix socket in a folder that does not exist that permission is denied. */
function withBindErrors({ listen, files }: Pick<Runtime, "listen" | "files">): Runtime["listen"] {
  const denied = failureOf("EACCES").number;
  return async (options, accept) => {
    const result = await listen(options, accept);
    if (!("number" in result) || result.number !== denied || !("path" in options.address)) return result;
    const { path } = options.address;
    return files.exists(path.slice(0, path.lastIndexOf("/") + 1) || ".") ? result : failureOf("ENOENT");
  };
}

/** Whatever is not given stays what the system has, but Node wants to be told all three. */
function setProbes(raw: Pick<RawSocket, "setKeepAlive">, { idle, interval, count }: KeepAlive): void {
  raw.setKeepAlive(
    true,
    idle ?? systemValue("tcp_keepalive_time", 7200) * 1000,
    interval ?? systemValue("tcp_keepalive_intvl", 75) * 1000,
    count ?? systemValue("tcp_keepalive_probes", 9),
  );
}

function systemValue(name: string, otherwise: number): number {
  try {
    return Number(readFileSync(`/proc/sys/net/ipv4/${name}`, "latin1"));
  } catch {
    return otherwise;
  }
}
