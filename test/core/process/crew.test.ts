import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "node:test";
import { Crew } from "../../../src/process/crew.ts";
import { ErrorLog } from "../../../src/log/error_log.ts";
import { LogFiles, LogUse } from "../../../src/log/log_files.ts";
import { StartError } from "../../../src/proxy/mod.ts";
import { load } from "../../support/config.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";
import type { FakeWorkerProcess } from "../../support/fake_workers.ts";

/** A crew of two, and what the main process hears of it. */
class Scene {
  readonly runtime = new FakeRuntime();
  readonly published: unknown[] = [];
  readonly crew: Crew;

  constructor(main = "worker_processes 2;", mail = "", files: readonly (readonly [string, string])[] = []) {
    for (const [path, text] of files) this.runtime.files.contents.set(path, text);
    const log = new LogFiles(this.runtime).open([{ target: { type: "stderr" }, level: "notice" }], new LogUse());
    if (!(log instanceof ErrorLog)) throw new Error("no log");
    let number = 0;
    this.crew = new Crew({
      runtime: this.runtime,
      config: load(`${main} events {} mail { ${mail} }`),
      args: ["-c", "f"],
      files: { texts: [["f", "mail {}"]], folders: [] },
      inherited: new Map([["127.0.0.1 143", 3]]),
      account: { name: "nobody", uid: 65534, gid: 65533 },
      isDaemon: true,
      stderr: () => "/log",
      nextNumber: () => ++number,
      ticketKeys: () => ["key", "old"],
      log: () => log,
      publish: (message) => this.published.push(message),
      changed: () => this.crew.appoint(true),
    });
  }

  /** All workers that were started. */
  get started(): readonly FakeWorkerProcess[] {
    return this.runtime.workers.started;
  }

  worker(index: number): FakeWorkerProcess {
    const worker = this.started[index];
    if (worker === undefined) throw new Error(`there is no worker ${index}`);
    return worker;
  }

  /** Lets all of them listen that have been started, and those that are started then. */
  async begin(): Promise<this> {
    const begun = this.crew.start();
    for (let i = 0; i < this.started.length; i++) {
      this.worker(i).says({ type: "ready" });
      this.worker(i).listens();
      await settle();
    }
    await begun;
    return this;
  }

  /** Starts; the first worker dies when it listens and the next one does not yet. */
  async loseTheFirst(): Promise<{ readonly begun: Promise<void> }> {
    const begun = this.crew.start();
    this.worker(0).says({ type: "ready" });
    this.worker(0).listens();
    await settle();
    this.worker(0).exits({ signal: 9 });
    return { begun };
  }

  /** The texts of the log since the last look. */
  log(): string[] {
    const lines = this.runtime.process.err.split("\n").slice(0, -1);
    this.runtime.process.err = "";
    return lines.map((line) => line.replace(/^\S+ \S+ (\[\w+\]) \S+ /, "$1 "));
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

describe("a crew", () => {
  it("begins with one worker, and with the others once that listens", async () => {
    const scene = new Scene();
    const begun = scene.crew.start();
    assertEquals([scene.started.length, scene.worker(0).group, scene.worker(0).told], [1, 65533, []]);
    scene.worker(0).says({ type: "ready" });
    assertEquals(scene.worker(0).told, [{
      type: "work",
      number: 1,
      args: ["-c", "f"],
      files: { texts: [["f", "mail {}"]], folders: [] },
      inherited: [["127.0.0.1 143", 3]],
      account: { name: "nobody", uid: 65534, gid: 65533 },
      ticketKeys: ["key", "old"],
      secretFiles: [],
      isDaemon: true,
    }]);
    scene.worker(0).listens();
    await settle();
    assertEquals(scene.started.length, 2);
    scene.worker(1).says({ type: "ready" });
    scene.worker(1).listens();
    await begun;
    assertEquals(scene.crew.pids, [5000, 5001]);
  });

  it("reads users files for its workers, those included that come later, as long as what is in them is good", async () => {
    const mail = "auth_users_file /users; server { listen 143; protocol imap; proxy_pass 192.0.2.3; }";
    const scene = await new Scene("worker_processes 1;", mail, [["/users", "anna:{PLAIN}one:\n"]]).begin();
    const { clock, files } = scene.runtime;
    const secretsOf = (message: unknown) => (message as { readonly secretFiles?: unknown }).secretFiles;
    assertEquals(secretsOf(scene.worker(0).told[0]), [["/users", "anna:{PLAIN}one:\n"]]);
    files.contents.set("/users", "berta:{PLAIN}one:\n");
    clock.advance(40_000);
    const texts = [["/users", "berta:{PLAIN}one:\n"]];
    assertEquals(scene.worker(0).told.at(-1), { type: "secretFiles", texts });
    const { length } = scene.worker(0).told;
    files.contents.set("/users", "berta:one\n");
    clock.advance(40_000);
    assertEquals(scene.worker(0).told.length, length);
    assertEquals(scene.log(), [
      '[notice] users file "/users" was read again, 1 users',
      '[error] users file "/users" was changed and is not used: password without a scheme in /users:1',
    ]);
    scene.worker(0).exits({ signal: 9 });
    clock.advance(0);
    scene.worker(1).says({ type: "ready" });
    assertEquals(secretsOf(scene.worker(1).told[0]), texts);
    scene.crew.stop("fast");
    scene.worker(1).exits();
    clock.advance(40_000);
    assertEquals(clock.pending, 0);
  });

  it("does not begin with a users file that it cannot use", async () => {
    const mail = "auth_users_file /users; server { listen 143; protocol imap; }";
    const scene = new Scene("worker_processes 1;", mail, [["/users", "anna:{PLAIN}one:nowhere:143x\n"]]);
    await assertRejects(() => scene.crew.start(), StartError, "in /users:1");
    assertEquals([scene.started.length, scene.runtime.clock.pending], [0, 1]);
  });

  it("says nothing to a worker that opens its sockets, and all of it once that listens", async () => {
    const scene = new Scene("worker_processes 1;");
    const begun = scene.crew.start();
    const worker = scene.worker(0);
    worker.says({ type: "ready" });
    scene.crew.tell({ type: "gone", number: 7 });
    worker.says({ type: "opening" });
    const told = worker.told.length;
    assertEquals(worker.told.slice(1), [{ type: "gone", number: 7 }, { type: "open" }]);
    for (const number of [8, 9]) scene.crew.tell({ type: "gone", number });
    assertEquals(worker.told.length, told);
    worker.listens();
    await begun;
    assertEquals(worker.told.slice(told), [
      { type: "gone", number: 8 },
      { type: "gone", number: 9 },
      { type: "first", isFirst: true },
    ]);
    scene.crew.tell({ type: "gone", number: 10 });
    assertEquals(worker.told.at(-1), { type: "gone", number: 10 });
  });

  it("auto is one for each processor", async () => {
    assertEquals((await new Scene("worker_processes auto;").begin()).started.length, 2);
  });

  it("says in the worker's words why it cannot begin, and leaves nobody", async () => {
    const scene = new Scene();
    const begun = scene.crew.start();
    scene.worker(0).says({ type: "ready" });
    scene.worker(0).says({ type: "failed", lines: ["no such key"], hint: "make one" });
    const error = await assertRejects(() => begun, StartError, "no such key");
    assertEquals(error.hint, "make one");
    assertEquals(scene.worker(0).kills, ["SIGKILL"]);
    scene.worker(0).exits({ code: 2 });
    assertEquals([scene.crew.size, scene.log()], [0, []]);
  });

  it("has one first, and another when that is gone", async () => {
    const scene = await new Scene().begin();
    const last = (index: number) => scene.worker(index).told.at(-1);
    assertEquals(last(0), { type: "first", isFirst: true });
    scene.worker(0).exits({ signal: 9 });
    assertEquals(last(1), { type: "first", isFirst: true });
    scene.crew.appoint(false);
    assertEquals(last(1), { type: "first", isFirst: false });
  });

  it("has another first when that accepts no more, whoever told it to end", async () => {
    const scene = await new Scene().begin();
    const last = (index: number) => scene.worker(index).told.at(-1);
    scene.worker(0).says({ type: "closed" });
    assertEquals([last(0), last(1)], [{ type: "first", isFirst: false }, { type: "first", isFirst: true }]);
    scene.worker(1).says({ type: "closed" });
    assertEquals(last(1), { type: "first", isFirst: false });
  });

  it("replaces a worker that dies at once, and keeps its sockets open until then", async () => {
    const scene = await new Scene().begin();
    scene.worker(0).exits({ signal: 11 });
    scene.runtime.clock.advance(0);
    assertEquals(scene.published, [{ type: "gone", number: 1 }]);
    assertEquals([scene.started.length, scene.worker(0).isHeld], [3, true]);
    scene.worker(2).says({ type: "ready" });
    scene.worker(2).listens();
    await settle();
    assertEquals(scene.worker(0).isHeld, false);
    assertEquals(scene.log(), [
      "[notice] signal 17 (SIGCHLD) received from 5000",
      "[alert] worker process 5000 exited on signal 11",
      "[notice] start worker process 5002",
    ]);
  });

  it("replaces a worker that dies while others have yet to listen, once those do", async () => {
    const scene = new Scene();
    const { begun } = await scene.loseTheFirst();
    scene.runtime.clock.advance(1_000);
    assertEquals([scene.started.length, scene.worker(0).isHeld], [2, true]);
    scene.worker(1).says({ type: "ready" });
    scene.worker(1).listens();
    await begun;
    scene.runtime.clock.advance(0);
    assertEquals([scene.started.length, scene.crew.size], [3, 2]);
    scene.worker(2).says({ type: "ready" });
    scene.worker(2).listens();
    await settle();
    assertEquals([scene.crew.pids, scene.worker(0).isHeld], [[5001, 5002], false]);
  });

  it("keeps nothing of a worker that dies while others have yet to listen, and cannot", async () => {
    const scene = new Scene();
    const { begun } = await scene.loseTheFirst();
    scene.worker(1).says({ type: "failed", lines: ["no such key"] });
    await assertRejects(() => begun, StartError, "no such key");
    scene.worker(1).exits({ code: 2 });
    scene.runtime.clock.advance(10_000);
    assertEquals([scene.started.length, scene.crew.size, scene.worker(0).isHeld], [2, 0, false]);
  });

  it("waits ever longer when they die young", async () => {
    const scene = await new Scene("worker_processes 1;").begin();
    const die = async () => {
      const worker = scene.worker(scene.started.length - 1);
      worker.says({ type: "ready" });
      worker.listens();
      await settle();
      worker.exits({ code: 1 });
    };
    await die();
    scene.runtime.clock.advance(0);
    for (const delay of [100, 200, 400]) {
      scene.log();
      await die();
      const text = `worker processes keep ending, the next one is started in ${delay} ms`;
      assertEquals(scene.log().at(-1), `[warn] ${text}`);
      const { length } = scene.started;
      scene.runtime.clock.advance(delay - 1);
      assertEquals(scene.started.length, length);
      scene.runtime.clock.advance(1);
      assertEquals(scene.started.length, length + 1);
    }
  });

  it("tells what a worker in place of another says when it cannot begin, and tries again", async () => {
    const scene = await new Scene("worker_processes 1;").begin();
    scene.worker(0).exits({ signal: 9 });
    scene.runtime.clock.advance(0);
    scene.log();
    scene.worker(1).says({ type: "failed", lines: ["bad key"], hint: "make one" });
    await settle();
    scene.worker(1).exits({ code: 2 });
    assertEquals(scene.log(), [
      "[emerg] bad key",
      "[emerg] make one",
      "[warn] worker processes keep ending, the next one is started in 100 ms",
    ]);
    scene.runtime.clock.advance(100);
    assertEquals(scene.started.length, 3);
  });

  it("tries again when no process is to be had in place of one that died", async () => {
    const scene = await new Scene("worker_processes 1;").begin();
    scene.worker(0).exits({ signal: 9 });
    scene.log();
    scene.runtime.workers.failure = new Error("spawn ENOMEM");
    scene.runtime.clock.advance(0);
    await settle();
    const line = '[emerg] fork() failed while spawning "worker process": spawn ENOMEM';
    assertEquals(scene.log(), [
      line,
      "[warn] worker processes keep ending, the next one is started in 100 ms",
    ]);
    scene.runtime.clock.advance(100);
    await settle();
    assertEquals(scene.log()[0], line);
    assertEquals(scene.worker(0).isHeld, true);
    scene.runtime.workers.failure = undefined;
    scene.runtime.clock.advance(200);
    scene.worker(1).says({ type: "ready" });
    scene.worker(1).listens();
    await settle();
    assertEquals([scene.log(), scene.worker(0).isHeld], [["[notice] start worker process 5001"], false]);
  });

  it("tries again when there has been no process", async () => {
    const scene = await new Scene("worker_processes 1;").begin();
    scene.worker(0).exits({ signal: 9 });
    scene.log();
    scene.runtime.clock.advance(0);
    scene.worker(1).exits({ failure: NO_DESCRIPTOR });
    await settle();
    assertEquals(scene.log(), [
      '[emerg] fork() failed while spawning "worker process" (24: Too many open files)',
      "[warn] worker processes keep ending, the next one is started in 100 ms",
    ]);
    assertEquals([scene.worker(0).isHeld, scene.worker(1).isHeld, scene.crew.size], [true, false, 0]);
    scene.runtime.clock.advance(100);
    assertEquals(scene.started.length, 3);
  });

  it("says so when there has been no process for its start", async () => {
    const scene = new Scene();
    const begun = scene.crew.start();
    scene.worker(0).exits({ failure: NO_DESCRIPTOR });
    const text = 'fork() failed while spawning "worker process" (24: Too many open files)';
    await assertRejects(() => begun, StartError, text);
    assertEquals([scene.log(), scene.crew.size], [[], 0]);
  });

  it("says so when no process is to be had for its start", async () => {
    const scene = new Scene();
    scene.runtime.workers.failure = new Error("spawn ENOMEM");
    const text = 'fork() failed while spawning "worker process": spawn ENOMEM';
    await assertRejects(() => scene.crew.start(), StartError, text);
    assertEquals(scene.crew.size, 0);
  });

  it("ends its workers, and kills those that do not end at once when they should", async () => {
    const scene = await new Scene().begin();
    scene.crew.stop("graceful");
    assertEquals(scene.worker(0).told.at(-1), { type: "stop", how: "graceful" });
    scene.worker(0).says({ type: "closed" });
    assertEquals(scene.crew.isOpen, true);
    scene.worker(1).says({ type: "closed" });
    assertEquals(scene.crew.isOpen, false);
    scene.worker(0).exits();
    scene.crew.stop("fast");
    assertEquals(scene.worker(1).told.at(-1), { type: "stop", how: "fast" });
    scene.runtime.clock.advance(10_000);
    assertEquals([scene.worker(0).kills, scene.worker(1).kills], [[], ["SIGKILL"]]);
    scene.worker(1).exits({ signal: 9 });
    assertEquals([scene.crew.size, scene.started.length], [0, 2]);
  });

  it("tells a worker that has its order what others publish, for it may have asked them something", async () => {
    const scene = new Scene();
    const news = { type: "news", topic: "count", value: 3, from: 9 } as const;
    const begun = scene.crew.start();
    scene.crew.tell(news);
    assertEquals(scene.worker(0).told, []);
    scene.worker(0).says({ type: "ready" });
    scene.crew.tell(news);
    assertEquals(scene.worker(0).told.slice(1), [news]);
    scene.worker(0).listens();
    await settle();
    scene.worker(1).says({ type: "ready" });
    scene.worker(1).listens();
    await begun;
  });

  it("passes on what a worker publishes, and nothing that is no message", async () => {
    const scene = await new Scene().begin();
    scene.worker(1).says({ type: "news", topic: "count", value: 3 });
    scene.worker(1).says("hello");
    scene.worker(1).says({ type: "reboot" });
    assertEquals(scene.published, [{ type: "news", topic: "count", value: 3, from: 2 }]);
    scene.crew.tell({ type: "news", topic: "count", value: 3, from: 2 }, 2);
    assertEquals(scene.worker(0).told.at(-1), { type: "news", topic: "count", value: 3, from: 2 });
    assertEquals(scene.worker(1).told.length, 1);
  });

  it("passes on nothing that was still to be read of a worker when it was gone", async () => {
    const scene = await new Scene().begin();
    scene.worker(0).exits({ signal: 9 });
    scene.worker(0).says({ type: "news", topic: "count", value: 3 });
    assertEquals(scene.published, [{ type: "gone", number: 1 }]);
  });
});

const NO_DESCRIPTOR = { number: 24, text: "Too many open files" };
