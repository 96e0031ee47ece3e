import type { Octets } from "../../runtime.ts";

/** What Postern itself says to an IMAP client. */
export const GREETING = "* OK IMAP4 ready\r\n";
export const BYE = "* BYE\r\n";
export const CONTINUE = "+ OK\r\n";
export const FORBIDDEN = "* BYE access denied\r\n";
/** RFC 5530, 3. */
export const LOGIN_FAILED = { smtpCode: undefined, text: "[AUTHENTICATIONFAILED] Authentication failed" } as const;
/** RFC 5530, 3: a limit of ours, which asking for a password would not help. */
export const TOO_MANY = "* BYE [LIMIT] too many connections\r\n";
export const LIMIT_REACHED = { smtpCode: undefined, text: "[LIMIT] Too many connections" } as const;
export const SHUTTING_DOWN = "* BYE shutting down\r\n";

/** nginx's words, with the response code of RFC 5530, 3: clients must not take our trouble for a wrong password. */
export const INTERNAL_ERROR = "* BAD [UNAVAILABLE] internal server error\r\n";

/** RFC 2971, 3.1: a server may keep to itself what it is. */
export const NO_ID = "* ID NIL\r\n";

/** `TAG OK completed` */
export function completed(tag: Octets): Octets {
  return `${tag} OK completed\r\n`;
}

/** `TAG BAD invalid command`, with `*` when there is no tag to name. */
export function invalidCommand(tag: Octets | undefined): Octets {
  return `${tag ?? "*"} BAD invalid command\r\n`;
}

/** `TAG NO TEXT`, TEXT being the auth server's. */
export function refused(tag: Octets | undefined, text: Octets): Octets {
  return `${tag ?? "*"} NO ${text}\r\n`;
}
