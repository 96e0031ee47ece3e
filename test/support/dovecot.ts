/** A Dovecot of its own: IMAP, POP3 and submission on loopback ports, everything else in a folder under /tmp. */

import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Octets } from "../../src/runtime.ts";
import type { Certificate } from "./certificates.ts";
import { Daemon } from "./daemon.ts";
import { freePorts } from "./free_ports.ts";
import { TestFolder } from "./program.ts";

export interface DovecotOptions {
  /** Passwords by login. */
  readonly users: Readonly<Record<string, string>>;
  /** The SASL mechanisms, `plain login` when left out. */
  readonly mechanisms?: string;
  /** Where submission hands letters on to. */
  readonly relayPort?: number;
  /** With it STARTTLS is to be had everywhere, and IMAP and POP3 over TLS on ports of their own. */
  readonly certificate?: Certificate;
  /** Whether it takes passwords over TLS alone, as Exchange does. */
  readonly isStrict?: boolean;
  /** Whether everybody has to begin with a PROXY header, which is believed. */
  readonly isProxied?: boolean;
  /** Where it asks whose a token of OAuth is (RFC 7662); the token comes as an `Authorization` header. */
  readonly introspection?: string;
  /** Who signs the certificates of clients, and who of these may log in by EXTERNAL, as whom it likes. */
  readonly external?: { readonly authority: Certificate; readonly trusted: string };
}

/** A Dovecot at work. */
export class Dovecot {
  readonly ports: DovecotPorts;
  readonly #folder: TestFolder;
  readonly #daemon: Daemon;
  readonly #users: Record<string, string>;
  #delivered = 0;

  private constructor(
    folder: TestFolder,
    { ports, users }: { readonly ports: DovecotPorts; readonly users: DovecotOptions["users"] },
    daemon: Daemon,
  ) {
    this.#folder = folder;
    this.ports = ports;
    this.#users = { ...users };
    this.#daemon = daemon;
  }

  static async start(options: DovecotOptions): Promise<Dovecot> {
    const folder = new TestFolder();
    const [imap = 0, pop3 = 0, submission = 0, imaps = 0, pop3s = 0, sasl = 0] = await freePorts(6);
    const ports = { imap, pop3, submission, imaps, pop3s, sasl };
    // Its processes run as other users, if it is started by root.
    chmodSync(folder.path, 0o755);
    for (const name of ["base", "state", "mail"]) mkdirSync(join(folder.path, name));
    for (const user of Object.keys(options.users)) makeMaildir(join(folder.path, "mail", user));
    give(join(folder.path, "mail"));
    folder.write("users", passwords(options.users));
    folder.write("oauth2.conf", introspection(options.introspection));
    folder.write("trusted", `${options.external?.trusted ?? ""}:::::::nopassword\n`);
    const file = folder.write("dovecot.conf", configuration(folder.path, ports, options));
    // Asked nicely it takes a second to end. All its processes end with the first one.
    const daemon = await new Daemon("dovecot", ["-F", "-c", file], "KILL").ready(/ starting up for /);
    return new Dovecot(folder, { ports, users: options.users }, daemon);
  }

  /** Lays letters into a mailbox, past all protocols. On disk lines end in LF alone. */
  deliver(user: string, letters: readonly Octets[]): void {
    for (const letter of letters) {
      const path = join(this.#folder.path, "mail", user, "cur", `${1e9 + ++this.#delivered}.test:2,S`);
      writeFileSync(path, letter.replaceAll("\r\n", "\n"), "latin1");
      give(path);
    }
  }

  /** Gives a user another password, which has to be of another length: that is how Dovecot finds out, within a second. */
  change(user: string, password: string): void {
    this.#users[user] = password;
    this.#folder.write("users", passwords(this.#users));
  }

  /** The letters in a mailbox as they lie on disk, with lines that end in CRLF again. */
  letters(user: string): Octets[] {
    const folder = join(this.#folder.path, "mail", user);
    const paths = ["cur", "new"].flatMap((name) =>
      readdirSync(join(folder, name)).map((file) => join(folder, name, file))
    );
    return paths.sort().map((path) => readFileSync(path, "latin1").replaceAll("\n", "\r\n"));
  }

  /** Each `USER PASSWORD` that it was given so far, from its log. */
  get credentials(): string[] {
    const found = this.#daemon.log.matchAll(/ client in: (?:AUTH\t.*\tresp=|CONT\t\d+\t)(\S+)/g);
    return [...found].map(([, response = ""]) => {
      return Buffer.from(response, "base64").toString("latin1").split("\0").slice(1).join(" ");
    });
  }

  /** Waits until it has been given these. */
  given({ login, password }: { readonly login: string; readonly password: string }): Promise<RegExpExecArray> {
    const response = Buffer.from(`\0${login}\0${password}`, "latin1").toString("base64");
    return this.until(new RegExp(` client in: .*\t(?:resp=)?${response.replaceAll("+", "\\+")}`));
  }

  /** All that it has logged. */
  get log(): string {
    return this.#daemon.log;
  }

  /** Waits until the log matches. */
  until(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#daemon.until(pattern);
  }

  /** Has it hang, or go on. */
  hold(isHeld: boolean): void {
    this.#daemon.hold(isHeld);
  }

  async stop(): Promise<void> {
    await this.#daemon.stop();
    this.#folder.remove();
  }
}

interface DovecotPorts {
  readonly imap: number;
  readonly pop3: number;
  readonly submission: number;
  /** Where TLS is spoken from the first octet, if there is a certificate. */
  readonly imaps: number;
  readonly pop3s: number;
  /** Where it checks logins for other servers, such as Postfix. */
  readonly sasl: number;
}

/** The lines of its passwd-file. */
function passwords(users: DovecotOptions["users"]): string {
  return Object.entries(users).map(([user, word]) => `${user}:{PLAIN}${word}\n`).join("");
}

function makeMaildir(path: string): void {
  for (const name of ["", "cur", "new", "tmp"]) {
    mkdirSync(join(path, name));
    give(join(path, name));
  }
}

/** Its `dovecot-oauth2.conf.ext`. */
function introspection(url = ""): string {
  return `introspection_mode = auth
introspection_url = ${url}
username_attribute = username
active_attribute = active
active_value = true
`;
}

function configuration(folder: string, ports: DovecotPorts, options: DovecotOptions): string {
  const { relayPort = 1, certificate, mechanisms = "plain login", isStrict = false, external } = options;
  const trust = options.isProxied ? "haproxy_trusted_networks = 127.0.0.0/8" : "";
  return `
base_dir = ${folder}/base
state_dir = ${folder}/state
log_path = /dev/stderr
auth_verbose = yes
auth_debug_passwords = yes
${rights()}
listen = 127.0.0.1
protocols = imap pop3 submission
${tls(certificate)}
disable_plaintext_auth = ${isStrict ? "yes" : "no"}
auth_mechanisms = ${mechanisms}
${trust}
${isStrict ? "ssl_client_ca_file =" : "login_trusted_networks = 127.0.0.0/8"}
# A refusal costs seconds otherwise, and the next one more.
auth_failure_delay = 0
mail_location = maildir:${folder}/mail/%u
mail_fsync = never
submission_relay_host = 127.0.0.1
submission_relay_port = ${relayPort}
${
    options.introspection === undefined
      ? ""
      : passdb("oauth2", `${folder}/oauth2.conf`, "mechanisms = xoauth2 oauthbearer")
  }
${external === undefined ? "" : certificates(folder, external.authority)}
${passdb("passwd-file", `username_format=%u ${folder}/users`)}
userdb {
  driver = static
  args = home=${folder}/mail/%u
}
${service("imap", ports.imap, { ...options, tlsPort: ports.imaps })}
${service("pop3", ports.pop3, { ...options, tlsPort: ports.pop3s })}
${service("submission", ports.submission, options)}
service auth {
  inet_listener {
    port = ${ports.sasl}
  }
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
`;
}

/** Where it finds who is who. */
function passdb(driver: string, args: string, ...settings: readonly string[]): string {
  const lines = [`driver = ${driver}`, `args = ${args}`, ...settings];
  return `passdb {\n${lines.map((line) => `  ${line}\n`).join("")}}`;
}

/** Who shows a certificate is somebody who may log in as another. */
function certificates(folder: string, { certificatePath }: Certificate): string {
  return `ssl_ca = <${certificatePath}
ssl_verify_client_cert = yes
ssl_require_crl = no
auth_ssl_username_from_cert = yes
${passdb("passwd-file", `${folder}/trusted`, "mechanisms = external", "master = yes")}`;
}

function tls(certificate: Certificate | undefined): string {
  if (certificate === undefined) return "ssl = no";
  return `ssl = yes\nssl_cert = <${certificate.certificatePath}\nssl_key = <${certificate.keyPath}`;
}

/** `tlsPort` is for TLS from the first octet, if there is a certificate: with 0 there is none where there would be one. */
function service(
  name: string,
  port: number,
  { certificate, isProxied = false, tlsPort = 0 }: DovecotOptions & { readonly tlsPort?: number },
): string {
  const hasTls = certificate !== undefined && tlsPort !== 0;
  const header = isProxied ? "    haproxy = yes\n" : "";
  const listener = (protocol: string, at: number, ssl = "") => {
    return `  inet_listener ${protocol} {\n    port = ${at}\n${header}${ssl}  }\n`;
  };
  const other = name === "submission"
    ? ""
    : listener(`${name}s`, hasTls ? tlsPort : 0, hasTls ? "    ssl = yes\n" : "");
  return `service ${name}-login {\n  chroot =\n${listener(name, port)}${other}}`;
}

/** The rights of its processes: the package's own users when root starts it, else those of whoever does. */
function rights(): string {
  if (process.getuid?.() === 0) {
    return `mail_uid = ${NOBODY}\nmail_gid = ${NOBODY}\nfirst_valid_uid = 1\nfirst_valid_gid = 1`;
  }
  const name = (option: string) => execFileSync("id", [option]).toString().trim();
  const users = ["default_internal_user", "default_login_user", "mail_uid"].map((key) => `${key} = ${name("-un")}`);
  const groups = ["default_internal_group", "mail_gid"].map((key) => `${key} = ${name("-gn")}`);
  return [...users, ...groups, "first_valid_uid = 1", "first_valid_gid = 1"].join("\n");
}

/** Makes a file the property of the user who reads mail. */
function give(path: string): void {
  if (process.getuid?.() === 0) chownSync(path, NOBODY, NOBODY);
}

/** Debian's number of this user and this group. */
const NOBODY = 65534;
