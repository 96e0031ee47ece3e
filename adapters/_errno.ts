/** Turns what a runtime throws into a {@linkcode SystemFailure}: no `ECONN…` leaves this folder. */

import { constants } from "node:os";
import type { SystemFailure } from "../src/runtime.ts";
import { errorText, libraryText } from "./_library_text.ts";

/** Any error of a system call, a name lookup, or several of them (a name with many addresses). */
export function toFailure(error: unknown): SystemFailure {
  const code = codeOf(error);
  // The runtimes' own codes, of TLS above all, are no errors of the system.
  if (code?.startsWith("ERR_")) return { number: 0, text: libraryText(error) };
  if (code !== undefined) return failureOf(code);
  return { number: 0, text: errorText(error) };
}

/** The failure behind a code such as `ECONNREFUSED`. */
export function failureOf(code: string): SystemFailure {
  const number = (constants.errno as Readonly<Record<string, number>>)[code] ?? 0;
  return { number, text: TEXTS.get(code) ?? `Unknown error (${code})` };
}

/** The code of an error, or of the first one in a list of them. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  if ("errors" in error && Array.isArray(error.errors) && error.errors.length > 0) return codeOf(error.errors[0]);
  return "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** The words of the C library. The numbers come from the runtime, as they differ between systems. */
const TEXTS: ReadonlyMap<string, string> = new Map([
  ["EPERM", "Operation not permitted"],
  ["ENOENT", "No such file or directory"],
  ["ESRCH", "No such process"],
  ["EINTR", "Interrupted system call"],
  ["EIO", "Input/output error"],
  ["EBADF", "Bad file descriptor"],
  ["EAGAIN", "Resource temporarily unavailable"],
  ["ENOMEM", "Cannot allocate memory"],
  ["EACCES", "Permission denied"],
  ["EBUSY", "Device or resource busy"],
  ["EEXIST", "File exists"],
  ["ENOTDIR", "Not a directory"],
  ["EISDIR", "Is a directory"],
  ["EINVAL", "Invalid argument"],
  ["ENFILE", "Too many open files in system"],
  ["EMFILE", "Too many open files"],
  ["EFBIG", "File too large"],
  ["ENOSPC", "No space left on device"],
  ["EROFS", "Read-only file system"],
  ["EPIPE", "Broken pipe"],
  ["ENAMETOOLONG", "File name too long"],
  ["ENOTEMPTY", "Directory not empty"],
  ["ELOOP", "Too many levels of symbolic links"],
  ["EPROTO", "Protocol error"],
  ["ENOTSOCK", "Socket operation on non-socket"],
  ["EPROTOTYPE", "Protocol wrong type for socket"],
  ["EPROTONOSUPPORT", "Protocol not supported"],
  ["EOPNOTSUPP", "Operation not supported"],
  ["ENOTSUP", "Operation not supported"],
  ["EAFNOSUPPORT", "Address family not supported by protocol"],
  ["EADDRINUSE", "Address already in use"],
  ["EADDRNOTAVAIL", "Cannot assign requested address"],
  ["ENETDOWN", "Network is down"],
  ["ENETUNREACH", "Network is unreachable"],
  ["ECONNABORTED", "Software caused connection abort"],
  ["ECONNRESET", "Connection reset by peer"],
  ["ENOBUFS", "No buffer space available"],
  ["ENOTCONN", "Transport endpoint is not connected"],
  ["ETIMEDOUT", "Connection timed out"],
  ["ECONNREFUSED", "Connection refused"],
  ["EHOSTDOWN", "Host is down"],
  ["EHOSTUNREACH", "No route to host"],
  ["EDQUOT", "Disk quota exceeded"],
  // Name lookups have no errno.
  ["ENOTFOUND", "Host not found"],
  ["ENODATA", "Host not found"],
  ["EAI_NONAME", "Host not found"],
  ["EAI_AGAIN", "Temporary failure in name resolution"],
  ["EAI_FAIL", "Non-recoverable failure in name resolution"],
]);
