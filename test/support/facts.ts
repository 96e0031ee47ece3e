/** What variables are made of, for tests that have no connection. */

import { type Facts, type Template, VariableTable } from "../../src/variables/mod.ts";

/** A client that has just been accepted, with what a test changes of it. */
export function factsOf(changes: Partial<Facts> = {}): Facts {
  return {
    host: {
      process: { pid: 4711, hostname: "Host.Example" },
      date: () => Date.UTC(2026, 2, 1, 7, 5, 9, 12),
      utcOffset: () => 60,
    },
    connection: 7,
    protocol: "imap",
    client: { family: 4, host: "198.51.100.7", port: 40001 },
    peer: { family: 4, host: "198.51.100.7", port: 40001 },
    server: { family: 4, host: "192.0.2.9", port: 143 },
    listen: "0.0.0.0:143",
    serverName: "mail.example.com",
    proxied: undefined,
    tls: undefined,
    usesStartTls: false,
    claim: undefined,
    attempts: 0,
    upstreams: [],
    phase: "accepted",
    event: undefined,
    result: undefined,
    limit: undefined,
    brokenSide: undefined,
    accepted: Date.UTC(2026, 2, 1, 7, 5, 8),
    duration: 1012,
    handshakeTime: undefined,
    authTime: undefined,
    bytesSent: 0,
    bytesReceived: 0,
    ...changes,
  };
}

/** A text with the variables that need no definition. */
export function templateOf(text: string): Template {
  const table = new VariableTable();
  const template = table.compile(text, "command line", { keepsUnknown: true });
  table.link();
  return template;
}
