import { after, before, describe, it } from "node:test";
import { spawnSync } from "node:child_process";
import { chownSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { openKernel } from "../../adapters/_kernel.ts";
import { loadRuntime } from "../../adapters/detect.ts";
import { isFailure, type Runtime } from "../../src/runtime.ts";
import { needs } from "../support/clients.ts";
import { programCommand } from "../support/program.ts";

describe("a runtime", () => {
  let runtime: Runtime;
  let folder: string;

  before(async () => {
    runtime = await loadRuntime();
    folder = mkdtempSync(join(tmpdir(), "postern-world-"));
  });

  after(() => rmSync(folder, { recursive: true }));

  it("says what it is", () => {
    const expected = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";
    assertEquals(runtime.name, expected);
    assertMatch(runtime.version, /^\d+\.\d+\.\d+/);
    assertMatch(runtime.tlsLibrary, { node: /^OpenSSL \d/, deno: /^rustls/, bun: /^BoringSSL/ }[expected]);
  });

  it("says what it does not do as asked", () => {
    const states = Object.entries(runtime.capabilities).map(([name, { state }]) => `${name}: ${state}`);
    const probes = runtime.name === "node" && Number.parseInt(runtime.version) >= 26 ? "yes" : "no";
    assertEquals(states.sort(), [
      `listen.backlog: ${runtime.name === "node" ? "yes" : "no"}`,
      "listen.bufferSizes: no",
      `listen.ipv6Only: ${runtime.name === "deno" ? "emulated" : "yes"}`,
      `listen.keepAliveIdle: ${runtime.name === "deno" ? "yes" : probes}`,
      `listen.keepAliveProbes: ${probes}`,
      "listen.multipath: no",
      `log.unixDatagram: ${openKernel() === undefined ? "no" : "yes"}`,
      `process.replace: ${runtime.name === "deno" ? "no" : "yes"}`,
      ...TLS_CAPABILITIES.map(([name, node, deno, bun]) => `tls.${name}: ${{ node, deno, bun }[runtime.name]}`),
    ]);
  });

  describe("its clocks", () => {
    it("agree on what passes, and one never goes back", async () => {
      const [now, date] = [runtime.now(), runtime.date()];
      await new Promise<void>((resolve) => runtime.timer(50, resolve) && keepAlive(200));
      assert(runtime.now() - now >= 45, `${runtime.now() - now} ms`);
      assert(runtime.date() > date);
      assert(Math.abs(runtime.date() - new Date().getTime()) < 1_000);
      assertEquals(runtime.utcOffset(0), -new Date(0).getTimezoneOffset());
    });

    it("ring in order, and not when they are cancelled", async () => {
      const rung: string[] = [];
      const done = keepAlive(5_000);
      await new Promise<void>((resolve) => {
        runtime.timer(40, () => rung.push("second"));
        const cancel = runtime.timer(20, () => rung.push("cancelled"));
        runtime.timer(0, () => rung.push("first"));
        runtime.timer(2 ** 40, () => rung.push("in 34 years"));
        cancel();
        cancel();
        runtime.timer(80, resolve);
      });
      done();
      assertEquals(rung, ["first", "second"]);
    });
  });

  describe("its files", () => {
    it("are written, read, listed and removed by octet paths", () => {
      const { files } = runtime;
      // The octets of "ä" in UTF-8.
      const path = `${folder}/m\xc3\xa4il.conf`;
      assertEquals(files.exists(path), false);
      assertEquals(files.write(path, "\xff\xfe\n"), undefined);
      assertEquals(files.read(path), toBytes([0xff, 0xfe, 0x0a]));
      writeFileSync(join(folder, "a"), "");
      assertEquals(files.list(folder), ["a", "m\xc3\xa4il.conf"]);
      assertEquals(files.exists(path), true);
      assertEquals(files.remove(path), undefined);
      assertEquals(files.remove(join(folder, "a")), undefined);
      assertEquals(files.list(folder), []);
    });

    it("look different after every change", () => {
      const { files } = runtime;
      const path = join(folder, "changing");
      files.write(path, "one");
      const looks = [files.look(path)];
      files.write(path, "other");
      looks.push(files.look(path));
      files.write(join(folder, "next"), "third");
      renameSync(join(folder, "next"), path);
      looks.push(files.look(path), files.look(path));
      const stamps = looks.map((look) => isFailure(look) ? look.text : look.stamp);
      assertEquals(looks.map((look) => isFailure(look) ? look.text : look.size), [3, 5, 5, 5]);
      assertEquals(new Set(stamps.slice(0, 3)).size, 3);
      assertEquals(stamps[2], stamps[3]);
      files.remove(path);
    });

    it("say why not", () => {
      const { files } = runtime;
      const missing = { number: 2, text: "No such file or directory" };
      assertEquals(files.read(`${folder}/missing`), missing);
      assertEquals(files.list(`${folder}/missing`), missing);
      assertEquals(files.look(`${folder}/missing`), missing);
      assertEquals(files.remove(`${folder}/missing`), missing);
      assertEquals(files.write(`${folder}/missing/file`, "x"), missing);
      assertEquals(files.openLog(`${folder}/missing/log`), missing);
      assertEquals(files.read(folder), { number: 21, text: "Is a directory" });
    });

    it("are logs that go on in a new file after a rotation", () => {
      const { files } = runtime;
      const [path, rotated] = [`${folder}/error.log`, `${folder}/error.log.1`];
      files.write(path, "before\n");
      const log = files.openLog(path);
      assert(!isFailure(log));
      log.write("one\n");
      files.write(rotated, text(files.read(path)));
      assertEquals(files.remove(path), undefined);
      log.write("into the old one\n");
      assertEquals(log.reopen(), undefined);
      log.write("two \xe9\n");
      log.close();
      log.close();
      log.write("never");
      assertEquals(text(files.read(rotated)), "before\none\n");
      assertEquals(text(files.read(path)), "two \xe9\n");
    });

    it("are given to another user, and keep their group", needs("root"), () => {
      const { files } = runtime;
      const [old, made] = [`${folder}/old`, `${folder}/made`];
      files.write(old, "kept");
      chownSync(old, 0, 4);
      for (const path of [old, made]) assertEquals(files.give(path, { uid: 65534 }), undefined);
      const owners = [old, made].map((path) => statSync(path)).map(({ uid, gid }) => [uid, gid]);
      assertEquals(owners, [[65534, 4], [65534, process.getgid?.()]]);
      assertEquals(text(files.read(old)), "kept");
    });

    it("have each line of a log for itself, also behind one that a full disk cut off", () => {
      const { files } = runtime;
      const path = `${folder}/full.log`;
      const log = files.openLog(path);
      assert(!isFailure(log));
      log.write("one\n");
      const losses = withFilesUpTo(
        10,
        () => ["two\nthree\nfour\n", "five\n", "six\nseven\n"].map((text) => log.write(text)),
      );
      assertEquals(losses.map((failure) => failure?.lost), [2, 1, 2]);
      assertEquals(text(files.read(path)), "one\ntwo\nth");
      for (const lines of ["eight\n", "nine\n"]) assertEquals(log.write(lines), undefined);
      assertEquals(text(files.read(path)), "one\ntwo\nth\neight\nnine\n");
      withFilesUpTo(1, () => log.write("ten\n"));
      files.remove(path);
      log.reopen();
      log.write("eleven\n");
      log.close();
      assertEquals(text(files.read(path)), "eleven\n");
    });

    it("keep a log whose new file cannot be opened", () => {
      const { files } = runtime;
      files.write(`${folder}/plain`, "");
      const path = `${folder}/log`;
      const log = files.openLog(path);
      assert(!isFailure(log));
      files.remove(path);
      rmSync(folder, { recursive: true });
      const failure = log.reopen();
      assertEquals(failure, { number: 2, text: "No such file or directory" });
      log.write("still no exception\n");
      log.close();
      folder = mkdtempSync(join(tmpdir(), "postern-world-"));
    });
  });

  describe("its process", () => {
    it("knows itself", () => {
      const { process } = runtime;
      assert(process.pid > 1);
      assertEquals(typeof process.isRoot, "boolean");
      assert(process.hostname.length > 0);
      assert(runtime.files.exists(`${process.workingDirectory()}/deno.json`));
      assert((process.environment("PATH") ?? "").length > 0);
      assertEquals(process.environment("POSTERN_NO_SUCH_VARIABLE"), undefined);
    });

    it("hears signals, also when they come twice", async () => {
      const { process } = runtime;
      // Under its own test runner Node writes a report at SIGUSR2.
      for (const name of ["SIGHUP", "SIGUSR1", "SIGWINCH", "SIGQUIT"] as const) {
        const done = keepAlive(5_000);
        let heard = 0;
        let wake: () => void = () => {};
        process.onSignal(name, () => {
          heard++;
          wake();
        });
        for (let i = 1; i <= 2; i++) {
          const next = new Promise<void>((resolve) => wake = resolve);
          assertEquals(process.kill(process.pid, name), undefined);
          await next;
          assertEquals(heard, i);
        }
        done();
      }
    });

    it("outlives errors that nobody caught, and tells them", { timeout: 60_000 }, () => {
      const [command, ...args] = programCommand();
      args[args.length - 1] = join(import.meta.dirname ?? "", "..", "support", "uncaught.ts");
      const { status, stdout } = spawnSync(command, args, { encoding: "latin1" });
      assertEquals([status, stdout], [7, "heard Error: thrown\nheard Error: rejected\n"]);
    });

    it("says that there is nobody to signal", () => {
      assertEquals(runtime.process.kill(2 ** 22 + 1, "SIGHUP"), { number: 3, text: "No such process" });
    });
  });

  it("looks names up", async () => {
    assert(!isFailure(await runtime.lookup("localhost")));
    assertEquals(await runtime.lookup("127.0.0.1"), ["127.0.0.1"]);
    assertEquals(await runtime.lookup("::1"), ["::1"]);
    const failure = await runtime.lookup("nobody.invalid");
    assert(isFailure(failure));
    assertEquals(failure.number, 0);
  });

  it("draws random octets", () => {
    const bytes = new Uint8Array(100_000);
    assertEquals(runtime.random(bytes) === bytes, true);
    const seen = new Set(bytes);
    assertEquals(seen.size, 256);
  });

  it("counts its descriptors", () => {
    const before = runtime.descriptors();
    assert(before.limit >= 256 && before.open > 2 && before.open < before.limit, JSON.stringify(before));
    const log = runtime.files.openLog(`${folder}/one more`);
    assert(!isFailure(log));
    assertEquals(runtime.descriptors().open, before.open + 1);
    log.close();
    assertEquals(runtime.descriptors().open, before.open);
  });
});

/** What each runtime says of its TLS library: Node, Deno, Bun. */
const TLS_CAPABILITIES = [
  ["ciphers", "yes", "emulated", "yes"],
  ["ciphersuites", "yes", "no", "no"],
  ["clientCiphers", "yes", "emulated", "yes"],
  ["clientSessionReuse", "yes", "no", "yes"],
  ["confCommand", "no", "no", "no"],
  ["crl", "yes", "emulated", "yes"],
  ["curves", "yes", "emulated", "yes"],
  ["dhparam", "yes", "no", "no"],
  ["longTicketKeys", "emulated", "no", "no"],
  ["oldVersions", "yes", "no", "yes"],
  ["preferServerCiphers", "yes", "no", "yes"],
  ["separateSessions", "yes", "no", "yes"],
  ["sessionCache", "emulated", "emulated", "emulated"],
  ["sessionTimeout", "yes", "no", "yes"],
  ["severalCertificates", "yes", "emulated", "yes"],
  ["ticketKeys", "yes", "no", "no"],
  ["ticketsOff", "yes", "no", "yes"],
  ["unannouncedAuthorities", "no", "no", "no"],
  ["verifyDepth", "emulated", "emulated", "emulated"],
  ["versionGaps", "yes", "yes", "no"],
] as const;

/** Does something while no file may have more octets: what a full disk is like. */
function withFilesUpTo<T>(octets: number, act: () => T): T {
  const limit = (value: string) => {
    const { status } = spawnSync("prlimit", ["--pid", `${process.pid}`, `--fsize=${value}:unlimited`]);
    assertEquals(status, 0);
  };
  const ignore = () => {};
  process.on("SIGXFSZ", ignore);
  limit(`${octets}`);
  try {
    return act();
  } finally {
    limit("unlimited");
    process.off("SIGXFSZ", ignore);
  }
}

/** The adapter's timers let the process end: something else must keep it while a test waits for them. */
function keepAlive(milliseconds: number): () => void {
  const timer = setTimeout(() => {}, milliseconds);
  return () => clearTimeout(timer);
}

function toBytes(octets: readonly number[]): Uint8Array {
  return new Uint8Array(octets);
}

function text(bytes: unknown): string {
  assert(bytes instanceof Uint8Array);
  return new TextDecoder("latin1").decode(bytes);
}
