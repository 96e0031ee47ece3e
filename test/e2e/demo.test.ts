import { spawn, spawnSync } from "node:child_process";
import { connect, createServer, type Server, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { loadRuntime } from "../../adapters/detect.ts";
import { type Demo, startDemo } from "../../src/demo/mod.ts";
import { serve } from "../../src/proxy/mod.ts";
import type { Runtime } from "../../src/runtime.ts";
import { freePort } from "../support/free_ports.ts";
import { Program } from "../support/program.ts";

const LIMIT = { timeout: 180_000 };
const ANY_PORTS = { imap: 0, pop3: 0, smtp: 0 };
const needsCurl = spawnSync("curl", ["--version"]).status === 0 ? false : "needs curl";

/** Keeps what the demo prints, call by call. */
class Printer {
  readonly #printed: string[] = [];
  #waiting: (() => void)[] = [];

  /** The runtime, with a standard output that comes here. */
  attach(runtime: Runtime): Runtime {
    const stdout = (text: string) => {
      this.#printed.push(text);
      for (const look of this.#waiting.splice(0)) look();
    };
    const process = Object.create(runtime.process, { stdout: { value: stdout } });
    return Object.create(runtime, { process: { value: process } });
  }

  /** The first thing printed that has `text` in it, now or later. */
  async prints(text: string): Promise<string> {
    for (;;) {
      const found = this.#printed.find((printed) => printed.includes(text));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

/** A client that speaks in whole lines and waits for words. */
class Client {
  heard = "";
  /** The client's own port, by which the demo's lines name it. */
  readonly port: number | undefined;
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  #waiting: (() => void)[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    this.port = socket.localPort;
    socket.setEncoding("latin1").on("data", (text: string) => {
      this.heard += text;
      for (const look of this.#waiting.splice(0)) look();
    });
    socket.on("error", () => {});
    this.closed = new Promise((resolve) => socket.on("close", () => resolve()));
  }

  static connect(port: number): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1").on("error", reject);
      socket.on("connect", () => resolve(new Client(socket)));
    });
  }

  /** Forgets what it heard, speaks, and waits for an answer with `words` in it. */
  exchange(lines: string, words: string): Promise<void> {
    this.heard = "";
    this.#socket.write(lines);
    return this.hears(words);
  }

  async hears(words: string): Promise<void> {
    while (!this.heard.includes(words)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

interface Ending {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs commands as if they were pasted. Asynchronous: the demo may be in this process. */
function shell(commands: string): Promise<Ending> {
  const child = spawn("sh", ["-c", commands], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("latin1").on("data", (text: string) => stdout += text);
  child.stderr.setEncoding("latin1").on("data", (text: string) => stderr += text);
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
}

describe("the demo", () => {
  const printer = new Printer();
  let demo: Demo;

  before(async () => {
    demo = await startDemo(printer.attach(await loadRuntime()), serve, { firstPorts: ANY_PORTS });
  });
  after(() => demo.stop());

  it("says where it listens and whom it knows", LIMIT, async () => {
    const { imap, pop3, smtp } = demo.ports;
    const introduction = await printer.prints("Ctrl-C");
    assertStringIncludes(introduction, `\n  IMAP 127.0.0.1:${imap}  POP3 127.0.0.1:${pop3}  SMTP 127.0.0.1:${smtp}\n`);
    assertStringIncludes(
      introduction,
      "  alice@example.com (password wonderland)  bob@example.com (password builder)\n",
    );
  });

  it("lets mail that is sent be read, and tells a client that waits for it", LIMIT, async () => {
    const waiting = await Client.connect(demo.ports.imap);
    await waiting.exchange("a LOGIN bob@example.com builder\r\n", "Logged in\r\n");
    await waiting.exchange("b SELECT INBOX\r\nc IDLE\r\n", "+ Waiting for news\r\n");

    const sender = await Client.connect(demo.ports.smtp);
    await sender.exchange("EHLO laptop\r\n", "250 AUTH PLAIN LOGIN\r\n");
    await sender.exchange(`AUTH PLAIN ${btoa("\0alice@example.com\0wonderland")}\r\n`, "235 2.0.0 OK\r\n");
    const envelope = "MAIL FROM:<alice@example.com>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n";
    const message = "Subject: Hello\r\n\r\nIt works.\r\n.\r\nQUIT\r\n";
    await sender.exchange(envelope, "354 ");
    await sender.exchange(message, "221 2.0.0 Bye\r\n");
    const line = await printer.prints(`127.0.0.1:${sender.port} `);
    assertMatch(line, /^\d\d:\d\d:\d\d {2}SMTP {2}127\.0\.0\.1:\d+ {2}alice@example\.com {2}logged in, ended by the /);
    assertStringIncludes(line, `, ${envelope.length + message.length} B up, `);

    await waiting.hears("* 3 EXISTS\r\n");
    await waiting.exchange("DONE\r\nd LOGOUT\r\n", "d OK Logged out\r\n");

    const reader = await Client.connect(demo.ports.pop3);
    await reader.exchange("USER bob@example.com\r\nPASS builder\r\nRETR 3\r\nQUIT\r\n", "+OK bye\r\n");
    assertMatch(
      reader.heard,
      /\r\nReceived: from laptop \(\[127\.0\.0\.1\]\) \(authenticated as alice@example\.com\)\r\n/,
    );
    assertStringIncludes(reader.heard, "\r\nSubject: Hello\r\n\r\nIt works.\r\n.\r\n");
    for (const client of [waiting, sender, reader]) await client.closed;
  });

  it("keeps out who has the wrong password, and who has none", LIMIT, async () => {
    const client = await Client.connect(demo.ports.imap);
    await client.exchange("a LOGIN bob@example.com wonderland\r\n", "a NO Invalid login or password\r\n");
    await client.closed;
    const refusal = / {2}bob@example\.com {2}login refused, \d+ ms\n$/;
    assertMatch(await printer.prints(`127.0.0.1:${client.port} `), refusal);
    const stranger = await Client.connect(demo.ports.smtp);
    await stranger.exchange("MAIL FROM:<alice@example.com>\r\nQUIT\r\n", "\r\n221 2.0.0 Bye\r\n");
    assertStringIncludes(stranger.heard, "530 5.7.1 Authentication required\r\n");
    await stranger.closed;
    assertMatch(await printer.prints(`127.0.0.1:${stranger.port} `), / {2}- {2}left before the login, \d+ ms\n$/);
  });

  it("takes the next port when one is taken, and frees all", LIMIT, async () => {
    const blocker = createServer();
    const taken = await freePort();
    await listen(blocker, taken);
    const firstPorts = { ...ANY_PORTS, imap: taken };
    const other = await startDemo(new Printer().attach(await loadRuntime()), serve, { firstPorts });
    assert(other.ports.imap > taken);
    const client = await Client.connect(other.ports.imap);
    await client.hears("* OK IMAP4 ready\r\n");
    await other.stop();
    await client.closed;
    await close(blocker);
    await listen(blocker, other.ports.imap);
    await close(blocker);
  });
});

describe("the program without a configuration", () => {
  it("runs the demo, whose commands work as they are pasted", { ...LIMIT, skip: needsCurl }, async () => {
    const program = new Program([]);
    await program.prints("Each session has a line here when it is over:\n");
    const commands = program.stdout.split("\n").filter((line) => line.startsWith("  ")).slice(2);
    const { code, stdout, stderr } = await shell(commands.join("\n"));
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^\* 1 FETCH \(FLAGS \(\) ENVELOPE \(.*"Welcome to Postern"/);
    assertStringIncludes(stdout, "You read this through the proxy");
    assertMatch(stdout, /\r\nTo: bob@example\.com\r\nSubject: Hello\r\n\r\nIt works\.\r\n$/);
    program.signal("SIGINT");
    const ending = await program.ending;
    assertEquals([ending.code, ending.stderr], [0, ""]);
    assertEquals(ending.stdout.match(/logged in, /g)?.length, 4);
  });
});
