/** A Postfix of its own: SMTP on a loopback port, everything else in a folder under /tmp. It must be started by root. */

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Certificate } from "./certificates.ts";
import { Daemon } from "./daemon.ts";
import { freePorts } from "./free_ports.ts";
import { TestFolder } from "./program.ts";

export interface PostfixOptions {
  /** Whose mail it takes from everybody. */
  readonly domain: string;
  /** Where it hands letters on to, over SMTP on 127.0.0.1. */
  readonly relayPort: number;
  /** With it STARTTLS is to be had, and TLS from the first octet on a port of its own. */
  readonly certificate?: Certificate;
  /** With it clients can log in, and then send mail to everybody. */
  readonly sasl?: PostfixSasl;
}

/** Who checks logins for it. */
export interface PostfixSasl {
  /** The port of a Dovecot. */
  readonly port: number;
  /** Mechanisms that are the only ones on a port of their own. */
  readonly alone?: readonly string[];
}

/** A Postfix at work. It believes XCLIENT from 127.0.0.1, and writes what it learns into Received. */
export class Postfix {
  readonly port: number;
  /** Where TLS is spoken from the first octet, if there is a certificate. */
  readonly tlsPort: number;
  /** The ports of the mechanisms that are alone. */
  readonly alonePorts: readonly number[];
  readonly #folder: TestFolder;
  readonly #daemon: Daemon;

  private constructor(folder: TestFolder, [port = 0, tlsPort = 0, ...alone]: readonly number[], daemon: Daemon) {
    this.#folder = folder;
    this.port = port;
    this.tlsPort = tlsPort;
    this.alonePorts = alone;
    this.#daemon = daemon;
  }

  static async start(options: PostfixOptions): Promise<Postfix> {
    const folder = new TestFolder();
    const alone = options.sasl?.alone ?? [];
    const ports = await freePorts(2 + alone.length);
    layOut(folder.path);
    folder.write("main.cf", mainConfiguration(folder.path, options));
    folder.write("master.cf", services(ports, alone));
    const daemon = await new Daemon("/bin/sh", ["-c", START, folder.path]).ready(/daemon started/);
    return new Postfix(folder, ports, daemon);
  }

  /** All that it has logged. */
  get log(): string {
    return this.#daemon.log;
  }

  async stop(): Promise<void> {
    await this.#daemon.stop();
    this.#folder.remove();
  }
}

/** The folders as `postfix check` would make them, which takes three seconds. */
function layOut(path: string): void {
  chmodSync(path, 0o755);
  const own = ["data", ...QUEUES.map((name) => join("queue", name))];
  for (const name of ["queue", "queue/pid", ...own]) mkdirSync(join(path, name));
  execFileSync("chown", ["postfix", ...own.map((name) => join(path, name))]);
}

const QUEUES: readonly string[] = (
  "active bounce corrupt defer deferred flush hold incoming maildrop private public saved trace"
).split(" ");

/** Postfix logs to a file only, which `tail` shows. Told to end, the shell ends both; Postfix ends its own processes. */
const START = `
  : >"$0/mail.log"
  tail -n +1 -F "$0/mail.log" 2>/dev/null & tail=$!
  /usr/lib/postfix/sbin/master -c "$0" -s >/dev/null 2>&1 & master=$!
  trap 'kill $master; wait $master; kill $tail' TERM
  wait $master
  kill $tail 2>/dev/null
`;

function mainConfiguration(folder: string, { domain, relayPort, certificate, sasl }: PostfixOptions): string {
  return `
compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
maillog_file = ${folder}/mail.log
maillog_file_prefixes = ${folder}
inet_interfaces = 127.0.0.1
# With ipv4 alone it refuses XCLIENT with an address of IPv6.
inet_protocols = all
smtp_dns_support_level = disabled
myhostname = postfix.${domain}
mydestination =
alias_maps =
mynetworks =
relay_domains = ${domain}
relayhost = [127.0.0.1]:${relayPort}
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_sasl_authenticated_header = yes
smtpd_relay_restrictions = ${sasl === undefined ? "" : "permit_sasl_authenticated, "}reject_unauth_destination
smtpd_peername_lookup = no
smtputf8_enable = no
${tls(certificate)}${logins(sasl)}`;
}

function logins(sasl: PostfixSasl | undefined): string {
  if (sasl === undefined) return "";
  return `smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:${sasl.port}
`;
}

function tls(certificate: Certificate | undefined): string {
  if (certificate === undefined) return "";
  const { certificatePath, keyPath } = certificate;
  return `smtpd_tls_security_level = may
smtpd_tls_chain_files = ${keyPath}, ${certificatePath}
smtpd_tls_session_cache_database =
`;
}

/** Name, type, private, unprivileged, chroot, wake-up time, process limit, command. */
function services([port, tlsPort, ...others]: readonly number[], alone: readonly string[]): string {
  const filtered = alone.map((mechanism, i) =>
    `127.0.0.1:${others[i]} inet n - n - - smtpd\n  -o smtpd_sasl_mechanism_filter=${mechanism}\n`
  );
  return `
127.0.0.1:${port} inet n - n - - smtpd
127.0.0.1:${tlsPort} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
${filtered.join("")}postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
`;
}
