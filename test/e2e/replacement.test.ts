import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { loadRuntime } from "../../adapters/detect.ts";
import { accept, FakeAuth } from "../support/fake_auth.ts";
import { FakeUpstream, IMAP_LOGIN } from "../support/fake_upstream.ts";
import { readIfThere } from "../support/files.ts";
import { freePorts } from "../support/free_ports.ts";
import { Program, runProgram, TestFolder } from "../support/program.ts";
import { connectTo } from "../support/raw_client.ts";
import { RestlessClients } from "../support/restless_clients.ts";
import { WORDS } from "../support/scene.ts";
import { eventually } from "../support/watch.ts";

const { capabilities } = await loadRuntime();
const ability = capabilities["process.replace"];
const PATIENCE = 30_000;
const LIMIT = { timeout: 300_000 };
const ABLE = { ...LIMIT, skip: ability.state === "no" ? ability.reason : false };
const UNABLE = { ...LIMIT, skip: ability.state === "no" ? false : "it can" };
/** A few, and more by hand: `POSTERN_REPLACEMENTS=50`. */
const ROUNDS = Number(process.env["POSTERN_REPLACEMENTS"] ?? 3);

/** One installation, whoever runs it at the moment. */
class Stage {
  readonly folder = new TestFolder();
  readonly pidFile = `${this.folder.path}/pid`;
  readonly port: number;
  readonly socket = `${this.folder.path}/socket`;
  readonly #main: string;
  readonly #auth: FakeAuth;
  readonly #upstream: FakeUpstream;

  static async open(main: string): Promise<Stage> {
    const upstream = await FakeUpstream.start(IMAP_LOGIN);
    const auth = await FakeAuth.start(accept(upstream.port));
    const [port = 0] = await freePorts(1);
    return new Stage({ main, auth, upstream, port });
  }

  private constructor({ main, auth, upstream, port }: Props) {
    this.#main = main;
    this.#auth = auth;
    this.#upstream = upstream;
    this.port = port;
    this.configure();
  }

  get configuration(): string {
    return `${this.folder.path}/nginx.conf`;
  }

  get log(): string {
    return readFileSync(`${this.folder.path}/log`, "latin1");
  }

  configure(listen = `listen 127.0.0.1:${this.port}; listen unix:${this.socket};`, more = ""): void {
    this.folder.write(
      "nginx.conf",
      `${this.#main} pid ${this.pidFile}; error_log ${this.folder.path}/log notice; events {} ${more}
      mail { auth_http 127.0.0.1:${this.#auth.port}; server { ${listen} protocol imap; } }`,
    );
  }

  /** What the pid files say: of the present run, and of the one before. */
  pids(): (number | undefined)[] {
    return ["", ".oldbin"].map((end) => readPid(this.pidFile + end));
  }

  /** Resolves once both pid files are so. */
  async hasPids(isSo: (present: number | undefined, old: number | undefined) => boolean): Promise<void> {
    const look = () => {
      const [present, old] = this.pids();
      return isSo(present, old);
    };
    await eventually(look, () => `${this.pids()} ${this.log.slice(-3000)}`, PATIENCE);
  }

  async says(text: string, times = 1): Promise<void> {
    await eventually(() => this.log.split(text).length > times, () => this.log.slice(-3000), PATIENCE);
  }

  /** The program is to be replaced. Resolves with the process id of the new run, which accepts. */
  async replace(): Promise<number> {
    const [before = 0] = this.pids();
    process.kill(before, "SIGUSR2");
    await this.hasPids((present, old) => present !== undefined && present !== before && old === before);
    return this.pids()[0] ?? 0;
  }

  /** Somebody is greeted at each of these. */
  async greets(...targets: (number | { readonly path: string })[]): Promise<void> {
    for (const target of targets) {
      const client = await connectTo(target);
      await client.until(() => client.unread.length >= WORDS.imap.greeting.length || client.isOver, PATIENCE);
      await client.expect(WORDS.imap.greeting);
      client.destroy();
    }
  }

  async close(): Promise<void> {
    const [last = 0] = this.pids();
    process.kill(last, "SIGQUIT");
    await this.hasPids((present) => present === undefined);
    await gone(last);
    for (const server of [this.#auth, this.#upstream]) await server.stop();
    this.folder.remove();
  }
}

interface Props {
  readonly main: string;
  readonly auth: FakeAuth;
  readonly upstream: FakeUpstream;
  readonly port: number;
}

function readPid(path: string): number | undefined {
  const text = readIfThere(path) ?? "";
  // It is there before it is written.
  return text.endsWith("\n") ? Number(text) : undefined;
}

/** Resolves once a process is over; one that nobody has asked for its end yet is. */
async function gone(pid: number): Promise<void> {
  const isOver = () => {
    try {
      // Its other threads are its children's parents to the last.
      return / Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1")) && readdirSync(`/proc/${pid}/task`).length <= 1;
    } catch {
      return true;
    }
  };
  await eventually(isOver, () => `${pid} is there`, PATIENCE);
}

describe("USR2", () => {
  it("replaces the program under load: nobody is refused or cut off, and nothing is lost", ABLE, async () => {
    const stage = await Stage.open("daemon off; worker_processes 2;");
    const program = new Program(["-c", stage.configuration]);
    await stage.hasPids((present) => present === program.child.pid);
    const clients = new RestlessClients(stage.port, 4);
    for (let round = 1; round <= ROUNDS; round++) {
      await clients.more(4);
      const [old = 0] = stage.pids();
      const next = await stage.replace();
      await stage.says(`start new binary process ${next}`);
      await clients.more(4);
      process.kill(old, "SIGQUIT");
      await gone(old);
      assertEquals(stage.pids(), [next, undefined]);
      await stage.greets(stage.port, { path: stage.socket });
    }
    await clients.more(4);
    await clients.stop();
    assertEquals(clients.failures, []);
    assert(clients.sessions >= 8 * ROUNDS, `${clients.sessions} sessions`);
    if (ROUNDS > 10) console.log(`${ROUNDS} replacements, ${clients.sessions} sessions, 0 failed`);
    await stage.close();
    assertEquals((await program.ending).code, 0);
  });

  it("leaves the old program at work when the new one cannot start, with its pid file", ABLE, async () => {
    const stage = await Stage.open("daemon off;");
    const program = new Program(["-c", stage.configuration]);
    await stage.hasPids((present) => present === program.child.pid);
    const [old = 0] = stage.pids();
    const clients = new RestlessClients(stage.port, 2);
    stage.configure(undefined, "no_such_directive 1;");
    process.kill(old, "SIGUSR2");
    await stage.says("exited with code 1");
    await stage.hasPids((present, before) => present === old && before === undefined);
    await program.prints('unknown directive "no_such_directive"');
    await clients.more(4);

    // Two at a time are enough.
    stage.configure();
    const next = await stage.replace();
    for (const pid of [old, next]) process.kill(pid, "SIGUSR2");
    await stage.says("the changing binary signal is ignored", 2);
    // Who ends the new one stays with the old one.
    process.kill(next, "SIGQUIT");
    await stage.hasPids((present, before) => present === old && before === undefined);
    await clients.more(4);
    await clients.stop();
    assertEquals(clients.failures, []);
    await stage.greets(stage.port, { path: stage.socket });
    await stage.close();
    await program.ending;
  });

  it("and WINCH give the new program all that comes; if it dies, the old workers come back", ABLE, async () => {
    const stage = await Stage.open("worker_processes 1;");
    assertEquals((await runProgram("-c", stage.configuration)).code, 0);
    const [old = 0] = stage.pids();
    const clients = new RestlessClients(stage.port, 2);
    const next = await stage.replace();
    process.kill(old, "SIGWINCH");
    await stage.says("stop accepting connections");
    await stage.says("gracefully shutting down");
    await clients.more(4);
    process.kill(next, "SIGQUIT");
    await stage.hasPids((present, before) => present === old && before === undefined);
    await stage.says("reconfigured");
    await clients.more(4);

    // Another version that listens elsewhere lets go of what it does not want.
    const [port = 0] = await freePorts(1);
    await clients.stop();
    assertEquals(clients.failures, []);
    stage.configure(`listen 127.0.0.1:${port}; listen unix:${stage.socket};`);
    await stage.replace();
    process.kill(old, "SIGQUIT");
    await gone(old);
    await stage.greets(port, { path: stage.socket });
    const refusal = await connectTo(stage.port).then(() => "", String);
    assertStringIncludes(refusal, "ECONNREFUSED");
    await stage.close();
  });

  it("is refused in one sentence where the runtime cannot hand on sockets", UNABLE, async () => {
    const stage = await Stage.open("daemon off;");
    const program = new Program(["-c", stage.configuration]);
    await stage.hasPids((present) => present === program.child.pid);
    program.signal("SIGUSR2");
    await stage.says("[crit]");
    assertStringIncludes(stage.log, "USR2 cannot replace the program: ");
    assertStringIncludes(stage.log, "(socket activation, LISTEN_FDS)");
    assertEquals(stage.pids(), [program.child.pid, undefined]);
    await stage.greets(stage.port);
    await stage.close();
    await program.ending;
  });

  it("is refused in one sentence where one process does it all", LIMIT, async () => {
    const stage = await Stage.open("daemon off; master_process off;");
    const program = new Program(["-c", stage.configuration]);
    await stage.hasPids((present) => present === program.child.pid);
    program.signal("SIGUSR2");
    await stage.says('USR2 cannot replace the program with "master_process off": ');
    await stage.greets(stage.port);
    await stage.close();
    await program.ending;
  });
});
