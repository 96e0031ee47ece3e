/**
 * What the demo prints: how to use it, and a line for each session.
 *
 * @module
 */

import type { Protocol } from "../config/types.ts";
import type { SessionRecord } from "../proxy/record.ts";
import type { Millis, Octets, SocketAddress } from "../runtime.ts";
import type { Account, MailStore } from "./mailbox.ts";

/** Where the demo listens, its accounts, and commands to paste. */
export function introduction(ports: Readonly<Record<Protocol, number>>, store: MailStore): Octets {
  const [one, other] = store.accounts;
  const accounts = store.accounts.map(({ name, password }) => `${name} (password ${password})`).join("  ");
  return `Postern demo: the proxy at work, in front of a small mail server of its own. Ctrl-C ends it.

  IMAP 127.0.0.1:${ports.imap}  POP3 127.0.0.1:${ports.pop3}  SMTP 127.0.0.1:${ports.smtp}
  ${accounts}
${one === undefined || other === undefined ? "" : commands(ports, one, other)}
Each session has a line here when it is over:
`;
}

function commands(ports: Readonly<Record<Protocol, number>>, one: Account, other: Account): Octets {
  const login = ({ name, password }: Account) => `curl -sS -u ${name}:${password}`;
  const inbox = `imap://127.0.0.1:${ports.imap}/INBOX`;
  const message = `From: ${one.name}\\r\\nTo: ${other.name}\\r\\nSubject: Hello\\r\\n\\r\\nIt works.\\r\\n`;
  return `
List a mailbox, fetch a message, send one, and read what was sent:

  ${login(one)} '${inbox}' -X 'FETCH 1:* (FLAGS ENVELOPE)'
  ${login(one)} '${inbox};MAILINDEX=1'
  printf '${message}' |
    ${login(one)} smtp://127.0.0.1:${ports.smtp} --mail-from ${one.name} --mail-rcpt ${other.name} --upload-file -
  ${login(other)} '${inbox};MAILINDEX=*'
`;
}

/** One line that tells a session: when it ended, who it was, what became of it, how much and how long. */
export function sessionLine(record: SessionRecord, time: Octets): Octets {
  const { protocol, client, login, result, loggedIn } = record;
  const what = loggedIn ? `logged in, ${RESULTS[result]}` : RESULTS[result];
  const moved = loggedIn ? `, ${amount(record.bytesToUpstream)} up, ${amount(record.bytesToClient)} down` : "";
  const who = login === undefined || login === "" ? "-" : printable(login);
  const columns = [time, protocol.toUpperCase().padEnd(4), address(client).padEnd(15), who];
  return `${columns.join("  ")}  ${what}${moved}, ${span(record.duration)}\n`;
}

const RESULTS: Readonly<Record<SessionRecord["result"], Octets>> = {
  quit: "left before the login",
  clientGone: "went away before the login",
  timeout: "took too long to log in",
  tooManyErrors: "sent too many invalid commands",
  tooLongCommand: "sent a command that is too long",
  badProxyHeader: "sent no good PROXY header",
  protocolError: "broke the protocol",
  limited: "too many connections",
  noRoom: "found no room",
  forbidden: "may not connect",
  handshakeFailed: "failed to begin TLS",
  certificateRefused: "showed no good certificate",
  refused: "login refused",
  authUnavailable: "auth server did not answer",
  upstreamUnavailable: "mail server did not answer",
  upstreamRefused: "mail server refused the login",
  shutdown: "stopped before the login",
  internalError: "internal error",
  clientClosed: "ended by the client",
  upstreamClosed: "ended by the server",
  timedOut: "silent for too long",
  stopped: "stopped",
};

function address(client: SocketAddress): Octets {
  return client.family === "unix" ? "unix:" : `${client.host}:${client.port}`;
}

/** A login comes from anybody who connects: it must not be able to steer a terminal, or to flood it. */
function printable(text: Octets): Octets {
  let clean = "";
  for (const character of text.slice(0, LOGIN_LENGTH)) {
    const isPlain = character >= " " && character <= "~";
    clean += isPlain ? character : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  }
  return text.length > LOGIN_LENGTH ? `${clean}...` : clean;
}

function amount(octets: number): Octets {
  if (octets < 1000) return `${octets} B`;
  return octets < 1_000_000 ? `${(octets / 1000).toFixed(1)} kB` : `${(octets / 1_000_000).toFixed(1)} MB`;
}

function span(duration: Millis): Octets {
  if (duration < 1000) return `${Math.round(duration)} ms`;
  return duration < 60_000 ? `${(duration / 1000).toFixed(1)} s` : `${Math.round(duration / 60_000)} min`;
}

const LOGIN_LENGTH = 64;
