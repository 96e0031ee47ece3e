/** What the main process keeps of the workers that are gone, and they of it. */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { engineSettings } from "../../adapters/_engine.ts";
import { FakeAuth, refuse } from "../support/fake_auth.ts";
import { freePorts } from "../support/free_ports.ts";
import { Program, TestFolder } from "../support/program.ts";
import { connectTo } from "../support/raw_client.ts";
import { WORDS } from "../support/scene.ts";
import { eventually } from "../support/watch.ts";

const SLOW = { timeout: 180_000 };
/** A busy machine needs it. */
const PATIENCE = 30_000;
const folder = new TestFolder();
after(() => folder.remove());

describe("the main process", () => {
  it("has no more descriptors after reloads, and none of a listener that is gone", SLOW, async () => {
    const [kept = 0, dropped = 0] = await freePorts(2);
    const crew = await Crew.start("reloads", [kept, dropped]);
    try {
      const before = crew.descriptors;
      await crew.reload("ends by itself");
      await crew.reload("is killed with something unread");
      await eventually(() => crew.descriptors <= before, () => `${crew.descriptors} after ${before}`, PATIENCE);

      crew.configure([kept]);
      await crew.reload("is killed with something unread");
      await eventually(() => crew.descriptors <= before - 1, () => `${crew.descriptors} after ${before}`, PATIENCE);
    } finally {
      await crew.end();
    }
  });

  it("starts its workers with an engine that compiles early and keeps what it has compiled", SLOW, async () => {
    const [port = 0] = await freePorts(1);
    const crew = await Crew.start("engine", [port]);
    try {
      const { args, environment } = engineSettings(process.versions, {});
      const settings = [...args, ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)];
      for (const pid of crew.workers) {
        const given = ["cmdline", "environ"].flatMap((file) =>
          readFileSync(`/proc/${pid}/${file}`, "latin1").split("\0")
        );
        assertEquals(settings.filter((each) => !given.includes(each)), []);
      }
    } finally {
      await crew.end();
    }
  });

  for (const rest of ["nothing", "something"]) {
    it(
      `takes its workers along when it is killed with ${rest} unread, and they tell of it and lose no line`,
      SLOW,
      async () => {
        const [port = 0] = await freePorts(1);
        const auth = await FakeAuth.start(refuse("no"));
        const log = join(folder.path, `${rest}.log`);
        const crew = await Crew.start(
          rest,
          [port],
          `auth_http 127.0.0.1:${auth.port}/; auth_failure_delay 1ms 4ms; access_log ${log} combined buffer=64k;`,
        );
        const client = await connectTo({ port, from: "127.0.0.1" });
        try {
          await client.expect(WORDS.imap.greeting);
          if (rest === "something") crew.program.signal("SIGSTOP");
          // The others are told at once, by way of the main process.
          client.send("a LOGIN joe guess\r\n");
          await client.until(() => client.received.includes("a NO"), PATIENCE);
          assertEquals(readFileSync(log, "latin1"), "");
          crew.program.signal("SIGKILL");
          // Its stderr is theirs, too.
          await eventually(() => crew.isOver, () => crew.program.stderr, PATIENCE);
          const told = [...crew.program.stderr.matchAll(/\[alert\] (\d+)#0: the main process is gone, exiting/g)];
          assertEquals(told.map(([, pid]) => Number(pid)).sort(), crew.workers.sort());
          assertMatch(readFileSync(log, "latin1"), /^[^\n]* imap login_failed 403 refused [^\n]*\n/);
        } finally {
          client.destroy();
          await Promise.all([crew.end(), auth.stop()]);
        }
      },
    );
  }
});

/** A program with two workers. */
class Crew {
  readonly program: Program;
  readonly #name: string;
  readonly #mail: string;
  readonly #path: string;
  /** Whether the program has ended, and whoever has its stderr. */
  isOver = false;

  private constructor(name: string, ports: readonly number[], mail: string) {
    this.#name = name;
    this.#mail = mail;
    this.#path = folder.write(`${name}.conf`, "");
    this.configure(ports);
    this.program = new Program(["-c", this.#path]);
    void this.program.ending.then(() => this.isOver = true);
  }

  static async start(name: string, ports: readonly number[], mail = "proxy_pass 127.0.0.1:1;"): Promise<Crew> {
    const crew = new Crew(name, ports, mail);
    await crew.#says(START, 2);
    return crew;
  }

  configure(ports: readonly number[]): void {
    const servers = ports.map((port) => `server { listen 127.0.0.1:${port}; protocol imap; }`).join("\n");
    writeFileSync(
      this.#path,
      `daemon off; worker_processes 2; pid ${folder.path}/${this.#name}.pid; error_log stderr notice; events {}
       mail {
         ${this.#mail}
         ${servers}
       }`,
    );
  }

  get descriptors(): number {
    return readdirSync(`/proc/${this.program.child.pid}/fd`).length;
  }

  /** Every worker that there has been. */
  get workers(): number[] {
    return [...this.program.stderr.matchAll(START)].map(([, pid]) => Number(pid));
  }

  /** Brings two others; one that is stopped hears nothing any more of what it is told. */
  async reload(end: "ends by itself" | "is killed with something unread"): Promise<void> {
    const workers = this.workers;
    const old = workers.slice(-2);
    const isKilled = end === "is killed with something unread";
    if (isKilled) signal(old, "SIGSTOP");
    this.program.signal("SIGHUP");
    await this.#says(START, workers.length + 2);
    await this.#says(/: reconfigured/g, workers.length / 2);
    if (isKilled) signal(old, "SIGKILL");
    await this.#says(/worker process \d+ exited/g, workers.length);
  }

  async end(): Promise<void> {
    if (this.isOver) return;
    // Also those that a failure has left without a main process, or stopped.
    const { pid } = this.program.child;
    const left = [...pid === undefined ? [] : [pid], ...this.workers.slice(-2)];
    signal(left, "SIGTERM");
    signal(left, "SIGCONT");
    await this.program.ending;
  }

  #says(text: RegExp, times: number): Promise<void> {
    const says = () => this.isOver || [...this.program.stderr.matchAll(text)].length >= times;
    return eventually(says, () => this.program.stderr, PATIENCE);
  }
}

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // It is gone.
    }
  }
}

const START = /start worker process (\d+)/g;
