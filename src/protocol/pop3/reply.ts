import type { Octets } from "../../runtime.ts";

/** What Postern itself says to a POP3 client. */
export const OK = "+OK\r\n";
export const INVALID_COMMAND = "-ERR invalid command\r\n";

/** nginx's words, with the response code of RFC 3206: clients must not take our trouble for a wrong password. */
export const INTERNAL_ERROR = "-ERR [SYS/TEMP] internal server error\r\n";
export const FORBIDDEN = "-ERR access denied\r\n";
/** RFC 3206, 4. */
export const LOGIN_FAILED = { smtpCode: undefined, text: "[AUTH] Authentication failed" } as const;
/** RFC 3206, 4, and RFC 2449, 8.1.2 for a login that is right: asking for a password would not help. */
export const TOO_MANY = "-ERR [SYS/TEMP] too many connections\r\n";
export const LIMIT_REACHED = { smtpCode: undefined, text: "[IN-USE] Too many connections" } as const;
export const SHUTTING_DOWN = "-ERR [SYS/TEMP] shutting down\r\n";

/** The greeting; a timestamp (RFC 1939, 7) is what APOP is answered with. */
export function greeting(timestamp: Octets | undefined): Octets {
  return `+OK POP3 ready${timestamp === undefined ? "" : ` ${timestamp}`}\r\n`;
}

/** `-ERR TEXT`, TEXT being the auth server's. */
export function refused(text: Octets): Octets {
  return `-ERR ${text}\r\n`;
}
