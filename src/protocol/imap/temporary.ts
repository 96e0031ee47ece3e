import type { Octets } from "../../runtime.ts";

/**
 * Whether a server's reply, without its tag, says that it cannot serve now, whoever asks (RFC 5530, 3). Anything else
 * that is no success is about this login.
 */
export function isTemporary(reply: Octets): boolean {
  return /^(?:\* )?BYE(?: |$)/i.test(reply) || /^(?:\* )?(?:NO|BAD) \[(?:UNAVAILABLE|SERVERBUG)\]/i.test(reply);
}
