import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { freePort } from "../support/free_ports.ts";
import { Program, runProgram, TestFolder } from "../support/program.ts";

const LIMIT = { timeout: 180_000 };
/** A disk without room, which not every system has at hand. */
const FULL = { ...LIMIT, skip: existsSync("/dev/full") ? false : "there is no /dev/full" };
const folder = new TestFolder();
after(() => folder.remove());

/** A configuration that logs to stderr, with its own pid file. */
function config(name: string, mail: string, main = ""): string {
  const pid = join(folder.path, `${name}.pid`);
  return folder.write(`${name}.conf`, `daemon off; pid ${pid}; ${main}\nevents {}\nmail {\n${mail}\n}\n`);
}

const SERVER = (port: number) => `auth_http 127.0.0.1:1/; server { listen 127.0.0.1:${port}; protocol imap; }`;

describe("the command line", () => {
  it("tells its version on stderr", LIMIT, async () => {
    const short = await runProgram("-v");
    assertEquals([short.code, short.stdout], [0, ""]);
    assertMatch(short.stderr, /^postern version: postern\/\d+\.\d+\.\d+\n$/);
    const long = await runProgram("-V");
    assertMatch(
      long.stderr,
      /^postern version: .*\n.*nginx\/1\.31.*\nbuilt with \w+ [\d.]+\nbuilt with .*\nconfigure arguments: .*--with-mail/,
    );
  });

  it("tells its flags", LIMIT, async () => {
    const { code, stderr } = await runProgram("-?");
    assertEquals(code, 0);
    for (const flag of ["-t", "-T", "-q", "-p prefix", "-c filename", "-e filename", "-g directives"]) {
      assertStringIncludes(stderr, flag);
    }
  });

  for (
    const [args, message] of [
      [["-x"], 'postern: invalid option: "x"\n'],
      [["-tx"], 'postern: invalid option: "tx"\n'],
      [["serve"], 'postern: invalid option: "serve"\n'],
      [["-c"], 'postern: option "-c" requires file name\n'],
      [["-p"], 'postern: option "-p" requires directory name\n'],
    ] as const
  ) {
    it(`refuses ${args.join(" ")}`, LIMIT, async () => {
      assertEquals(await runProgram(...args), { code: 1, stdout: "", stderr: message });
    });
  }

  it("tests a configuration, bundled flags and attached values too", LIMIT, async () => {
    const path = config("good", SERVER(await freePort()));
    assertEquals(await runProgram("-t", "-c", path), {
      code: 0,
      stdout: "",
      stderr: `postern: the configuration file ${path} syntax is ok\n` +
        `postern: configuration file ${path} test is successful\n`,
    });
    assertEquals(readFileSync(join(folder.path, "good.pid"), "utf8"), "");
    assertEquals(await runProgram("-tq", `-c${path}`), { code: 0, stdout: "", stderr: "" });
    const dump = await runProgram("-Tq", "-p", folder.path, "-c", "good.conf", "-e", "stderr");
    assertEquals(dump.stdout, `# configuration file ${path}:\n${readFileSync(path, "utf8")}\n`);
  });

  it("says so when the file of -e cannot be written, and goes on with those of the configuration", LIMIT, async () => {
    const path = config("logs", SERVER(await freePort()), "error_log stderr;");
    const log = join(folder.path, "missing", "error.log");
    const { code, stderr } = await runProgram("-tq", "-c", path, "-e", log);
    const failed = `open() "${log}" failed (2: No such file or directory)`;
    assertEquals([code, stderr], [0, `postern: [alert] could not open error log file: ${failed}\n`]);
  });

  it("says where a configuration is wrong, and what may be meant", LIMIT, async () => {
    const path = config("bad", "\nimap_capabilites IDLE;");
    assertEquals(await runProgram("-t", "-c", path), {
      code: 1,
      stdout: "",
      stderr: `postern: [emerg] unknown directive "imap_capabilites" in ${path}:5\n` +
        `postern: did you mean "imap_capabilities"?\n` +
        `postern: configuration file ${path} test failed\n`,
    });
    const missing = await runProgram("-c", join(folder.path, "none.conf"));
    assertEquals(missing.code, 1);
    assertEquals(
      missing.stderr,
      `postern: [emerg] open() "${folder.path}/none.conf" failed (2: No such file or directory)\n`,
    );
  });
});

const NO_FILE = "failed (2: No such file or directory)";
const LOG_HINT = "a log's folder has to be there; where its path is relative, it starts from the prefix, see -p";

/** Named in line 4 of {@linkcode config}. */
const UNUSABLE: readonly [line: string, said: (folder: string, place: string) => string][] = [
  [
    "ssl_certificate none.pem; ssl_certificate_key none.key;",
    (folder, place) =>
      `[emerg] cannot load certificate "${folder}/none.pem": BIO_new_file() failed (SSL: error:80000002:system library::` +
      `No such file or directory:calling fopen(${folder}/none.pem, r) error:10000080:BIO routines::no such file)${place}\n`,
  ],
  ["auth_users_file none;", (folder, place) => `[emerg] open() "${folder}/none" ${NO_FILE}${place}\n`],
  ["auth_users_file .;", (folder, place) => `[emerg] open() "${folder}/." failed (21: Is a directory)${place}\n`],
  [
    "error_log none/e.log;",
    (folder, place) => `[emerg] open() "${folder}/none/e.log" ${NO_FILE}${place}\npostern: ${LOG_HINT}\n`,
  ],
  [
    "access_log none/a.log;",
    (folder, place) => `[emerg] open() "${folder}/none/a.log" ${NO_FILE}${place}\npostern: ${LOG_HINT}\n`,
  ],
];

describe("a file that cannot be used", () => {
  it("may be the log that no configuration names", LIMIT, async () => {
    const path = config("unnamed", SERVER(await freePort()));
    assertEquals(await runProgram("-tq", "-p", join(folder.path, "none"), "-c", path), {
      code: 1,
      stdout: "",
      stderr: `postern: [emerg] open() "${folder.path}/none/logs/error.log" ${NO_FILE}\n` +
        'postern: name another log by "error_log" or -e, or make its folder one that is there and can be written\n' +
        `postern: configuration file ${path} test failed\n`,
    });
  });

  for (const [line, said] of UNUSABLE) {
    it(`is told in the place of ${line}`, LIMIT, async () => {
      const auth = line.startsWith("auth_") ? "" : "auth_http 127.0.0.1:1/;";
      const tls = line.startsWith("ssl_") ? "ssl" : "";
      const server =
        `${auth} server { listen 127.0.0.1:${await freePort()} ${tls}; protocol imap; proxy_pass 127.0.0.1; }`;
      const path = config("unusable", `${line}\n${server}`);
      assertEquals(await runProgram("-tq", "-p", folder.path, "-e", "stderr", "-c", path), {
        code: 1,
        stdout: "",
        stderr: `postern: ${said(folder.path, ` in ${path}:4`)}postern: configuration file ${path} test failed\n`,
      });
    });
  }
});

describe("the life of the process", () => {
  for (
    const [signal, notice] of [["SIGTERM", "exiting"], ["SIGINT", "exiting"], ["SIGQUIT", "shutting down"]] as const
  ) {
    it(`has a pid file from the first connection to the end that ${signal} brings`, LIMIT, async () => {
      const port = await freePort();
      const path = config(signal, SERVER(port), "error_log stderr notice;");
      const pid = join(folder.path, `${signal}.pid`);
      const program = new Program(["-c", path]);
      await program.prints("start worker process");
      assertEquals(readFileSync(pid, "utf8"), `${program.child.pid}\n`);
      assertEquals(await greet(port), "* OK IMAP4 ready\r\n");
      program.signal(signal);
      const { code, stderr } = await program.ending;
      assertEquals(code, 0);
      assertEquals(existsSync(pid), false);
      assertStringIncludes(stderr, `(${signal}) received, ${notice}`);
      assertMatch(stderr, /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[notice\] \d+#0: postern\/[\d.]+ \(nginx\/1\.31/);
    });
  }

  it("tells a client that is not logged in when it stops at once, and waits for it when not", LIMIT, async () => {
    const port = await freePort();
    const program = new Program(["-c", config("bye", SERVER(port), "error_log stderr notice;")]);
    await program.prints("start worker process");
    const client = connect(port, "127.0.0.1").setEncoding("latin1");
    let heard = "";
    const greeted = new Promise<void>((resolve) =>
      client.on("data", (text: string) => {
        heard += text;
        resolve();
      })
    );
    const closed = new Promise<void>((resolve) => client.on("close", () => resolve()));
    await greeted;
    program.signal("SIGQUIT");
    await program.prints("shutting down");
    assertEquals(heard, "* OK IMAP4 ready\r\n");
    program.signal("SIGTERM");
    await closed;
    assertEquals(heard, "* OK IMAP4 ready\r\n* BYE shutting down\r\n");
    assertEquals((await program.ending).code, 0);
  });

  it("reopens its logs on USR1", LIMIT, async () => {
    const log = join(folder.path, "rotated.log");
    const path = config("rotate", SERVER(await freePort()), `error_log ${log} notice; error_log stderr notice;`);
    const program = new Program(["-c", path]);
    await program.prints("start worker process");
    renameSync(log, `${log}.1`);
    program.signal("SIGUSR1");
    await program.prints("reopening logs");
    program.signal("SIGTERM");
    await program.ending;
    assertStringIncludes(readFileSync(`${log}.1`, "utf8"), "start worker process");
    assertStringIncludes(readFileSync(log, "utf8"), "exiting");
  });

  for (const master of ["on", "off"]) {
    it(`says in its log as well why it does not start, master_process ${master}`, LIMIT, async () => {
      const log = join(folder.path, `start-${master}.log`);
      const main = `master_process ${master}; error_log ${log};`;
      const port = await freePort();
      for (
        const [lines, text] of [
          ["starttls on; ssl_certificate none; ssl_certificate_key none;", "cannot load certificate"],
          ["resolver name.invalid;", 'host not found in resolver "name.invalid"'],
          ["error_log none/e.log;", `open() "${folder.path}/none/e.log" failed`],
          ["", `open() "${folder.path}/none/p.pid" failed`],
        ] as const
      ) {
        const path = config("unstarted", `${lines} ${SERVER(port)}`, main);
        if (lines === "") writeFileSync(path, readFileSync(path, "utf8").replace("unstarted.pid", "none/p.pid"));
        const { code, stderr } = await runProgram("-p", folder.path, "-c", path);
        const [, said = "", ...hints] = stderr.split(/postern: (?:\[emerg\] )?/);
        assertEquals([code, said.startsWith(text)], [1, true], stderr);
        const logged = readFileSync(log, "utf8").split("\n").slice(-2 - hints.length, -1);
        const withoutTime = logged.map((line) => line.replace(/^.*?\[emerg\] \d+#0: /, "") + "\n");
        assertEquals(withoutTime, [said, ...hints]);
      }
    });
  }

  for (const [what, link] of [["one that is empty", "full.pid"], ["one that is new", "full.pid.try"]] as const) {
    it(`accepts nobody where nothing can be written to its pid file, ${what}`, FULL, async () => {
      const path = config("full", SERVER(await freePort()), "error_log stderr notice;");
      const pid = join(folder.path, "full.pid");
      const hint = 'name another file by "pid", or make its folder one that is there and can be written';
      const failed =
        `postern: [emerg] write() "${pid}" failed (28: No space left on device) in ${path}:1\npostern: ${hint}\n`;
      for (const args of [[], ["-g", "master_process off;"], ["-tq"]]) {
        rmSync(pid, { force: true });
        symlinkSync("/dev/full", join(folder.path, link));
        const { code, stderr } = await runProgram("-c", path, ...args);
        assertEquals([code, stderr.slice(0, failed.length)], [1, failed]);
        assertEquals(stderr.includes("notice"), false);
      }
    });
  }

  it("is told by -t as well that its pid file is none that can be written", LIMIT, async () => {
    const path = config("folder", SERVER(await freePort()));
    mkdirSync(join(folder.path, "folder.pid"));
    const { code, stderr } = await runProgram("-tq", "-c", path);
    assertEquals(code, 1);
    assertStringIncludes(
      stderr,
      `[emerg] open() "${folder.path}/folder.pid" failed (21: Is a directory) in ${path}:1\n`,
    );
  });

  it("says so when an address is taken, and starts nothing", LIMIT, async () => {
    const port = await freePort();
    const first = new Program(["-c", config("first", SERVER(port), "error_log stderr notice;")]);
    await first.prints("start worker process");
    const path = config("second", SERVER(port));
    const { code, stderr } = await runProgram("-c", path);
    assertEquals(code, 1);
    const failed = `postern: [emerg] bind() to 127.0.0.1:${port} failed (98: Address already in use)\n`;
    const hint = `the "listen" directive stands in ${path}:4: another program has the address, "ss -ltnp" names it\n`;
    assertEquals(stderr, `${failed.repeat(5)}postern: [emerg] still could not bind()\npostern: ${hint}`);
    const log = join(folder.path, "second.log");
    await runProgram("-c", config("second", SERVER(port), `error_log ${log};`));
    assertMatch(
      readFileSync(log, "utf8"),
      /\[emerg\] \d+#0: bind\(\) to .* failed \(98: Address already in use\)\n.*still could not bind\(\)\n.* the "listen" directive stands in [^\n]*\n$/s,
    );
    assert(!existsSync(join(folder.path, "second.pid")));
    first.signal("SIGTERM");
    assertEquals((await first.ending).code, 0);
  });
});

/** Connects and gives back the first words. */
function greet(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1").setEncoding("latin1").on("error", reject);
    socket.once("data", (text: string) => {
      resolve(text);
      socket.destroy();
    });
  });
}
