import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { ErrorLog } from "../../../src/log/error_log.ts";
import { LogFiles, LogUse } from "../../../src/log/log_files.ts";
import { INSTEAD, Succession } from "../../../src/process/succession.ts";
import type { CapabilityState } from "../../../src/runtime.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";

/** A process that listens on a port for its clients, and on one that is nobody else's business. */
class Scene {
  readonly runtime = new FakeRuntime();
  failures = 0;
  readonly succession: Succession;

  constructor(ability: CapabilityState = { state: "yes" }) {
    const { files, workers, capabilities } = this.runtime;
    files.write("p", "1\n");
    workers.held = [
      { descriptor: 7, address: { family: 4, host: "127.0.0.1", port: 143 } },
      { descriptor: 8, address: { family: 4, host: "127.0.0.1", port: 9229 } },
    ];
    const log = new LogFiles(this.runtime).open([{ target: { type: "stderr" }, level: "notice" }], new LogUse());
    if (!(log instanceof ErrorLog)) throw new Error("no log");
    this.succession = new Succession({
      runtime: { name: "node", files, workers, capabilities: { ...capabilities, "process.replace": ability } },
      args: [],
      log: () => log,
      pidFile: () => "p",
      stderr: () => "log",
      isWanted: (key) => key === "127.0.0.1 143",
      failed: () => void this.failures++,
    });
  }

  get pidFiles(): string[] {
    return [...this.runtime.files.contents.keys()];
  }

  /** The texts of the log since the last look. */
  log(): string[] {
    const lines = this.runtime.process.err.split("\n").slice(0, -1);
    this.runtime.process.err = "";
    return lines.map((line) => line.replace(/^\S+ \S+ (\[\w+\]) \S+ /, "$1 "));
  }
}

describe("a succession", () => {
  it("hands on the sockets that are wanted, and makes way for another pid file", () => {
    const scene = new Scene();
    scene.succession.begin();
    const { descriptors, stderr } = scene.runtime.workers.successor ?? {};
    assertEquals([descriptors, stderr], [[7], "log"]);
    assertEquals(scene.pidFiles, ["p.oldbin"]);
    assertEquals(scene.log(), ["[notice] start new binary process 7000"]);
    assertEquals(scene.succession.hindrance?.includes("signal is ignored"), true);
    scene.runtime.files.write("p", "7000\n");
    scene.succession.removePidFile();
    assertEquals(scene.pidFiles, ["p"]);
  });

  it("that fails leaves everything as it was", () => {
    for (
      const [exit, line] of [
        [{ code: 1, signal: undefined }, "[notice] new binary process 7000 exited with code 1"],
        [{ code: undefined, signal: 9 }, "[alert] new binary process 7000 exited on signal 9"],
      ] as const
    ) {
      const scene = new Scene();
      scene.succession.begin();
      scene.log();
      scene.runtime.workers.successor?.ended(exit);
      assertEquals(scene.log(), ["[notice] signal 17 (SIGCHLD) received from 7000", line]);
      assertEquals([scene.pidFiles, scene.failures, scene.succession.isUnderWay], [["p"], 1, false]);
      assertEquals(scene.succession.hindrance, undefined);
      scene.succession.removePidFile();
      assertEquals(scene.pidFiles, []);
    }
  });

  it("that cannot be started leaves everything as it was", () => {
    const scene = new Scene();
    scene.runtime.workers.failure = new Error("spawn ENOMEM");
    scene.succession.begin();
    assertEquals(scene.log(), [
      '[alert] fork() failed while spawning "new binary process": spawn ENOMEM',
      "[alert] the new binary process could not be started",
    ]);
    assertEquals([scene.pidFiles, scene.failures, scene.succession.isUnderWay], [["p"], 1, false]);
    scene.runtime.workers.failure = undefined;
    scene.succession.begin();
    assertEquals(scene.pidFiles, ["p.oldbin"]);
  });

  it("of which there has been no process tells why", () => {
    const scene = new Scene();
    scene.runtime.workers.pid = 0;
    scene.succession.begin();
    const failure = { number: 24, text: "Too many open files" };
    scene.runtime.workers.successor?.ended({ code: undefined, signal: undefined, failure });
    assertEquals(scene.log(), ["[alert] the new binary process could not be started (24: Too many open files)"]);
    assertEquals([scene.pidFiles, scene.failures, scene.succession.isUnderWay], [["p"], 1, false]);
  });

  it("does not begin without a pid file", () => {
    const scene = new Scene();
    scene.runtime.files.remove("p");
    scene.succession.begin();
    assertEquals(scene.log(), [
      '[alert] rename() p to p.oldbin failed before executing new binary process "postern" (2: No such file or directory)',
    ]);
    assertEquals([scene.runtime.workers.successor, scene.succession.isUnderWay], [undefined, false]);
  });

  it("waits for the end of the one before, and does not take place where sockets cannot be handed on", () => {
    const scene = new Scene();
    let isAlive = true;
    scene.runtime.workers.predecessor = { isAlive: () => isAlive };
    assertEquals(scene.succession.hindrance?.includes("signal is ignored"), true);
    isAlive = false;
    assertEquals(scene.succession.hindrance, undefined);
    const { succession } = new Scene({ state: "no", reason: "it rains" });
    assertEquals(succession.hindrance, `USR2 cannot replace the program: it rains; ${INSTEAD}`);
  });
});
