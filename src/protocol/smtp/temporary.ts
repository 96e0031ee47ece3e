import type { Octets } from "../../runtime.ts";

/** Whether a server's reply says that it cannot serve now: it is transient (RFC 5321, 4.2.1). */
export function isTemporary(reply: Octets): boolean {
  return reply.startsWith("4");
}
