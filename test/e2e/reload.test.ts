import { assertEquals, assertStringIncludes } from "@std/assert";
import { existsSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { freePort } from "../support/free_ports.ts";
import { Program, runProgram, TestFolder } from "../support/program.ts";

const LIMIT = { timeout: 180_000 };
const folder = new TestFolder();
after(() => folder.remove());

/** A client that hears line by line. */
class Client {
  readonly #socket: Socket;
  readonly closed: Promise<void>;
  #heard = "";
  #wake: () => void = () => {};

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1").setEncoding("latin1");
    this.#socket.on("error", () => {}).on("data", (text: string) => {
      this.#heard += text;
      this.#wake();
    });
    this.closed = new Promise((resolve) => this.#socket.on("close", () => resolve()));
  }

  async line(): Promise<string> {
    while (!this.#heard.includes("\r\n")) await new Promise<void>((resolve) => this.#wake = resolve);
    const end = this.#heard.indexOf("\r\n");
    const line = this.#heard.slice(0, end);
    this.#heard = this.#heard.slice(end + 2);
    return line;
  }

  say(line: string): Promise<string> {
    this.#socket.write(`${line}\r\n`);
    return this.line();
  }

  end(): Promise<void> {
    this.#socket.destroy();
    return this.closed;
  }
}

/** The text of a configuration with an IMAP server on each port. */
function config(name: string, mail: string, ports: readonly number[]): string {
  const servers = ports.map((port) => `server { listen 127.0.0.1:${port}; protocol imap; }`).join("\n");
  return `daemon off; pid ${join(folder.path, `${name}.pid`)}; error_log stderr notice;
    events {}
    mail { auth_http 127.0.0.1:1/; ${mail} ${servers} }`;
}

describe("a reload", () => {
  it("gives new sessions the new settings, leaves old ones theirs, and moves listeners", LIMIT, async () => {
    const [kept, dropped, added] = [await freePort(), await freePort(), await freePort()];
    const path = folder.write("swap.conf", config("swap", "imap_capabilities OLD;", [kept, dropped]));
    const program = new Program(["-c", path]);
    await program.prints("start worker process");
    const old = new Client(kept);
    assertEquals(await old.line(), "* OK IMAP4 ready");

    writeFileSync(path, config("swap", "imap_capabilities NEW;", [kept, added]));
    program.signal("SIGHUP");
    await program.prints("] " + `${program.child.pid}#0: reconfigured`);

    assertEquals(await old.say("a CAPABILITY"), "* CAPABILITY OLD AUTH=PLAIN SASL-IR");
    assertEquals(await old.line(), "a OK completed");
    for (const port of [kept, added]) {
      const client = new Client(port);
      assertEquals(await client.line(), "* OK IMAP4 ready");
      assertEquals(await client.say("a CAPABILITY"), "* CAPABILITY NEW AUTH=PLAIN SASL-IR");
      await client.end();
    }
    await new Client(dropped).closed;
    assertEquals(await old.say("b NOOP"), "b OK completed");
    await old.end();
    program.signal("SIGTERM");
    assertEquals((await program.ending).code, 0);
  });

  it("with a file that is wrong changes nothing and says why", LIMIT, async () => {
    const [port, taken] = [await freePort(), await freePort()];
    const path = folder.write("wrong.conf", config("wrong", "imap_capabilities OLD;", [port]));
    const program = new Program(["-c", path]);
    await program.prints("start worker process");

    writeFileSync(path, config("wrong", "imap_capabilites NEW;", [port]));
    program.signal("SIGHUP");
    await program.prints(`[emerg] ${program.child.pid}#0: unknown directive "imap_capabilites" in ${path}:3`);

    const other = new Client(port);
    assertEquals(await other.line(), "* OK IMAP4 ready");
    const blocker = new Program(["-c", folder.write("blocker.conf", config("blocker", "", [taken]))]);
    await blocker.prints("start worker process");
    writeFileSync(path, config("wrong", "imap_capabilities NEW;", [port, taken]));
    program.signal("SIGHUP");
    await program.prints("still could not bind()");

    const client = new Client(port);
    assertEquals(await client.line(), "* OK IMAP4 ready");
    assertEquals(await client.say("a CAPABILITY"), "* CAPABILITY OLD AUTH=PLAIN SASL-IR");
    await Promise.all([client.end(), other.end()]);
    for (const each of [program, blocker]) {
      each.signal("SIGTERM");
      assertEquals((await each.ending).code, 0);
    }
  });

  it("changes what a listener that stays expects of its clients", LIMIT, async () => {
    const port = await freePort();
    const listening = (parameter: string) =>
      `daemon off; pid ${join(folder.path, "header.pid")}; error_log stderr notice;
      events {} mail { auth_http 127.0.0.1:1/; server { listen 127.0.0.1:${port} ${parameter}; protocol imap; } }`;
    const path = folder.write("header.conf", listening(""));
    const program = new Program(["-c", path]);
    await program.prints("start worker process");
    writeFileSync(path, listening("proxy_protocol"));
    program.signal("SIGHUP");
    await program.prints("reconfigured");
    const client = new Client(port);
    assertEquals(await client.say("PROXY TCP4 192.0.2.1 198.51.100.2 56324 143"), "* OK IMAP4 ready");
    assertEquals(await client.say("a NOOP"), "a OK completed");
    await client.end();
    program.signal("SIGTERM");
    assertEquals((await program.ending).code, 0);
  });

  it("changes nothing when the pid file cannot be moved", LIMIT, async () => {
    const [port, added] = [await freePort(), await freePort()];
    const path = folder.write("stuck.conf", config("stuck", "imap_capabilities OLD;", [port]));
    const program = new Program(["-c", path]);
    await program.prints("start worker process");
    writeFileSync(path, config("missing/stuck", "imap_capabilities NEW;", [port, added]));
    program.signal("SIGHUP");
    await program.prints(
      `open() "${folder.path}/missing/stuck.pid" failed (2: No such file or directory) in ${path}:1\n`,
    );
    await program.prints('name another file by "pid"');

    const client = new Client(port);
    assertEquals(await client.line(), "* OK IMAP4 ready");
    assertEquals(await client.say("a CAPABILITY"), "* CAPABILITY OLD AUTH=PLAIN SASL-IR");
    await client.end();
    await new Client(added).closed;
    program.signal("SIGTERM");
    await program.ending;
    assertEquals(existsSync(join(folder.path, "stuck.pid")), false);
  });

  for (const master of ["on", "off"]) {
    it(`tells the log where a mistake is and what may help, master_process ${master}`, LIMIT, async () => {
      const port = await freePort();
      const written = (line: string) => `master_process ${master};\n${config("wrong", `\n${line}\n`, [port])}`;
      const path = folder.write("wrong.conf", written(""));
      const program = new Program(["-c", path]);
      await program.prints("start worker process");
      const said = `[emerg] ${program.child.pid}#0: `;
      for (
        const [line, text, hint] of [
          ["imap_capabilites IDLE;", 'unknown directive "imap_capabilites"', 'did you mean "imap_capabilities"?'],
          [
            `access_log ${folder.path}/none/a.log;`,
            `open() "${folder.path}/none/a.log" failed (2: No such file or directory)`,
            "a log's folder has to be there",
          ],
          [
            `starttls on; ssl_certificate ${path}; ssl_certificate_key ${path};`,
            `cannot load certificate "${path}": PEM_read_bio_X509_AUX() failed (SSL: error:0480006C:PEM routines::` +
            "no start line:Expecting: TRUSTED CERTIFICATE)",
          ],
        ] as const
      ) {
        writeFileSync(path, written(line));
        program.signal("SIGHUP");
        await program.prints(`${said}${text} in ${path}:5\n`);
        if (hint !== undefined) await program.prints(`${said}${hint}`);
      }
      program.signal("SIGTERM");
      assertEquals((await program.ending).code, 0);
    });
  }

  it("moves the pid file when the configuration does", LIMIT, async () => {
    const port = await freePort();
    const path = folder.write("move.conf", config("before", "", [port]));
    const program = new Program(["-c", path]);
    await program.prints("start worker process");
    writeFileSync(path, config("behind", "", [port]));
    program.signal("SIGHUP");
    await program.prints("reconfigured");
    assertEquals(["before.pid", "behind.pid"].map((name) => existsSync(join(folder.path, name))), [false, true]);
    program.signal("SIGTERM");
    await program.ending;
    assertEquals(existsSync(join(folder.path, "behind.pid")), false);
  });
});

describe("-s", () => {
  it("reloads, reopens and stops the running process", LIMIT, async () => {
    const path = folder.write("signal.conf", config("signal", "", [await freePort()]));
    const program = new Program(["-c", path]);
    await program.prints("start worker process");
    for (const [word, notice] of [["reload", "reconfigured"], ["reopen", "reopening logs"], ["stop", "exiting"]]) {
      assertEquals(await runProgram("-s", word ?? "", "-c", path), { code: 0, stdout: "", stderr: "" });
      await program.prints(notice ?? "");
    }
    assertEquals((await program.ending).code, 0);

    const { code, stderr } = await runProgram("-s", "quit", "-c", path);
    assertEquals(code, 1);
    const pid = join(folder.path, "signal.pid");
    assertEquals(stderr, `postern: [error] open() "${pid}" failed (2: No such file or directory)\n`);
  });

  it("tells nobody when the file is wrong, the word unknown, or the process gone", LIMIT, async () => {
    const unknown = await runProgram("-s", "restart");
    assertEquals(unknown, { code: 1, stdout: "", stderr: 'postern: invalid option: "-s restart"\n' });

    const path = folder.write("gone.conf", config("gone", "", [await freePort()]));
    const pid = folder.write("gone.pid", "\n");
    assertEquals(
      (await runProgram("-s", "reload", "-c", path)).stderr,
      `postern: [error] invalid PID number "" in "${pid}"\n`,
    );
    folder.write("gone.pid", "4194304\n");
    assertEquals(
      (await runProgram("-s", "reload", "-c", path)).stderr,
      "postern: [alert] kill(4194304, 1) failed (3: No such process)\n",
    );
    folder.write("gone.conf", "mail {");
    assertStringIncludes((await runProgram("-s", "reload", "-c", path)).stderr, "[emerg] unexpected end of file");
  });
});
