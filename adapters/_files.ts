/** Files, by octet paths and without exceptions. */

import {
  chownSync,
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import type { FileLook, Files, LogFile, Octets, SystemFailure, WriteFailure } from "../src/runtime.ts";
import { toFailure } from "./_errno.ts";
import { openToAll } from "./_listener.ts";
import { fromPath, toBytes, toPath, toPlain } from "./_octets.ts";

export const FILES: Files = {
  read: (path) => attempt(() => toPlain(readFileSync(toPath(path)))),
  list: (path) => attempt(() => readdirSync(toPath(path)).map(fromPath).sort()),
  exists: (path) => existsSync(toPath(path)),
  look: (path) => attempt(() => lookAt(toPath(path))),
  write: (path, text) => failureOnly(() => writeFileSync(toPath(path), toBytes(text))),
  rename: (from, to) => failureOnly(() => renameSync(toPath(from), toPath(to))),
  remove: (path) => failureOnly(() => unlinkSync(toPath(path))),
  openLog: (path) => attempt(() => new AppendedFile(path)),
  openToAll,
  give: (path, { uid }) =>
    failureOnly(() => {
      closeSync(openToAppend(path));
      chownSync(toPath(path), uid, AS_IT_IS);
    }),
};

/** Within one tick of the clock, size and inode tell what the times do not. */
function lookAt(path: string): FileLook {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  return { size: Number(size), stamp: [dev, ino, size, mtimeNs, ctimeNs].join(" ") };
}

class AppendedFile implements LogFile {
  readonly #path: Octets;
  #descriptor: number | undefined;
  /** Whether what comes next has to begin a line: the last one may be half there, by us or by another process. */
  #owesNewline = false;

  constructor(path: Octets) {
    this.#path = path;
    this.#descriptor = openToAppend(path);
  }

  write(lines: Octets): WriteFailure | undefined {
    const descriptor = this.#descriptor;
    if (descriptor === undefined) return undefined;
    const first = this.#owesNewline ? "\n" : "";
    const isOne = lines.indexOf("\n") === lines.length - 1;
    const before = isOne ? undefined : sizeOf(descriptor);
    const failure = failureOnly(() => writeAll(descriptor, toBytes(first + lines)));
    this.#owesNewline = failure !== undefined;
    if (failure === undefined) return undefined;
    // Deno does not say how much was taken.
    const after = before === undefined ? undefined : sizeOf(descriptor);
    const taken = before === undefined || after === undefined ? 0 : Math.max(after - before - first.length, 0);
    return { ...failure, lost: Math.max(newlinesIn(lines.slice(taken)), 1) };
  }

  /** The old file stays in use when the new one cannot be opened. */
  reopen(): SystemFailure | undefined {
    const old = this.#descriptor;
    const opened = attempt(() => openToAppend(this.#path));
    if (typeof opened !== "number") return opened;
    this.#descriptor = opened;
    if (sizeOf(opened) === 0) this.#owesNewline = false;
    if (old !== undefined) closeSync(old);
    return undefined;
  }

  close(): void {
    if (this.#descriptor === undefined) return;
    closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

/** A descriptor to append to a file with, or `undefined` where that cannot be. */
export function openIfItCan(path: Octets): number | undefined {
  try {
    return openToAppend(path);
  } catch {
    return undefined;
  }
}

/** Closes a descriptor that no part of the runtime knows, if it is open. */
export function closeQuietly(descriptor: number): void {
  try {
    closeSync(descriptor);
  } catch {
    // It is closed.
  }
}

/** A descriptor of the file, which is made where there is none. Throws what the system says. */
export function openToAppend(path: Octets): number {
  return openSync(toPath(path), "a", 0o644);
}

/** For `chown`. */
const AS_IT_IS = -1;

/** A disk that fills up takes a part, and says why when it is asked to take the rest. */
function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
}

/** In octets; `undefined` where the system does not say, of a file on a network for one. */
function sizeOf(descriptor: number): number | undefined {
  const size = attempt(() => fstatSync(descriptor).size);
  return typeof size === "number" ? size : undefined;
}

function newlinesIn(text: Octets): number {
  return text.split("\n").length - 1;
}

function attempt<T>(act: () => T): T | SystemFailure {
  try {
    return act();
  } catch (error) {
    return toFailure(error);
  }
}

function failureOnly(act: () => void): SystemFailure | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return toFailure(error);
  }
}
