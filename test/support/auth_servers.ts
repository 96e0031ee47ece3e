/** Two auth servers with the same rules: a script as an operator writes it, and one that keeps its connections. */

import { createServer, type IncomingHttpHeaders } from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { Octets } from "../../src/runtime.ts";
import { Daemon } from "./daemon.ts";
import { TestFolder } from "./program.ts";

/** Who may log in. */
export interface Account {
  readonly password: string;
  /** What the mail server knows the user by, where it is something else. */
  readonly user?: string;
  readonly pass?: string;
}

/** What an auth server is told. */
export interface AuthPlan {
  readonly accounts: Readonly<Record<string, Account>>;
  /** The port of the mail server for each protocol. */
  readonly servers: { readonly imap: number; readonly pop3: number; readonly smtp: number };
  /** Whose mail is taken without a login. */
  readonly domain: string;
  /** What a wrong password costs, in seconds; the third one closes the connection, as the first does with 0. */
  readonly wait: number;
}

/** An auth server at work. */
export interface AuthServer {
  /** For `auth_http`. */
  readonly address: string;
  /** A line for each question: `asked: PROTOCOL METHOD USER CLIENT`. */
  readonly log: string;
  /** How many connections it was asked over, where that is known. */
  readonly connections: number | undefined;
  stop(): Promise<void>;
}

/** By what each kind is called in the names of tests. */
export const AUTH_SERVERS: readonly [string, (plan: AuthPlan) => Promise<AuthServer>][] = [
  ["an auth server that closes each connection", startAuthScript],
  ["an auth server that keeps connections", startKeepAliveAuth],
];

/** `test/data/auth_server.py`: HTTP/1.0, one request after the other, each on a connection of its own. */
export async function startAuthScript(plan: AuthPlan): Promise<AuthServer> {
  const folder = new TestFolder();
  const script = join(import.meta.dirname, "..", "data", "auth_server.py");
  const file = folder.write("auth.json", JSON.stringify(plan));
  const daemon = await new Daemon("python3", [script, file]).ready(LISTENING);
  const [, address = ""] = await daemon.until(LISTENING);
  return {
    address,
    get log() {
      return daemon.log;
    },
    connections: undefined,
    async stop() {
      await daemon.stop();
      folder.remove();
    },
  };
}

const LISTENING = /listening on (\S+)\n/;

/** The same in this process, over HTTP/1.1. */
async function startKeepAliveAuth(plan: AuthPlan): Promise<AuthServer> {
  let log = "";
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const ask = (name: string) => octetsOf(request.headers, name);
    sockets.add(request.socket);
    log += `asked: ${ask("auth-protocol")} ${ask("auth-method")} ${ask("auth-user") || "-"} ${ask("client-ip")}\n`;
    response.writeHead(200, { "Content-Length": "0", ...decide(plan, ask) }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    address: `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    get log() {
      return log;
    },
    get connections() {
      return sockets.size;
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

type Ask = (name: string) => Octets;

function decide(plan: AuthPlan, ask: Ask): Record<string, string> {
  if (ask("auth-method") === "none") {
    if (ask("auth-smtp-to").toLowerCase().includes(`@${plan.domain}>`)) return accept(plan, ask, undefined);
    return { "Auth-Status": "Relay access denied", "Auth-Error-Code": "554 5.7.1" };
  }
  const account = plan.accounts[plainText(ask("auth-user"))];
  if (account?.password === plainText(ask("auth-pass"))) return accept(plan, ask, account);
  const fields = { "Auth-Status": "Invalid login or password" };
  const mayTryAgain = plan.wait > 0 && Number(ask("auth-login-attempt")) < 3;
  return mayTryAgain ? { ...fields, "Auth-Wait": `${plan.wait}` } : fields;
}

function accept(plan: AuthPlan, ask: Ask, account: Account | undefined): Record<string, string> {
  const protocol = ask("auth-protocol");
  if (protocol !== "imap" && protocol !== "pop3" && protocol !== "smtp") throw new Error(`no protocol: ${protocol}`);
  return {
    "Auth-Status": "OK",
    "Auth-Server": "127.0.0.1",
    "Auth-Port": `${plan.servers[protocol]}`,
    ...(account?.user === undefined ? {} : { "Auth-User": account.user }),
    ...(account?.pass === undefined ? {} : { "Auth-Pass": account.pass }),
  };
}

function octetsOf(headers: IncomingHttpHeaders, name: string): Octets {
  const value = headers[name];
  return typeof value === "string" ? value : "";
}

/** Octets, some of them escaped, are UTF-8 once more. */
function plainText(escaped: Octets): string {
  return decodeURIComponent(escaped.replace(/[\x80-\xff]/g, (octet) => `%${octet.charCodeAt(0).toString(16)}`));
}
