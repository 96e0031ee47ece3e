import type { Octets } from "../../runtime.ts";

/** What Postern itself says to an SMTP client, with the enhanced status codes of RFC 3463. */
export const OK = "250 2.0.0 OK\r\n";
export const BYE = "221 2.0.0 Bye\r\n";
export const AUTHENTICATED = "235 2.0.0 OK\r\n";
export const INVALID_COMMAND = "500 5.5.1 Invalid command\r\n";
export const INVALID_ARGUMENT = "501 5.5.4 Invalid argument\r\n";
export const BAD_SEQUENCE = "503 5.5.1 Bad sequence of commands\r\n";
export const AUTH_REQUIRED = "530 5.7.1 Authentication required\r\n";
export const START_TLS = "220 2.0.0 Start TLS\r\n";
/** RFC 3207, 4. */
export const MUST_START_TLS = "530 5.7.0 Must issue a STARTTLS command first\r\n";
export const INTERNAL_ERROR = "451 4.3.2 Internal server error\r\n";
export const FORBIDDEN = "554 5.7.1 Access denied\r\n";
export const EARLY_TALKER = "503 5.5.0 Improper use of SMTP command pipelining\r\n";
/** RFC 4954, 6. */
export const LOGIN_FAILED = { smtpCode: "535 5.7.8", text: "Authentication failed" } as const;
/** RFC 5248's registry: the login may be right. */
export const ACCOUNT_DISABLED = { smtpCode: "525 5.7.13", text: "Account disabled" } as const;
/** RFC 5321, 3.8, and RFC 4954, 6 for a login that is right: asking for a password would not help. */
export const TOO_MANY = "421 4.7.0 Too many connections\r\n";
export const LIMIT_REACHED = { smtpCode: "454 4.7.0", text: "Too many connections" } as const;
/** The same in answer to a RCPT that came without a login. */
export const LIMIT_REACHED_BY_MAIL = { smtpCode: "451 4.7.0", text: "Too many connections" } as const;
export const SHUTTING_DOWN = "421 4.3.2 Shutting down\r\n";

export function greeting(serverName: Octets): Octets {
  return `220 ${serverName} ESMTP ready\r\n`;
}

export function hello(serverName: Octets): Octets {
  return `250 ${serverName}\r\n`;
}

/** `CODE TEXT`: the text is the auth server's, and the code too when it sent one. */
export function refused(code: Octets | undefined, text: Octets): Octets {
  return `${code ?? "535 5.7.0"} ${text}\r\n`;
}
