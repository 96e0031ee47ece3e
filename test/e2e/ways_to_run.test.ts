import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { connect } from "node:net";
import { freePort } from "../support/free_ports.ts";
import { Program, TestFolder } from "../support/program.ts";

const LIMIT = { timeout: 180_000 };
const ROOT = join(import.meta.dirname, "..", "..");
const folder = new TestFolder();
after(() => folder.remove());

/** Runs one of the runtimes that the project installs, in the project's folder. */
function run(program: "deno" | "bun", args: readonly string[], environment: Record<string, string> = {}) {
  const PATH = [join(ROOT, "node_modules", ".bin"), process.env["PATH"]].join(delimiter);
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: ROOT,
    env: { ...process.env, ...environment, PATH },
    encoding: "utf8",
    // The graph of all modules has more than a MiB, which is as much as a program may say by default.
    maxBuffer: 64 * 1_048_576,
  });
  return { status, stdout, stderr };
}

describe("one binary", () => {
  it("is made by Bun, and is the whole program", LIMIT, async () => {
    const binary = join(folder.path, "postern");
    const built = run("bun", ["build", "--compile", "--outfile", binary, "src/main.ts"]);
    assertEquals(built.status, 0, built.stderr);
    const version = spawnSync(binary, ["-v"], { encoding: "utf8" });
    assertStringIncludes(version.stderr, "postern version: postern/");

    const port = await freePort();
    const config = folder.write(
      "bun.conf",
      `daemon off; worker_processes 2; pid bun.pid; error_log stderr notice; events {}
       mail { auth_http 127.0.0.1:1/; server { listen 127.0.0.1:${port}; protocol imap; } }`,
    );
    const program = new Program(["-p", folder.path, "-c", config], { command: [binary] });
    await program.prints("start worker process");
    assertEquals(await firstWords(port), "* OK IMAP4 ready\r\n");
    program.signal("SIGTERM");
    assertEquals((await program.ending).code, 0);
  });

  it(
    "would be made by Deno: every module is in the graph, and the runtime file is taken from DENORT_BIN",
    LIMIT,
    () => {
      const info = run("deno", ["info", "--json", "--node-modules-dir=manual", "mod.ts"]);
      assertEquals(info.status, 0, info.stderr);
      const modules: { specifier: string; error?: string }[] = JSON.parse(info.stdout).modules;
      assertEquals(modules.filter(({ error }) => error !== undefined), []);
      const names = modules.map(({ specifier }) => specifier);
      for (const part of ["/src/main.ts", "/adapters/deno.ts", "/src/cli/mod.ts"]) {
        assert(names.some((name) => name.endsWith(part)), `${part} is not in the graph`);
      }

      // Any program will do for the file that the graph is put behind: here Deno itself stands for its runtime.
      const binary = join(folder.path, "postern-deno");
      const deno = run("deno", ["eval", "console.log(Deno.execPath())"]).stdout.trim();
      const options = ["compile", "-A", "--no-check", "--node-modules-dir=manual", "-o", binary, "mod.ts"];
      const compiled = run("deno", options, { DENORT_BIN: deno });
      assertEquals(compiled.status, 0, compiled.stderr);
      assert(existsSync(binary));
      assert(
        readFileSync(binary).includes("a mail proxy: one IMAP, POP3 and SMTP endpoint"),
        "the program is not in it",
      );
    },
  );
});

describe("the program", () => {
  /** How many epolls its worker has when it has served two clients. */
  async function epolls(sockets: string, hasMain: boolean): Promise<number> {
    const port = await freePort();
    const config = folder.write(
      "sockets.conf",
      `daemon off; master_process ${hasMain ? "on" : "off"}; pid sockets.pid; error_log stderr notice; events {}
       mail { auth_http 127.0.0.1:1/; server { listen 127.0.0.1:${port}; protocol imap; } }`,
    );
    const wrapper = ["env", `POSTERN_SOCKETS=${sockets}`];
    const program = new Program(["-p", folder.path, "-c", config], { wrapper });
    await program.prints("start worker process");
    for (let clients = 0; clients < 2; clients++) assertEquals(await firstWords(port), "* OK IMAP4 ready\r\n");
    const [, worker] = /start worker process (\d+)/.exec(program.stderr) ?? [];
    const descriptors = `/proc/${worker}/fd`;
    const links = readdirSync(descriptors).map((name) => linkAt(join(descriptors, name)));
    program.signal("SIGTERM");
    assertEquals((await program.ending).code, 0);
    return links.filter((link) => link.endsWith("[eventpoll]")).length;
  }

  for (const hasMain of [false, true]) {
    const who = hasMain ? "its worker" : "a process alone";
    it(`has sockets of the kernel's, or of the runtime's where that is asked for: ${who}`, LIMIT, async () => {
      assertEquals(await epolls("kernel", hasMain), await epolls("runtime", hasMain) + 1);
    });
  }
});

describe("the example of docs/embedding.md", () => {
  it("is the file that is compiled and run", () => {
    const page = readFileSync(join(ROOT, "docs", "embedding.md"), "utf8");
    assertStringIncludes(page, readFileSync(join(ROOT, "docs", "examples", "embedded_proxy.ts"), "utf8"));
  });

  it("serves", LIMIT, async () => {
    const [imap, smtp] = [await freePort(), await freePort()];
    const text = readFileSync(join(ROOT, "docs", "examples", "embedded_proxy.ts"), "utf8")
      .replace("../../mod.ts", join(ROOT, "mod.ts")).replace(":1143", `:${imap}`).replace(":1587", `:${smtp}`);
    const program = new Program([], { script: folder.write("embedded.ts", text) });
    await program.prints(`listening on 127.0.0.1:${smtp}`);
    assertEquals(await firstWords(imap), "* OK IMAP4 ready\r\n");
    assertEquals(await firstWords(smtp), "220 mail.example.com ESMTP ready\r\n");
    await program.prints("imap nobody clientGone");
    program.signal("SIGKILL");
    await program.ending;
  });
});

/** What a link says; nothing when it is gone, as descriptors of connections are. */
function linkAt(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function firstWords(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1").setEncoding("latin1").on("error", reject);
    socket.once("data", (text: string) => {
      resolve(text);
      socket.destroy();
    });
  });
}
