/**
 * Listening sockets that this process was given by whoever started it, as sd_listen_fds(3) has it: `LISTEN_FDS` of them,
 * from descriptor 3 on, meant for the process `LISTEN_PID`. What they listen on stands in `/proc`, as it does for those
 * that the process opened itself.
 */

import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import type { InheritedSocket, SocketAddress } from "../src/runtime.ts";
import { linkOf } from "./_descriptors.ts";
import { fromPath } from "./_octets.ts";

/** Those sockets. Nobody is told of them a second time, and no process that this one starts. */
export function takeInheritedSockets(): readonly InheritedSocket[] {
  const { LISTEN_FDS, LISTEN_PID } = process.env;
  delete process.env["LISTEN_FDS"];
  delete process.env["LISTEN_PID"];
  delete process.env["LISTEN_FDNAMES"];
  if (LISTEN_PID !== `${process.pid}` || !/^[0-9]{1,4}$/.test(LISTEN_FDS ?? "")) return [];
  return listeningAmong(Array.from({ length: Number(LISTEN_FDS) }, (_, i) => FIRST_DESCRIPTOR + i));
}

/** All listening sockets that this process has, whoever opened them: the runtimes have no word for those of a cluster. */
export function heldSockets(): readonly InheritedSocket[] {
  try {
    return listeningAmong(readdirSync("/proc/self/fd").map(Number));
  } catch {
    return [];
  }
}

/** Those of the descriptors that listen, with what they listen on. */
export function listeningAmong(descriptors: readonly number[]): readonly InheritedSocket[] {
  const addresses = listeningSockets();
  return descriptors.flatMap((descriptor) => {
    const address = addresses.get(inodeOf(descriptor) ?? "");
    return address === undefined ? [] : [{ descriptor, address }];
  });
}

/** What every listening socket of this machine listens on, by its inode. */
function listeningSockets(): ReadonlyMap<string, SocketAddress> {
  const found = new Map<string, SocketAddress>();
  for (const [file, family] of [["tcp", 4], ["tcp6", 6]] as const) {
    for (const fields of table(file)) {
      const [host = "", port = ""] = fields[1]?.split(":") ?? [];
      if (fields[3] !== LISTEN_STATE) continue;
      const address = family === 4 ? ipv4(host) : ipv6(host);
      found.set(fields[9] ?? "", { family, host: address, port: Number.parseInt(port, 16) });
    }
  }
  for (const fields of table("unix")) {
    const path = fields.slice(7).join(" ");
    if (path !== "" && fields[3] === ACCEPTS) {
      found.set(fields[6] ?? "", { family: "unix", path: fromPath(whole(path)) });
    }
  }
  return found;
}

/** A cluster binds by whichever path is shorter, the whole one or that from the working directory. */
function whole(path: string): string {
  return path.startsWith("@") ? path : resolve(path);
}

function table(name: string): readonly (readonly string[])[] {
  try {
    return readFileSync(`/proc/net/${name}`, "utf8").split("\n").slice(1).map((line) => line.trim().split(/ +/));
  } catch {
    return [];
  }
}

function inodeOf(descriptor: number): string | undefined {
  return /^socket:\[(\d+)\]$/.exec(linkOf(descriptor) ?? "")?.[1];
}

/** The kernel writes words as the processor has them in memory: little end first. */
function octetsOf(hex: string): readonly number[] {
  return (hex.match(/.{8}/g) ?? []).flatMap((word) =>
    (word.match(/../g) ?? []).reverse().map((octet) => Number.parseInt(octet, 16))
  );
}

function ipv4(hex: string): string {
  return octetsOf(hex).join(".");
}

function ipv6(hex: string): string {
  const octets = octetsOf(hex);
  return Array.from({ length: 8 }, (_, i) => ((octets[2 * i] ?? 0) * 256 + (octets[2 * i + 1] ?? 0)).toString(16))
    .join(":");
}

export const FIRST_DESCRIPTOR = 3;
/** __SO_ACCEPTCON, for unix sockets. */
const ACCEPTS = "00010000";
/** TCP_LISTEN. */
const LISTEN_STATE = "0A";
