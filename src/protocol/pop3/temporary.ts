import type { Octets } from "../../runtime.ts";

/** Whether a server's reply says that it cannot serve now, whoever asks (RFC 3206, 4; RFC 2449, 8). */
export function isTemporary(reply: Octets): boolean {
  return /^-ERR \[SYS\/TEMP\]/i.test(reply);
}
