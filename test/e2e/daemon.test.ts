import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { existsSync, mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { loadRuntime } from "../../adapters/detect.ts";
import { readIfThere } from "../support/files.ts";
import { freePort } from "../support/free_ports.ts";
import { Program, runProgram, TestFolder } from "../support/program.ts";
import { connectTo } from "../support/raw_client.ts";
import { WORDS } from "../support/scene.ts";
import { eventually } from "../support/watch.ts";

const LIMIT = { timeout: 180_000 };
const ability = (await loadRuntime()).capabilities["process.replace"];
const REPLACED = { ...LIMIT, skip: ability.state === "no" ? ability.reason : false };
const FRAGILE = fileURLToPath(new URL("../support/fragile_program.ts", import.meta.url));
const SCRIPT = { ...LIMIT, skip: process.env["POSTERN_BINARY"] !== undefined && "is about a program in files" };
const folder = new TestFolder();
after(() => folder.remove());

/** A program in the background, seen through its files. */
class Installation {
  readonly port: number;
  readonly path: string;
  readonly #name: string;

  constructor(name: string, port: number, main = "") {
    this.#name = name;
    this.port = port;
    const [pid, log] = [this.file("pid"), this.file("log")];
    this.path = folder.write(
      `${name}.conf`,
      `pid ${pid}; error_log ${log} notice; ${main} events {}
      mail { auth_http 127.0.0.1:1/; server { listen 127.0.0.1:${port}; protocol imap; } }`,
    );
  }

  file(kind: string): string {
    return `${folder.path}/${this.#name}.${kind}`;
  }

  get pid(): number {
    return Number(readFileSync(this.file("pid"), "latin1"));
  }

  /** `undefined` while no file says it. */
  get pidIfAny(): number | undefined {
    return Number(readIfThere(this.file("pid"))) || undefined;
  }

  get log(): string {
    return readFileSync(this.file("log"), "latin1");
  }

  logs(text: string): Promise<void> {
    return eventually(() => this.log.includes(text), () => this.log, 30_000);
  }

  tell(word: string): ReturnType<typeof runProgram> {
    return runProgram("-s", word, "-c", this.path);
  }

  async stop(): Promise<void> {
    await this.tell("stop");
    await eventually(() => !existsSync(this.file("pid")), () => this.log, 30_000);
  }
}

const FINE = { code: 0, stdout: "", stderr: "" };

describe("daemon on", () => {
  for (const master of ["on", "off"]) {
    it(`comes back when clients may connect, and needs no terminal, master_process ${master}`, LIMIT, async () => {
      const proxy = new Installation(`plain-${master}`, await freePort(), `master_process ${master};`);
      assertEquals(await runProgram("-c", proxy.path), FINE);
      const client = await connectTo(proxy.port);
      await client.expect(WORDS.imap.greeting);
      client.destroy();
      for (const descriptor of [0, 1]) assertEquals(readlinkSync(`/proc/${proxy.pid}/fd/${descriptor}`), "/dev/null");
      // A session of its own: proc_pid_stat(5), the sixth field.
      assertEquals(readFileSync(`/proc/${proxy.pid}/stat`, "latin1").split(" ")[5], `${proxy.pid}`);
      await proxy.stop();
      assertStringIncludes(proxy.log, `[notice] `);
      assertMatch(proxy.log, /start worker process[\s\S]*signal 15 \(SIGTERM\) received, exiting[\s\S]* exit\n$/);
    });
  }

  it("says on the terminal why it does not start", LIMIT, async () => {
    const port = await freePort();
    const first = new Installation("first", port);
    assertEquals(await runProgram("-c", first.path), FINE);
    const failed = `postern: [emerg] bind() to 127.0.0.1:${port} failed (98: Address already in use)\n`;
    const { path } = new Installation("second", port);
    assertEquals(await runProgram("-c", path), {
      code: 1,
      stdout: "",
      stderr: `${failed.repeat(5)}postern: [emerg] still could not bind()\n` +
        `postern: the "listen" directive stands in ${path}:2: another program has the address, "ss -ltnp" names it\n`,
    });
    const unreadable = new Installation("third", await freePort(), "nonsense;");
    assertMatch(
      (await runProgram("-c", unreadable.path)).stderr,
      /^postern: \[emerg\] unknown directive "nonsense" in /,
    );
    await first.stop();
  });

  it("does not start without a pid file, which is all that there is to send signals by", LIMIT, async () => {
    const port = await freePort();
    const path = folder.write(
      "nameless.conf",
      `error_log log; events {} mail { auth_http 127.0.0.1:1/; server { listen 127.0.0.1:${port}; protocol imap; } }`,
    );
    const prefix = `${folder.path}/nameless`;
    mkdirSync(prefix);
    const run = (...args: string[]) => new Program(["-c", path, ...args], { cwd: prefix }).ending;
    const failed = `postern: [emerg] open() "${prefix}/logs/nginx.pid" failed (2: No such file or directory)\n` +
      'postern: name another file by "pid", or make its folder one that is there and can be written\n';
    assertEquals(await run(), { code: 1, stdout: "", stderr: failed });
    await assertRejects(() => connectTo(port));
    assertEquals(await run("-t", "-q"), {
      code: 1,
      stdout: "",
      stderr: `${failed}postern: configuration file ${path} test failed\n`,
    });
    assertEquals(await run("-t", "-q", "-g", "daemon off;"), FINE);

    mkdirSync(`${prefix}/logs`);
    assertEquals(await run(), FINE);
    assertEquals(await run("-s", "stop"), FINE);
    await eventually(() => !existsSync(`${prefix}/logs/nginx.pid`), () => "the pid file is still there", 30_000);
  });

  it("keeps its pid file over a reload that would leave it without one", LIMIT, async () => {
    const proxy = new Installation("named", await freePort());
    assertEquals(await runProgram("-c", proxy.path), FINE);
    const before = readFileSync(proxy.path, "utf8");
    writeFileSync(proxy.path, before.replace(/^pid .*?;/, "daemon off;"));
    process.kill(proxy.pid, "SIGHUP");
    await proxy.logs('logs/nginx.pid" failed');
    writeFileSync(proxy.path, before);
    await proxy.stop();
  });

  it("has the log say why the program that was to replace it does not start", REPLACED, async () => {
    const proxy = new Installation("replaced", await freePort());
    assertEquals(await runProgram("-c", proxy.path), FINE);
    const [before, first] = [readFileSync(proxy.path, "utf8"), proxy.pid];
    writeFileSync(proxy.path, `${before} nonsense;`);
    process.kill(first, "SIGUSR2");
    await proxy.logs("exited with code 1");
    assertMatch(proxy.log, /^postern: \[emerg\] unknown directive "nonsense" in .*\n(.*\n)*.* new binary process/m);

    writeFileSync(proxy.path, before);
    await eventually(() => proxy.pidIfAny === first, () => proxy.log, 30_000);
    process.kill(first, "SIGUSR2");
    const isReplaced = () => ![undefined, first].includes(proxy.pidIfAny);
    await eventually(isReplaced, () => proxy.log, 30_000);
    // A log that somebody kept open would take up its place when it is long gone.
    const workers = () => [...proxy.log.matchAll(/start worker process (\d+)/g)].map(([, pid]) => Number(pid));
    await eventually(() => workers().length > 1, () => proxy.log, 30_000);
    for (const pid of [proxy.pid, ...workers().slice(-1)]) {
      await eventually(() => readlinkSync(`/proc/${pid}/fd/2`) === "/dev/null", () => "it is the log", 30_000);
    }
    process.kill(first, "SIGQUIT");
    await eventually(() => !existsSync(proxy.file("pid.oldbin")), () => proxy.log, 30_000);
    await proxy.stop();
  });

  it("has the log say why a worker of a program that is broken does not start", SCRIPT, async () => {
    const proxy = new Installation("broken", await freePort());
    assertEquals(await new Program(["-c", proxy.path], { script: FRAGILE }).ending, FINE);
    const mark = folder.write("broken.conf.upgrade", "");
    assertEquals(await proxy.tell("reload"), FINE);
    await proxy.logs("a worker process ended before it could listen: with code 1");
    await proxy.logs('the program may be broken: run it with "-t" to see what it says');
    // What stands in the way on Deno is said in its adapter.
    if (!("Deno" in globalThis)) assertStringIncludes(proxy.log, "half an upgrade");
    const { code, stderr } = await new Program(["-t", "-c", proxy.path], { script: FRAGILE }).ending;
    assertEquals([code, stderr.includes("half an upgrade")], [1, true]);
    // Those of the program that is whole keep no log open.
    rmSync(mark);
    assertEquals(await proxy.tell("reload"), FINE);
    await proxy.logs("] " + `${proxy.pid}#0: reconfigured`);
    const [, worker] = [...proxy.log.matchAll(/start worker process (\d+)/g)].at(-1) ?? [];
    assert(readlinkSync(`/proc/${worker}/fd/2`) !== proxy.file("log"));
    await proxy.stop();
  });

  it("WINCH sends the workers away: who connects waits, and HUP brings workers back", LIMIT, async () => {
    const proxy = new Installation("winch", await freePort());
    assertEquals(await runProgram("-c", proxy.path), FINE);
    renameSync(proxy.file("log"), proxy.file("old"));
    assertEquals(await proxy.tell("reopen"), FINE);
    await eventually(() => existsSync(proxy.file("log")), () => "there is no new log", 30_000);
    process.kill(proxy.pid, "SIGWINCH");
    await proxy.logs("exited with code 0");
    const client = await connectTo(proxy.port);
    assertEquals(await proxy.tell("reload"), FINE);
    await client.expect(WORDS.imap.greeting);
    await client.ask("a NOOP\r\n", "a OK completed\r\n");
    client.destroy();
    await proxy.stop();
  });
});
