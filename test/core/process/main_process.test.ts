import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "node:test";
import { runService } from "../../../src/process/mod.ts";
import { StartError } from "../../../src/proxy/mod.ts";
import type { SignalName } from "../../../src/runtime.ts";
import { load } from "../../support/config.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";
import type { FakeWorkerProcess } from "../../support/fake_workers.ts";
import { settle } from "../proxy/_support.ts";

/** A main process in memory. The test sends it signals and plays its workers. */
class Scene {
  readonly runtime = new FakeRuntime();
  /** The ports of the configuration as it is read next. */
  ports: readonly number[];
  /** What stands outside of its blocks. */
  main = "";
  /** Why it cannot be read, by our fault. */
  defect: Error | undefined;
  readonly code: Promise<number>;
  readonly #pidFile: string;

  constructor(ports: readonly number[], pidFile = "/pid") {
    this.ports = ports;
    this.#pidFile = pidFile;
    this.runtime.workers.inherited = [
      { descriptor: 3, address: { family: 4, host: "127.0.0.1", port: 143 } },
      { descriptor: 4, address: { family: 4, host: "127.0.0.1", port: 144 } },
    ];
    this.code = runService({
      runtime: this.runtime,
      args: [],
      ...this.#read(),
      errorLog: { target: { type: "stderr" }, level: "notice" },
      isDaemon: true,
      version: "version",
      readConfig: () => this.#read(),
      explain: (error) => {
        if (error instanceof StartError) return { lines: error.lines, hint: undefined };
        throw error;
      },
      started: () => {},
    });
  }

  /** It has been given the sockets 3 and 4, for the ports 143 and 144, and its workers listen on these. */
  static async start(...ports: readonly number[]): Promise<Scene> {
    const scene = new Scene(ports);
    await settle();
    await scene.begins();
    return scene;
  }

  /** The worker that was started last. */
  get worker(): FakeWorkerProcess {
    const worker = this.runtime.workers.started.at(-1);
    if (worker === undefined) throw new Error("there is no worker");
    return worker;
  }

  /** What that is to listen on in place of sockets of its own. */
  get inherited(): unknown {
    return (this.worker.told[0] as { readonly inherited: unknown }).inherited;
  }

  /** It opens its sockets and listens. */
  async begins(): Promise<void> {
    for (const type of ["ready", "opening"]) this.worker.says({ type });
    this.worker.listens();
    await settle();
  }

  /** Another configuration is taken, up to its first worker. */
  async reload(...ports: readonly number[]): Promise<void> {
    this.ports = ports;
    await this.receive("SIGHUP");
  }

  async receive(name: SignalName): Promise<void> {
    this.runtime.process.receive(name);
    await settle();
  }

  /** Workers that were told to go have done so. */
  async leave(...workers: readonly FakeWorkerProcess[]): Promise<void> {
    for (const worker of workers) {
      worker.says({ type: "closed" });
      worker.exits();
    }
    await settle();
  }

  async end(): Promise<void> {
    await this.receive("SIGTERM");
    for (const worker of this.runtime.workers.started) if (!worker.hasExited) worker.exits();
    assertEquals(await this.code, 0);
  }

  /** The texts of the log since the last look. */
  log(): string[] {
    const lines = this.runtime.process.err.split("\n").slice(0, -1);
    this.runtime.process.err = "";
    return lines.map((line) => line.replace(/^\S+ \S+ (\[\w+\]) \S+ /, "$1 "));
  }

  #read(): { readonly config: ReturnType<typeof load>; readonly files: { readonly texts: []; readonly folders: [] } } {
    if (this.defect !== undefined) throw this.defect;
    const servers = this.ports.map((port) => `server { listen 127.0.0.1:${port}; protocol imap; }`).join(" ");
    const config = load(
      `${this.main} worker_processes 1; pid ${this.#pidFile}; events {} mail { auth_http 127.0.0.1; ${servers} }`,
    );
    return { config, files: { texts: [], folders: [] } };
  }
}

const BOTH = [["127.0.0.1 143", 3], ["127.0.0.1 144", 4]];
const STRAY =
  '[warn] inherited socket 127.0.0.1:144 (descriptor 4) is of no "listen" directive with just this address, ' +
  "and nobody accepts there";

describe("a socket that the main process was given", () => {
  it("is bound anew once its last worker has closed it", async () => {
    const scene = await Scene.start(143, 144);
    const first = scene.worker;
    assertEquals(scene.inherited, BOTH);
    await scene.reload(143);
    await scene.begins();
    await scene.leave(first);
    assertEquals(scene.log().filter((line) => line === STRAY), [STRAY]);
    const second = scene.worker;
    await scene.reload(143, 144);
    scene.worker.says({ type: "ready" });
    assertEquals(scene.inherited, BOTH.slice(0, 1));
    assertEquals(scene.runtime.listeners.map(({ address }) => address), [
      { family: 4, host: "127.0.0.1", port: 144 },
    ]);
    await scene.begins();
    await scene.leave(second);
    await scene.end();
  });

  it("is bound anew once a worker has opened it that could not begin", async () => {
    const scene = await Scene.start(143);
    await scene.reload(143, 144);
    for (const type of ["ready", "opening"]) scene.worker.says({ type });
    assertEquals(scene.inherited, BOTH);
    scene.worker.says({ type: "failed", lines: ["no rights"] });
    scene.worker.exits({ code: 2 });
    await settle();
    await scene.reload(143, 144);
    scene.worker.says({ type: "ready" });
    assertEquals(scene.inherited, BOTH.slice(0, 1));
    await scene.end();
  });

  it("is there as long as nobody has opened it", async () => {
    const scene = await Scene.start(143);
    await scene.reload(143, 144);
    scene.worker.says({ type: "ready" });
    scene.worker.says({ type: "failed", lines: ["no such key"] });
    scene.worker.exits({ code: 2 });
    await settle();
    await scene.reload(143, 144);
    scene.worker.says({ type: "ready" });
    assertEquals(scene.inherited, BOTH);
    await scene.end();
  });
});

describe("a start whose pid file cannot be written", () => {
  it("accepts nobody, who would be cut off", async () => {
    const scene = new Scene([143], "/missing/pid");
    const error = await assertRejects(() => scene.code, StartError);
    assertEquals(error.lines, ['open() "/missing/pid" failed (2: No such file or directory) in f:1']);
    assertEquals(scene.runtime.workers.started, []);
  });

  it("leaves none behind when it fails for another reason", async () => {
    const scene = new Scene([143]);
    await settle();
    assertEquals([...scene.runtime.files.contents.keys()].filter((path) => path.startsWith("/pid")), []);
    scene.worker.says({ type: "failed", lines: ["no rights"] });
    scene.worker.exits({ code: 2 });
    await assertRejects(() => scene.code, StartError, "no rights");
    assertEquals(scene.runtime.files.exists("/pid"), false);
  });
});

describe("a reload that fails", () => {
  it("since there is no process to be had leaves the workers at work, and USR2 does not wait for another", async () => {
    const scene = await Scene.start(143);
    scene.runtime.workers.failure = new Error("spawn ENOMEM");
    scene.log();
    await scene.reload(143);
    assertEquals(scene.log().filter((line) => line.startsWith("[emerg]")), [
      '[emerg] fork() failed while spawning "worker process": spawn ENOMEM',
    ]);
    scene.runtime.workers.failure = undefined;
    await scene.receive("SIGUSR2");
    assertEquals(scene.log().at(-1), "[notice] start new binary process 7000");
    assertEquals([scene.runtime.workers.started.length, scene.worker.told.at(-1)], [1, {
      type: "first",
      isFirst: true,
    }]);
    await scene.end();
  });

  it("by our fault is told, and USR2 does not wait for another", async () => {
    const scene = await Scene.start(143);
    scene.defect = new Error("what nobody thought of");
    scene.log();
    await scene.reload(143);
    const told = scene.log().filter((line) => line.startsWith("[emerg]"));
    assertEquals(told.map((line) => line.includes("internal error: ") && line.includes("nobody thought of")), [true]);
    await scene.receive("SIGUSR2");
    assertEquals(scene.log().at(-1), "[notice] start new binary process 7000");
    await scene.end();
  });
});

describe("the main process's log", () => {
  it("of an earlier configuration is closed once there is another", async () => {
    const scene = await Scene.start(143);
    const { files } = scene.runtime;
    for (const name of ["/one", "/two"]) {
      const before = scene.worker;
      scene.main = `error_log ${name} notice;`;
      await scene.reload(143);
      await scene.begins();
      await scene.leave(before);
      assertEquals([...files.openLogs], [name]);
    }
    await scene.end();
    assertEquals([...files.openLogs], []);
    assertEquals(files.contents.get("/two")?.includes("signal 15 (SIGTERM) received"), true);
  });

  it("of a configuration that cannot be is closed", async () => {
    const scene = await Scene.start(143);
    const { files } = scene.runtime;
    scene.main = "error_log /one; error_log /missing/log;";
    await scene.reload(143);
    assertEquals([...files.openLogs], []);
    scene.main = "error_log /one;";
    await scene.reload(143);
    assertEquals([...files.openLogs], ["/one"]);
    scene.worker.says({ type: "failed", lines: ["no rights"] });
    scene.worker.exits({ code: 2 });
    await settle();
    assertEquals([...files.openLogs], []);
    scene.log();
    await scene.receive("SIGUSR1");
    assertEquals(scene.log(), ["[notice] signal 10 (SIGUSR1) received, reopening logs", "[notice] reopening logs"]);
    await scene.end();
  });
});

describe("workers that come back since the new program is gone", () => {
  it("are tried again as long as there is no process to be had", async () => {
    const scene = await Scene.start(143);
    const { workers } = scene.runtime;
    for (const name of ["SIGUSR2", "SIGWINCH"] as const) await scene.receive(name);
    await scene.leave(scene.worker);
    workers.failure = new Error("spawn ENOMEM");
    scene.log();
    workers.successor?.ended({ code: 1, signal: undefined });
    await settle();
    for (let tries = 1; tries <= 3; tries++) {
      assertEquals(scene.log().filter((line) => line.startsWith("[emerg]")), [
        '[emerg] fork() failed while spawning "worker process": spawn ENOMEM',
      ]);
      if (tries === 3) workers.failure = undefined;
      scene.runtime.clock.advance(1_000);
      await settle();
    }
    await scene.begins();
    assertEquals([workers.started.length, scene.worker.told.at(-1)], [2, { type: "first", isFirst: true }]);
    await scene.end();
  });
});

describe("what a worker publishes over a reload", () => {
  it("comes to the new workers as an earlier configuration's, and to the old ones as any other", async () => {
    const scene = await Scene.start(143);
    const old = scene.worker;
    await scene.reload(143);
    const fresh = scene.worker;
    fresh.says({ type: "ready" });
    const news = { type: "news", topic: "count", value: 3 } as const;
    fresh.says(news);
    old.says(news);
    assertEquals(old.told.at(-1), { ...news, from: 2 });
    assertEquals(fresh.told.at(-1), { ...news, from: 1, isEarlier: true });
    fresh.says({ type: "opening" });
    fresh.listens();
    await settle();
    await scene.leave(old);
    await scene.end();
  });
});

describe("WINCH", () => {
  const STOP = { type: "stop", how: "graceful" };

  it("that comes while a reload is under way sends its workers away as well", async () => {
    const scene = await Scene.start(143);
    const first = scene.worker;
    await scene.reload(143);
    await scene.receive("SIGWINCH");
    assertEquals(first.told.at(-1), STOP);
    await scene.begins();
    assertEquals([scene.worker.told.at(-1), scene.worker.isHeld], [STOP, true]);
    await scene.leave(first, scene.worker);
    assertEquals(scene.runtime.workers.started.length, 2);
    await scene.reload(143);
    await scene.begins();
    assertEquals(scene.worker.told.at(-1), { type: "first", isFirst: true });
    await scene.end();
  });

  it("before a reload, or before another that waits for it, holds no longer than up to that", async () => {
    const scene = await Scene.start(143);
    const first = scene.worker;
    await scene.receive("SIGWINCH");
    await scene.leave(first);
    await scene.reload(143);
    await scene.begins();
    const second = scene.worker;
    assertEquals(second.told.at(-1), { type: "first", isFirst: true });
    await scene.reload(143);
    const third = scene.worker;
    for (const name of ["SIGWINCH", "SIGHUP"] as const) await scene.receive(name);
    await scene.begins();
    await scene.leave(second, third);
    await scene.begins();
    assertEquals(scene.worker.told.at(-1), { type: "first", isFirst: true });
    assertEquals(scene.runtime.workers.started.length, 4);
    await scene.end();
  });
});
