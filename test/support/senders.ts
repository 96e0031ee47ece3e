/** Real SMTP clients, on another loopback address than the proxy's own: only XCLIENT can tell a mail server theirs. */

import type { Octets } from "../../src/runtime.ts";
import { type Finished, outputOf, python, run } from "./clients.ts";

/** Where the clients are, and what they say they are called. */
export const CLIENT = "127.0.0.9";
export const HELO = "client.example.test";

/** Whom a client logs in as. */
export interface Login {
  readonly login: string;
  readonly password: string;
}

export interface CurlOptions {
  readonly account: Login;
  /** Its own options, such as how to log in. */
  readonly options?: readonly string[];
  /** Where it is. */
  readonly client?: string;
}

/** Sends a letter with curl. */
export function sendWithCurl(port: string, text: Octets, { account, options = [], client = CLIENT }: CurlOptions) {
  const user = ["--user", `${account.login}:${account.password}`, ...options];
  const mail = ["--mail-from", "anna@example.test", "--mail-rcpt", "carl@example.test", "--upload-file", "-"];
  const url = `smtp://${client.includes(":") ? "[::1]" : "127.0.0.1"}:${port}/${HELO}`;
  return outputOf("curl", ["--silent", "--interface", client, ...user, ...mail, url], { input: text });
}

/** Runs swaks, which makes a letter of its own. */
export function swaks(port: string, options: readonly string[]): Promise<Finished> {
  const place = ["--server", `127.0.0.1:${port}`, "--local-interface", CLIENT, "--ehlo", HELO];
  return run("swaks", [...place, "--from", "anna@example.test", ...options]);
}

/** What swaks is told to log in. */
export function swaksLogin(mechanism: string, { login, password }: Login): string[] {
  return ["--auth", mechanism, "--auth-user", login, "--auth-password", password];
}

/** Sends a letter of octets with smtplib. */
export function sendWithSmtplib(port: string, text: Octets, { login, password }: Login): Promise<Octets> {
  return python(SMTPLIB, [port, CLIENT, HELO, login, password], { input: text });
}

const SMTPLIB = String.raw`
import smtplib, sys
port, client, helo, user, password = sys.argv[1:]
with smtplib.SMTP("127.0.0.1", int(port), helo, source_address=(client, 0)) as smtp:
    smtp.login(user, password)
    smtp.sendmail("anna@example.test", ["carl@example.test"], sys.stdin.buffer.read(), ["BODY=8BITMIME"])
`;
