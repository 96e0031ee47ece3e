/**
 * What the ends of connections are called in logs, whose fault they are, and which of nginx's numbers they get.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import type { Facts, SessionResult } from "./facts.ts";

/** Whose fault an end is. A user's fault is a wrong name or password, a client's all else that a client does. */
export type Fault = "client" | "user" | "auth" | "upstream" | "us";

/** One end of connections. */
export interface Ending {
  /** `undefined` for an end that is nobody's fault. */
  readonly fault: Fault | undefined;
  /** As nginx's stream module counts. */
  readonly status: 200 | 400 | 403 | 500 | 502 | 503;
  /** For the documentation. */
  readonly meaning: string;
}

/** All ends. */
export const ENDINGS: Readonly<Record<SessionResult, Ending>> = {
  clientClosed: { fault: undefined, status: 200, meaning: "the client ended a session that had logged in" },
  upstreamClosed: { fault: undefined, status: 200, meaning: "the mail server ended it, as it does after LOGOUT" },
  timedOut: { fault: "client", status: 200, meaning: "nobody said anything for `proxy_timeout`" },
  stopped: { fault: "us", status: 200, meaning: "we stopped, and ended a session that had logged in" },
  quit: { fault: undefined, status: 200, meaning: "the client took its leave before it had logged in" },
  clientGone: { fault: "client", status: 400, meaning: "the client was gone before it had logged in" },
  timeout: { fault: "client", status: 400, meaning: "the login took the client longer than `timeout`" },
  tooManyErrors: { fault: "client", status: 400, meaning: "`max_errors` or `max_commands`" },
  tooLongCommand: { fault: "client", status: 400, meaning: "a command was longer than the client's buffer" },
  protocolError: { fault: "client", status: 400, meaning: "the client spoke before the greeting" },
  badProxyHeader: { fault: "client", status: 400, meaning: "the PROXY header was broken" },
  handshakeFailed: { fault: "client", status: 400, meaning: "TLS with the client was not agreed on" },
  certificateRefused: { fault: "client", status: 400, meaning: "the client's certificate was not taken" },
  forbidden: { fault: "client", status: 403, meaning: "`deny`" },
  limited: {
    fault: "client",
    status: 503,
    meaning:
      "`limit_conn`, by what is known when a client connects; one whose login is too many may go on, and has `REJECTED` in " +
      "`$limit_conn_status`",
  },
  noRoom: { fault: "us", status: 503, meaning: "`worker_connections`, or we had no descriptor, port or memory left" },
  refused: { fault: "user", status: 403, meaning: "the login was refused" },
  authUnavailable: { fault: "auth", status: 503, meaning: "nobody could say whether the login is right" },
  upstreamUnavailable: {
    fault: "upstream",
    status: 502,
    meaning: "the mail server could not be reached, or broke off",
  },
  upstreamRefused: {
    fault: "upstream",
    status: 502,
    meaning: "the mail server said that it is busy, made no sense, or refused a login that was right for us",
  },
  shutdown: { fault: "us", status: 503, meaning: "we stopped before the client had logged in" },
  internalError: { fault: "us", status: 500, meaning: "a defect of Postern, which the error log has more of" },
};

/** `$session_fault`. A session that had logged in is broken by the side whose socket broke. */
export function faultOf({ result, brokenSide }: Facts): Octets | undefined {
  return brokenSide ?? (result && ENDINGS[result].fault);
}

/** `$status`. */
export function statusOf({ result }: Facts): Octets | undefined {
  return result && String(ENDINGS[result].status);
}
