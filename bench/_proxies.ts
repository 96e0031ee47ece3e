/** The proxies that are compared, each with the same configuration, each on the same core. */

import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";

export const PROXIES = ["nginx", "node", "deno", "bun"] as const;
export type ProxyName = typeof PROXIES[number];

/** How the ports of one proxy are shared out. */
export const DOORS = [
  "imap",
  "pop3",
  "smtp",
  "imaps-ecdsa",
  "pop3s-ecdsa",
  "smtps-ecdsa",
  "imaps-rsa",
] as const;
export type Door = typeof DOORS[number];

export interface Proxy {
  readonly name: ProxyName;
  readonly pid: number;
  /** Milliseconds from the start of the program to its first accepted connection. */
  readonly startup: number;
  port(door: Door): number;
  stop(): Promise<void>;
}

export interface ProxyOptions {
  readonly root: string;
  readonly folder: string;
  readonly authPort: number;
  readonly workers: number;
  /** The core that the proxy is bound to, in the form of taskset. */
  readonly cpu: string;
  readonly firstPort: number;
  /** Where the certificates are. */
  readonly certificates: string;
  /** Microseconds more that a proxy on Node is to spend on each connection. */
  readonly handicap?: number;
}

/** Makes the two certificates that all proxies have. */
export function createCertificates(folder: string): void {
  const kinds = { ecdsa: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], rsa: ["-newkey", "rsa:2048"] };
  for (const [name, kind] of Object.entries(kinds)) {
    const { status, stderr } = spawnSync("openssl", [
      ...["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=bench.example.com", ...kind],
      ...["-keyout", join(folder, `${name}.key`), "-out", join(folder, `${name}.crt`)],
    ], { encoding: "utf8" });
    if (status !== 0) throw new Error(`openssl could not make a certificate: ${stderr}`);
  }
}

export async function startProxy(name: ProxyName, options: ProxyOptions): Promise<Proxy> {
  const folder = join(options.folder, `${name}-${options.workers}`);
  mkdirSync(join(folder, "logs"), { recursive: true });
  const file = join(folder, "nginx.conf");
  writeFileSync(file, configuration(name, options));
  const args = ["-c", options.cpu, ...commandLine(name, options), "-p", folder, "-c", file, "-e", "stderr"];
  const env = { ...process.env, BENCH_HANDICAP: String(options.handicap ?? 0) };
  const started = performance.now();
  const child = spawn("taskset", args, { stdio: ["ignore", "ignore", "pipe"], env });
  let said = "";
  child.stderr.on("data", (bytes) => said += bytes);
  const untilA = async (event: "connect" | "data", port: number) => {
    while (!await hasA(event, port)) {
      if (child.exitCode !== null) throw new Error(`the proxy ended: ${said}`);
      await delay(2);
    }
  };
  // A main process that looks whether its ports are free accepts for a moment, and greets nobody.
  await untilA("data", options.firstPort);
  const startup = performance.now() - started;
  // A program may open one listener after the other.
  for (const at of DOORS.keys()) await untilA("connect", options.firstPort + at);
  if (child.pid === undefined) throw new Error(`${name} has no process`);
  return {
    name,
    pid: child.pid,
    startup,
    port: (door) => options.firstPort + DOORS.indexOf(door),
    stop: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        child.kill("SIGTERM");
      }),
  };
}

const HANDICAP = join(import.meta.dirname, "_handicap.ts");

function commandLine(name: ProxyName, { root, handicap }: ProxyOptions): string[] {
  const main = join(root, "src/main.ts");
  const runtime = (each: string) => join(root, "node_modules/.bin", each);
  switch (name) {
    case "nginx":
      return ["nginx"];
    case "node":
      return [runtime("node"), "--disable-sigusr1", ...handicap === undefined ? [] : ["--import", HANDICAP], main];
    case "deno":
      return [runtime("deno"), "run", "-A", "--no-check", main];
    case "bun":
      return [runtime("bun"), main];
  }
}

function configuration(name: ProxyName, { certificates, firstPort, authPort, workers }: ProxyOptions): string {
  const listen = (door: Door) => `listen 127.0.0.1:${firstPort + DOORS.indexOf(door)}`;
  const secure = (door: Door) => {
    const [protocol, kind] = door.split("s-");
    return `server {
      ${listen(door)} ssl; protocol ${protocol};
      ssl_certificate ${certificates}/${kind}.crt; ssl_certificate_key ${certificates}/${kind}.key;
    }`;
  };
  return `
    ${name === "nginx" ? "load_module /usr/lib/nginx/modules/ngx_mail_module.so;" : ""}
    daemon off;
    worker_processes ${workers};
    pid nginx.pid;
    error_log stderr error;
    events { worker_connections 16384; }
    mail {
      auth_http 127.0.0.1:${authPort}/;
      server_name bench.example.com;
      ssl_protocols TLSv1.2 TLSv1.3;
      ${name === "nginx" ? "ssl_session_cache shared:mail:10m;" : ""}
      xclient off;
      smtp_auth plain login;
      server { ${listen("imap")}; protocol imap; }
      server { ${listen("pop3")}; protocol pop3; }
      server { ${listen("smtp")}; protocol smtp; }
      ${secure("imaps-ecdsa")}
      ${secure("pop3s-ecdsa")}
      ${secure("smtps-ecdsa")}
      ${secure("imaps-rsa")}
    }
  `;
}

/** Whether a client that connects comes so far. */
function hasA(event: "connect" | "data", port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once(event, () => {
      socket.destroy();
      resolve(true);
    });
    // One that fails closes, too, and must not be without somebody who hears of it.
    socket.once("error", () => {});
    socket.once("close", () => resolve(false));
  });
}
