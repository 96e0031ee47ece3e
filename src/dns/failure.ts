/**
 * Why a name is not known, in nginx's numbers and words.
 *
 * @module
 */

import type { SystemFailure } from "../runtime.ts";

/** The name does not exist, or has nothing of what was asked for. */
export const HOST_NOT_FOUND: SystemFailure = { number: 3, text: "Host not found" };

/** Nobody answered in time. The number is that of `ETIMEDOUT` on Linux, as nginx has it. */
export const TIMED_OUT: SystemFailure = { number: 110, text: "Operation timed out" };

/** The name leads from one name to the next without an end. */
export const SERVER_FAILURE: SystemFailure = { number: 2, text: "Server failure" };

/** The failure behind a response code other than 0 (RFC 1035, 4.1.1). */
export function failureOf(rcode: number): SystemFailure {
  return FAILURES.get(rcode) ?? { number: rcode, text: "Unknown error" };
}

const FAILURES: ReadonlyMap<number, SystemFailure> = new Map([
  [1, { number: 1, text: "Format error" }],
  [2, SERVER_FAILURE],
  [3, HOST_NOT_FOUND],
  [4, { number: 4, text: "Unimplemented" }],
  [5, { number: 5, text: "Operation refused" }],
]);
