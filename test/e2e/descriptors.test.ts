/** What becomes of a worker process that has far more clients than descriptors. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { loadRuntime } from "../../adapters/detect.ts";
import { accept, FakeAuth } from "../support/fake_auth.ts";
import { FakeUpstream, IMAP_LOGIN } from "../support/fake_upstream.ts";
import { freePorts } from "../support/free_ports.ts";
import { Program, TestFolder } from "../support/program.ts";
import { connectTo, type Destination } from "../support/raw_client.ts";
import { WORDS } from "../support/scene.ts";
import type { Wire } from "../support/wire.ts";

const { greeting, login, welcome } = WORDS.imap;
const SLOW = { timeout: 180_000 };
/** At USR1 Deno opens a port for debuggers, and ends without a descriptor for it. */
const SIGNALLED = { ...SLOW, skip: (await loadRuntime()).name === "deno" ? "Deno panics" : false };
const PATIENCE = 30_000;
const isRoot = process.getuid?.() === 0;
/** Whose limits are to be changed must have the rights of the test. */
const AS_WE_ARE = isRoot ? "user root;" : "";
const CROWD = 200;
/** The hard limit of all runs. */
const HARD = 1_000;

/** Even root may be without the right to raise limits, and here it has to be. */
const WEAK = isRoot ? ["setpriv", "--bounding-set", "-sys_resource"] : [];

describe("worker_rlimit_nofile", () => {
  it(
    "is what a worker has, and a crowd beyond it costs nobody a session",
    SLOW,
    () =>
      withWorker({ main: "worker_rlimit_nofile 80;" }, async (worker) => {
        assertEquals(worker.limit, 80);
        await worker.program.prints("1000 worker_connections exceed open file resource limit: 80, using ");
        const session = await worker.session();
        const crowd = await worker.crowd();
        await Promise.all(crowd.map((client) => client.until(() => client.received !== "" || client.isOver, PATIENCE)));
        await worker.isAtRest();
        await session.ask("a letter\r\n", "a letter\r\n");
        assert(worker.lines("worker_connections are not enough") <= 10, worker.program.stderr);
        for (const client of crowd) client.destroy();
        await worker.servesAgain();
        await session.ask("another\r\n", "another\r\n");
      }),
  );

  for (const [who, user] of [["as we are", AS_WE_ARE], ["as nobody", ""]] as const) {
    it(
      `beyond the hard limit is an alert, and the worker goes on, ${who}`,
      SLOW,
      () =>
        withWorker({ main: "worker_rlimit_nofile 100000;", user, wrapper: WEAK }, async (worker) => {
          await worker.program.prints("setrlimit(RLIMIT_NOFILE, 100000) failed (1: Operation not permitted)");
          assertEquals(worker.limit, HARD);
          await worker.session();
        }),
    );
  }
});

describe("a worker process without a descriptor left", () => {
  it(
    "holds what it has, rests, says so once, and accepts again when there are some",
    SLOW,
    () =>
      withWorker({}, async (worker) => {
        const session = await worker.session();
        worker.allow(worker.descriptors);
        const crowd = await worker.crowd();
        await worker.program.prints("no descriptor is left (24: Too many open files)");
        await worker.isAtRest();
        await session.ask("a letter\r\n", "a letter\r\n");

        worker.allow(HARD);
        await worker.program.prints("there are descriptors again");
        // Who was not closed meanwhile has waited.
        await Promise.all(crowd.map((client) => client.until(() => client.received !== "" || client.isOver, PATIENCE)));
        await worker.servesAgain();
        await worker.servesAgain({ path: worker.path });
        // As before: who may connect is up to the folder.
        assertEquals(statSync(worker.path).mode & 0o666, 0o666);
        await session.ask("another\r\n", "another\r\n");
        assertEquals(worker.lines("no descriptor is left"), 1);
        assert(worker.program.stderr.split("\n").length < 20, worker.program.stderr);
      }),
  );
});

describe("a main process without a descriptor left", () => {
  it(
    "says why it has no new worker, and has one once there are some",
    SLOW,
    () =>
      withWorker({}, async (worker) => {
        const { program } = worker;
        worker.allow(worker.descriptorsOf(program.child.pid), program.child.pid);
        program.signal("SIGHUP");
        await program.prints("(24: Too many open files)");
        await worker.session();

        process.kill(worker.pid, "SIGKILL");
        await program.prints("worker processes keep ending");
        worker.allow(HARD, program.child.pid);
        await worker.session();
        program.signal("SIGHUP");
        await program.prints("reconfigured");
        await worker.session();
        for (const misleading of ["worker process 0 ", "received from 0\n", "internal error"]) {
          assertEquals(worker.lines(misleading), 0, program.stderr);
        }
      }),
  );

  it(
    "has its workers open the logs anew",
    SIGNALLED,
    () =>
      withWorker({}, async (worker) => {
        const { program } = worker;
        worker.allow(worker.descriptorsOf(program.child.pid), program.child.pid);
        program.signal("SIGUSR1");
        await program.prints(`${worker.pid}#0: reopening logs`);
        assertEquals(worker.lines("internal error"), 0, program.stderr);
        worker.allow(HARD, program.child.pid);
      }),
  );
});

interface Setting {
  /** Directives outside of all blocks. */
  readonly main?: string;
  /** Whose rights the worker has. */
  readonly user?: string;
  readonly wrapper?: readonly string[];
}

/** Starts the program with one worker as its user would, and checks that it ends in order. */
async function withWorker(
  { main = "", user = AS_WE_ARE, wrapper = [] }: Setting,
  play: (worker: Worker) => Promise<void>,
): Promise<void> {
  const folder = new TestFolder();
  const upstream = await FakeUpstream.start(IMAP_LOGIN);
  const auth = await FakeAuth.start(accept(upstream.port));
  const [port = 0] = await freePorts(1);
  const file = folder.write(
    "nginx.conf",
    `daemon off; ${user} ${main} pid ${folder.path}/pid; error_log stderr notice;
     events { worker_connections 1000; }
     mail { auth_http 127.0.0.1:${auth.port}; server { listen 127.0.0.1:${port}; listen unix:${folder.path}/socket; protocol imap; } }`,
  );
  const shell = ["bash", "-c", `ulimit -n ${HARD}; exec "$0" "$@"`];
  const program = new Program(["-c", file], { wrapper: [...shell, ...wrapper] });
  const worker = new Worker(program, { port, path: `${folder.path}/socket` });
  try {
    await program.prints("start worker process ");
    await play(worker);
    program.signal("SIGTERM");
    assertEquals((await program.ending).code, 0, program.stderr);
    assertStringIncludes(program.stderr, "exited with code 0");
  } finally {
    program.child.kill("SIGKILL");
    worker.leave();
    for (const server of [auth, upstream]) await server.stop();
    folder.remove();
  }
}

/** The worker process, seen by its clients and through `/proc`. */
class Worker {
  readonly program: Program;
  readonly port: number;
  /** Of its unix socket. */
  readonly path: string;
  readonly #clients: Wire[] = [];

  constructor(program: Program, { port, path }: { readonly port: number; readonly path: string }) {
    this.program = program;
    this.port = port;
    this.path = path;
  }

  /** The process id of the first one. */
  get pid(): number {
    return Number(/start worker process (\d+)/.exec(this.program.stderr)?.[1]);
  }

  get descriptors(): number {
    return this.descriptorsOf(this.pid);
  }

  descriptorsOf(pid = 0): number {
    return readdirSync(`/proc/${pid}/fd`).length;
  }

  /** How many descriptors it may have. */
  get limit(): number {
    const limits = readFileSync(`/proc/${this.pid}/limits`, "latin1");
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
  }

  allow(descriptors: number, pid = this.pid): void {
    const { status } = spawnSync("prlimit", [`--nofile=${descriptors}:`, "--pid", `${pid}`]);
    assertEquals(status, 0);
  }

  lines(text: string): number {
    return this.program.stderr.split(text).length - 1;
  }

  /** A client that is logged in. */
  async session(): Promise<Wire> {
    const client = await this.#connect();
    await client.expect(greeting);
    await client.ask(login, welcome);
    return client;
  }

  crowd(): Promise<Wire[]> {
    return Promise.all(Array.from({ length: CROWD }, () => this.#connect()));
  }

  /** What is measured is a second in which nothing is to be done; one that spins has nearly all of it. */
  async isAtRest(): Promise<void> {
    await delay(500);
    const before = this.#cpuSeconds;
    await delay(1_000);
    const used = this.#cpuSeconds - before;
    assert(used < 0.3, `${used} seconds of CPU in one second`);
  }

  /** Somebody is let in, once there is room. */
  async servesAgain(at: Destination = this.port): Promise<void> {
    let isServed = false;
    while (!isServed) {
      // A unix socket may be opened anew just now.
      const client = await this.#connect(at).catch(() => undefined);
      if (client === undefined) continue;
      await client.until(() => client.received !== "" || client.isOver, PATIENCE);
      isServed = client.received === greeting;
      client.destroy();
    }
    await this.session();
  }

  leave(): void {
    for (const client of this.#clients) client.destroy();
  }

  /** proc_pid_stat(5): in hundredths of a second, behind the name in parentheses. */
  get #cpuSeconds(): number {
    const fields = readFileSync(`/proc/${this.pid}/stat`, "latin1").replace(/^.*\) /, "").split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  async #connect(at: Destination = this.port): Promise<Wire> {
    const client = await connectTo(at);
    this.#clients.push(client);
    return client;
  }
}
