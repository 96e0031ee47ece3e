/** Programs that a test runs to their end: mail clients, and scripts for Python's mail libraries. */

import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Octets } from "../../src/runtime.ts";

/** How a program ended. Its output is kept as octets. */
export interface Finished {
  /** The exit code, or why there is none. */
  readonly status: number | string;
  readonly stdout: Octets;
  readonly stderr: Octets;
}

export interface RunOptions {
  /** What it reads from standard input. */
  readonly input?: Octets;
  /** Seconds after which it is killed. */
  readonly limit?: number;
}

/** Runs a program to its end, whatever that is. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = spawn(program, args, { env: environment(), stdio: ["pipe", "pipe", "pipe"] });
  const stdout: Uint8Array[] = [];
  const stderr: Uint8Array[] = [];
  child.stdout.on("data", (part: Uint8Array) => stdout.push(part));
  child.stderr.on("data", (part: Uint8Array) => stderr.push(part));
  // A program may end without reading all of it.
  child.stdin.on("error", () => {});
  child.stdin.end(Buffer.from(options.input ?? "", "latin1"));
  return new Promise((resolve) => {
    const limit = options.limit ?? 100;
    const timer = setTimeout(() => child.kill("SIGKILL"), limit * 1000);
    const finish = (status: number | string) => {
      clearTimeout(timer);
      const text = (parts: readonly Uint8Array[]) => Buffer.concat(parts).toString("latin1");
      resolve({ status, stdout: text(stdout), stderr: text(stderr) });
    };
    child.on("error", (error) => finish(error.message));
    child.on("close", (code, signal) => finish(code ?? `${signal} (the limit is ${limit} s)`));
  });
}

/** What a program prints; throws with all it said when it fails. */
export async function outputOf(program: string, args: readonly string[], options: RunOptions = {}): Promise<Octets> {
  const { status, stdout, stderr } = await run(program, args, options);
  if (status === 0) return stdout;
  throw new Error(`${program} ended with ${status}: ${stderr}\n${stdout.slice(0, 4000)}`);
}

/** What a Python script prints. It finds `args` in `sys.argv`, from 1 on. */
export function python(script: string, args: readonly string[], options: RunOptions = {}): Promise<Octets> {
  return outputOf("python3", ["-c", script, ...args], options);
}

/** The options of a test that needs these programs: where one is missing the test is skipped, and says why. */
export interface Needs {
  readonly skip: string | false;
  readonly timeout: number;
}

/** See {@linkcode Needs}. */
export function needs(...things: readonly Need[]): Needs {
  const missing = things.filter((thing) => !isThere(thing)).map((thing) => {
    return thing in PACKAGES ? `${thing} (apt-get install ${PACKAGES[thing as Program]})` : thing;
  });
  return { skip: missing.length === 0 ? false : `needs ${missing.join(", ")}`, timeout: 300_000 };
}

/** A program, or the rights of the superuser, or the loopback address of IPv6. */
type Need = Program | "root" | "ipv6";

function isThere(thing: Need): boolean {
  if (thing === "root") return process.getuid?.() === 0;
  if (thing === "ipv6") return Object.values(networkInterfaces()).flat().some((place) => place?.address === "::1");
  if (thing === "dovecot 2.3") return isDovecotThere();
  if (thing === "swaks over TLS") {
    return isThere("swaks") && spawnSync("perl", ["-MNet::SSLeay", "-e", "1"]).status === 0;
  }
  const file = PARTS[thing] ?? thing;
  if (file.startsWith("/")) return existsSync(file);
  return (environment()["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, file)));
}

/** All three protocols, and the version: the next one wants another configuration. */
function isDovecotThere(): boolean {
  const isInstalled = ["imap", "pop3", "submission"].every((name) => existsSync(`/usr/lib/dovecot/${name}-login`));
  if (!isInstalled) return false;
  return spawnSync("dovecot", ["--version"], { env: environment(), encoding: "utf8" }).stdout.startsWith("2.3.");
}

/** Ours, with Debian's places for servers in the path. */
export function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env["PATH"] ?? "/usr/bin:/bin"}:/usr/local/sbin:/usr/sbin:/sbin` };
}

/** Which Debian package brings a program. */
const PACKAGES = {
  "curl": "curl",
  "dovecot 2.3": "dovecot-imapd dovecot-pop3d dovecot-submissiond",
  "fail2ban-regex": "fail2ban",
  "htpasswd": "apache2-utils",
  "logrotate": "logrotate",
  "mbsync": "isync",
  "nginx": "nginx libnginx-mod-mail",
  "openssl": "openssl",
  "postfix": "postfix",
  "python3": "python3",
  "ss": "iproute2",
  "swaks": "swaks",
  "swaks over TLS": "swaks libnet-ssleay-perl",
  "systemd-analyze": "systemd",
} as const;

type Program = keyof typeof PACKAGES;

/** By which file we know that it is there, where that is not the program's own name. */
const PARTS: Readonly<Record<string, string>> = {
  "nginx": "/usr/lib/nginx/modules/ngx_mail_module.so",
  "postfix": "/usr/lib/postfix/sbin/master",
};
