/**
 * Mixed load on a proxy that is given no peace: reloads, killed workers, killed mail servers, log rotation.
 *
 *     node bench/soak/main.ts [--runtime node|deno|bun] [--minutes 10] [--clients 60] [--workers 2] [--ports 21800]
 *
 * Ends in a table: what was started, what came of it, and what the proxy holds at the start and at the end; and in what its
 * logs say of the same time. Its exit code is 1 when a session ended in a way that no killed worker and no killed mail
 * server explains, or when a line of a log is broken. `--keep` leaves the logs for a reader.
 */

import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { descriptors, family, memoryKib } from "../_accounts.ts";
import { createCertificates } from "../_proxies.ts";
import { KINDS, type Ports, type Result } from "./clients.ts";

const ROOT = join(import.meta.dirname, "../..");

const { values: options } = parseArgs({
  options: {
    runtime: { type: "string", default: "node" },
    minutes: { type: "string", default: "10" },
    clients: { type: "string", default: "60" },
    workers: { type: "string", default: "2" },
    ports: { type: "string", default: "21800" },
    keep: { type: "boolean", default: false },
  },
});

const FIRST = Number(options.ports);
const PROXY: Ports = { imap: FIRST + 1, pop3: FIRST + 2, smtp: FIRST + 3, imaps: FIRST + 4 };
const AUTH = FIRST + 10;
/** Each mail server's IMAP, POP3 and SMTP port. */
const BACKENDS = [[FIRST + 11, FIRST + 12, FIRST + 13], [FIRST + 21, FIRST + 22, FIRST + 23]] as const;

/** What becomes of a client that is not logged in when its worker is killed. */
const BROKEN: ReadonlySet<Result> = new Set(["reset before login", "ended before login", "wrong answer"]);

/** What no killed process excuses. */
const FAULTS: ReadonlySet<Result> = new Set([
  "refused connection",
  "reset before login",
  "ended before login",
  "wrong octets",
  "wrong answer",
  "silent",
]);

let deadline = 0;
const isRunning = () => performance.now() < deadline;
const results = new Map<string, Map<Result, number>>();
const disturbances = new Map<string, number>();
/** When a worker was killed last: whoever was with it and not logged in yet is cut off too. */
let killedAt = -Infinity;
/** Some of those that failed without a reason: when, and what they had heard. */
const puzzles: string[] = [];

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "postern-soak-"));
  // Workers that are not root any more open their logs anew.
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, "logs"));
  createCertificates(folder);
  writeFileSync(join(folder, "nginx.conf"), configuration(folder));
  const backends = BACKENDS.map((ports) => startBackend([...ports]));
  const auth = startBackend([0, 0, 0, AUTH]);
  const proxy = startProxy(folder);
  try {
    await until(() => existsSync(join(folder, "proxy.pid")), 60_000, "the proxy does not start");
    // Everything once, so that what is compiled and cached at first use is not taken for a leak.
    await Promise.all(Array.from({ length: 20 }, () => runOne()));
    results.clear();
    puzzles.length = 0;
    const before = holdings(proxy);
    deadline = performance.now() + Number(options.minutes) * 60_000;
    await Promise.all([
      ...Array.from({ length: Number(options.clients) }, () => client()),
      every(3_000, "reload", () => void proxy.kill("SIGHUP")),
      every(17_000, "log rotation", () => rotate(folder, proxy)),
      every(23_000, "worker killed", () => killWorker(proxy)),
      every(29_000, "mail server killed", () => void replaceBackend(backends)),
    ]);
    // The last reload has left workers behind, which end when their sessions have.
    const isSettled = () => holdings(proxy).processes <= before.processes;
    await until(isSettled, 60_000, "workers that were replaced stay").catch((error) => puzzles.push(String(error)));
    await delay(2_000);
    print(before, holdings(proxy));
    const ending = new Promise((resolve) => proxy.once("exit", resolve));
    proxy.kill("SIGTERM");
    await ending;
    printLogs(join(folder, "logs"));
  } finally {
    for (const each of [proxy, auth, ...backends]) each.kill("SIGKILL");
    if (options.keep) console.log(`\nlogs: ${join(folder, "logs")}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

function configuration(folder: string): string {
  const group = (protocol: string, at: 0 | 1 | 2) =>
    `upstream soak_${protocol} { ${
      BACKENDS.map((ports) => `server 127.0.0.1:${ports[at]} fail_timeout=2s;`).join(" ")
    } }`;
  return `
    worker_processes ${options.workers};
    worker_shutdown_timeout 40s;
    pid proxy.pid;
    error_log ${folder}/logs/error.log info;
    events { worker_connections 4096; }
    mail {
      auth_http 127.0.0.1:${AUTH}/;
      server_name soak.example.com;
      xclient off;
      smtp_auth plain login;
      ssl_certificate ${folder}/ecdsa.crt;
      ssl_certificate_key ${folder}/ecdsa.key;
      access_log ${folder}/logs/access.log json buffer=32k flush=1s;
      ${group("imap", 0)} ${group("pop3", 1)} ${group("smtp", 2)}
      server { listen 127.0.0.1:${PROXY.imap}; protocol imap; }
      server { listen 127.0.0.1:${PROXY.pop3}; protocol pop3; }
      server { listen 127.0.0.1:${PROXY.smtp}; protocol smtp; }
      server { listen 127.0.0.1:${PROXY.imaps} ssl; protocol imap; }
    }
  `;
}

function startProxy(folder: string): ChildProcess {
  const runtime = join(ROOT, "node_modules/.bin", options.runtime);
  const first = options.runtime === "deno" ? ["run", "-A", "--no-check"] : [];
  const main = join(ROOT, "src/main.ts");
  return spawn(runtime, [...first, main, "-p", folder, "-c", "nginx.conf", "-g", "daemon off;"], { stdio: "inherit" });
}

function startBackend(ports: readonly number[]): ChildProcess {
  const program = join(ROOT, "bench/soak/backend.ts");
  return spawn(process.execPath, [program, ...ports.map(String)], { stdio: "inherit" });
}

async function until(holds: () => boolean, limit: number, complaint: string): Promise<void> {
  const end = performance.now() + limit;
  while (!holds()) {
    if (performance.now() > end) throw new Error(complaint);
    await delay(100);
  }
}

async function client(): Promise<void> {
  while (isRunning()) await runOne();
}

async function runOne(): Promise<void> {
  const kind = KINDS[Math.floor(Math.random() * KINDS.length)];
  if (kind === undefined) return;
  const started = performance.now();
  const { result: seen, said } = await kind.run(PROXY);
  const isExcused = BROKEN.has(seen) && killedAt >= started - 2_000;
  const result = isExcused ? "died with its worker" : seen;
  if (FAULTS.has(result) && puzzles.length < 20) {
    puzzles.push(`${new Date().toISOString()} ${kind.name}: ${result}, ${JSON.stringify(said.slice(-100))}`);
  }
  const of = results.get(kind.name) ?? new Map<Result, number>();
  of.set(result, (of.get(result) ?? 0) + 1);
  results.set(kind.name, of);
}

async function every(pause: number, name: string, disturb: () => void): Promise<void> {
  while (isRunning()) {
    await delay(pause);
    if (!isRunning()) return;
    disturb();
    disturbances.set(name, (disturbances.get(name) ?? 0) + 1);
  }
}

function rotate(folder: string, proxy: ChildProcess): void {
  const number = readdirSync(join(folder, "logs")).length;
  for (const name of ["error.log", "access.log"]) {
    renameSync(join(folder, "logs", name), join(folder, "logs", `${name}.${number}`));
  }
  proxy.kill("SIGUSR1");
}

function killWorker(proxy: ChildProcess): void {
  const [, ...workers] = family(proxy.pid ?? 0);
  const victim = workers[Math.floor(Math.random() * workers.length)];
  if (victim === undefined) return;
  killedAt = performance.now();
  process.kill(victim, "SIGKILL");
}

/** One of them dies, and is there again a little later. */
async function replaceBackend(backends: ChildProcess[]): Promise<void> {
  const at = Math.floor(Math.random() * backends.length);
  backends[at]?.kill("SIGKILL");
  await delay(3_000);
  backends[at] = startBackend([...BACKENDS[at as 0 | 1]]);
}

interface Holdings {
  readonly memory: number;
  readonly descriptors: number;
  readonly processes: number;
}

function holdings({ pid = 0 }: ChildProcess): Holdings {
  return { memory: memoryKib(pid), descriptors: descriptors(pid), processes: family(pid).length };
}

function print(before: Holdings, after: Holdings): void {
  const columns = [...new Set([...results.values()].flatMap((of) => [...of.keys()]))];
  const rows = [...results].sort(([a], [b]) => a.localeCompare(b));
  console.log(`| session | started | ${columns.join(" | ")} |`);
  console.log(`|---|---|${columns.map(() => "---|").join("")}`);
  for (const [name, of] of rows) {
    const started = [...of.values()].reduce((sum, count) => sum + count, 0);
    console.log(`| ${name} | ${started} | ${columns.map((column) => of.get(column) ?? 0).join(" | ")} |`);
  }
  console.log(`\ndisturbances: ${[...disturbances].map(([name, count]) => `${name} ${count}×`).join(", ")}`);
  console.log(
    `memory: ${before.memory} → ${after.memory} KiB; descriptors: ${before.descriptors} → ${after.descriptors}`,
  );
  console.log(`processes: ${before.processes} → ${after.processes}`);
  const faults = [...results.values()].flatMap((of) => [...of]).filter(([result]) => FAULTS.has(result));
  console.log(faults.length === 0 ? "no session failed without a reason" : "SOME SESSIONS FAILED WITHOUT A REASON");
  for (const puzzle of puzzles) console.log(`  ${puzzle}`);
  if (faults.length > 0) process.exitCode = 1;
}

/** How each session ended for the proxy, whether all lines are whole, and what the error log has above level error. */
function printLogs(folder: string): void {
  const lines = (kind: string) => {
    const names = readdirSync(folder).filter((name) => name.startsWith(kind));
    return names.flatMap((name) => readFileSync(join(folder, name), "latin1").split("\n").slice(0, -1));
  };
  const ends = new Map<string, number>();
  let broken = 0;
  for (const line of lines("access.log")) {
    try {
      const { event, phase, result, fault } = JSON.parse(line);
      const end = `${event} ${phase} ${result}${fault === "" ? "" : ` (${fault})`}`;
      ends.set(end, (ends.get(end) ?? 0) + 1);
    } catch {
      broken++;
    }
  }
  console.log(`\naccess log: ${[...ends.values()].reduce((sum, count) => sum + count, 0)} lines, ${broken} broken`);
  for (const [end, count] of [...ends].sort(([, a], [, b]) => b - a)) console.log(`  ${count}× ${end}`);
  const grave = new Map<string, number>();
  for (const line of lines("error.log")) {
    const [, level, text = ""] = /\[(emerg|alert|crit)\] \S+ (?:\*\d+ )?(.*)/.exec(line) ?? [];
    if (level === undefined) continue;
    const short = `${level}: ${text.replace(/\d+/g, "N").slice(0, 160)}`;
    grave.set(short, (grave.get(short) ?? 0) + 1);
  }
  console.log("error log, above level error:");
  for (const [text, count] of grave) console.log(`  ${count}× ${text}`);
  if (broken > 0) process.exitCode = 1;
}

await main();
