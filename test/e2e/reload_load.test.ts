import { assert, assertEquals } from "@std/assert";
import { writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { accept, FakeAuth } from "../support/fake_auth.ts";
import { FakeUpstream, IMAP_LOGIN } from "../support/fake_upstream.ts";
import { freePorts } from "../support/free_ports.ts";
import { Program, TestFolder } from "../support/program.ts";
import { RestlessClients } from "../support/restless_clients.ts";
import { eventually } from "../support/watch.ts";

const LIMIT = { timeout: 600_000 };
/** A few each time, and a hundred by hand: `POSTERN_RELOADS=100`. */
const RELOADS = Number(process.env["POSTERN_RELOADS"] ?? 10);
const PATIENCE = 60_000;

/** A program with two workers, and all that its clients need. */
class Stage {
  readonly folder = new TestFolder();
  readonly port: number;
  readonly program: Program;
  readonly #auth: FakeAuth;
  readonly #upstream: FakeUpstream;
  #round = 0;

  static async open(workers = 2): Promise<Stage> {
    const upstream = await FakeUpstream.start(IMAP_LOGIN);
    const auth = await FakeAuth.start(accept(upstream.port));
    const ports = await freePorts(1);
    const stage = new Stage({ auth, upstream, ports, workers });
    await stage.says("start worker process ", workers);
    return stage;
  }

  private constructor({ auth, upstream, ports: [port = 0], workers }: Props) {
    this.#auth = auth;
    this.#upstream = upstream;
    this.port = port;
    this.program = new Program(["-c", this.#configure(workers)]);
  }

  /** The process ids of the workers that the log told of last. */
  workers(count = 2): number[] {
    return [...this.program.stderr.matchAll(/start worker process (\d+)/g)].slice(-count).map(([, pid]) => Number(pid));
  }

  async reload(workers = 2): Promise<void> {
    this.#configure(workers);
    const before = this.times("reconfigured");
    this.program.signal("SIGHUP");
    await eventually(() => this.times("reconfigured") > before, () => this.program.stderr.slice(-2000), PATIENCE);
  }

  times(text: string): number {
    return this.program.stderr.split(text).length - 1;
  }

  async says(text: string, times: number): Promise<void> {
    await eventually(() => this.times(text) >= times, () => this.program.stderr.slice(-2000), PATIENCE);
  }

  async close(): Promise<void> {
    this.program.signal("SIGQUIT");
    const { code, stderr } = await this.program.ending;
    for (const server of [this.#auth, this.#upstream]) await server.stop();
    this.folder.remove();
    assertEquals(code, 0, stderr.slice(-2000));
  }

  #configure(workers: number): string {
    const path = `${this.folder.path}/nginx.conf`;
    writeFileSync(
      path,
      `daemon off; worker_processes ${workers}; pid ${this.folder.path}/pid; error_log stderr notice; events {}
      mail { auth_http 127.0.0.1:${this.#auth.port}; imap_capabilities ROUND${this.#round++};
        server { listen 127.0.0.1:${this.port}; protocol imap; } }`,
    );
    return path;
  }
}

interface Props {
  readonly auth: FakeAuth;
  readonly upstream: FakeUpstream;
  readonly ports: readonly number[];
  readonly workers: number;
}

describe("under load", () => {
  it("reloads refuse nobody, cut nobody off, and lose nothing", LIMIT, async () => {
    const stage = await Stage.open();
    const clients = new RestlessClients(stage.port, 4);
    for (let i = 0; i < RELOADS; i++) {
      await stage.reload(1 + i % 3);
      await clients.more(4);
    }
    await clients.stop();
    assertEquals(clients.failures, []);
    assert(clients.sessions >= 4 * RELOADS, `${clients.sessions} sessions`);
    if (RELOADS > 10) {
      console.log(`${RELOADS} reloads, ${clients.sessions} sessions, ${clients.failures.length} failed`);
    }
    await stage.close();
  });

  it("workers that are killed are replaced, and who connects meanwhile is served", LIMIT, async () => {
    const stage = await Stage.open(1);
    const clients = new RestlessClients(stage.port, 4);
    await clients.more(4);
    for (let i = 1; i <= 3; i++) {
      const [pid = 0] = stage.workers(1);
      process.kill(pid, "SIGKILL");
      await stage.says(`worker process ${pid} exited on signal 9`, 1);
      await stage.says("start worker process ", i + 1);
      await clients.more(10);
    }
    await clients.stop();
    // Their own sessions are over, but those only, and nobody was refused.
    assert(clients.failures.length <= 3 * 4, clients.failures.join("\n"));
    assertEquals(clients.failures.filter((text) => text.includes("ECONNREFUSED")), []);
    await stage.close();
  });
});
