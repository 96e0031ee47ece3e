/** Hashed passwords in worker processes, whose runtimes start threads in another way, and whose rights are others. */

import { chmodSync, cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { needs } from "../support/clients.ts";
import { FakeUpstream, IMAP_LOGIN } from "../support/fake_upstream.ts";
import { freePorts } from "../support/free_ports.ts";
import { Program, type ProgramOptions, TestFolder } from "../support/program.ts";
import { connectTo } from "../support/raw_client.ts";
import { WORDS } from "../support/scene.ts";

const SLOW = { timeout: 180_000 };

/** A program with a main process and one worker, and clients that log in there. */
class Service {
  readonly #folder = new TestFolder();
  readonly #upstream: FakeUpstream;
  readonly #port: number;
  readonly program: Program;

  static async start(directives: string, options: ProgramOptions = {}): Promise<Service> {
    const [port = 0] = await freePorts(1);
    const service = new Service(await FakeUpstream.start(IMAP_LOGIN), port, { ...options, directives });
    await service.program.prints("start worker process ");
    return service;
  }

  private constructor(upstream: FakeUpstream, port: number, options: ProgramOptions & { readonly directives: string }) {
    this.#upstream = upstream;
    this.#port = port;
    const users = this.#folder.write("users", USERS);
    const file = this.#folder.write(
      "postern.conf",
      `daemon off; ${options.directives} pid ${this.#folder.path}/pid; error_log stderr info; events {}
       mail {
         auth_users_file ${users};
         auth_failure_delay off;
         server { listen 127.0.0.1:${port}; protocol imap; proxy_pass 127.0.0.1:${upstream.port}; }
       }`,
    );
    this.program = new Program(["-c", file], options);
  }

  /** What a client hears. */
  async answerTo(login: string): Promise<string> {
    const wire = await connectTo({ port: this.#port, from: "127.0.0.1" });
    await wire.expect(WORDS.imap.greeting);
    wire.send(`a LOGIN ${login}\r\n`);
    await wire.until(() => wire.unread.includes("\r\n") || wire.isOver, PATIENCE);
    const { unread } = wire;
    wire.destroy();
    return unread;
  }

  async stop(): Promise<void> {
    this.program.signal("SIGTERM");
    await this.program.ending;
    await this.#upstream.stop();
    this.#folder.remove();
  }
}

/** With its right password, and with a wrong one. */
async function answersTo(service: Service, user: string): Promise<readonly string[]> {
  return [await service.answerTo(`${user} "Hello world!"`), await service.answerTo(`${user} "Hello world?"`)];
}

const IN_AND_OUT = [WORDS.imap.welcome, "a NO Invalid login or password\r\n"];

describe("a worker process", () => {
  let service: Service;
  before(async () => {
    service = await Service.start(AS_WE_ARE);
  }, SLOW);
  after(() => service.stop(), SLOW);

  for (const user of ["argon2id", "bcrypt", "sha512-crypt"]) {
    it(`lets in whose password is hashed with ${user}, and nobody else`, SLOW, async () => {
      assertEquals(await answersTo(service, user), IN_AND_OUT);
    });
  }
});

const ROOT = needs("root");
const PRIVATE = { ...ROOT, skip: ROOT.skip || (process.env["POSTERN_BINARY"] !== undefined && "is about a folder") };

describe("a worker process that may not read the program any more", () => {
  const folder = new TestFolder();
  let service: Service;
  before(async () => {
    if (PRIVATE.skip !== false) return;
    const program = join(folder.path, "program");
    mkdirSync(program);
    for (const part of PARTS) cpSync(join(HERE, part), join(program, part), COPYING);
    chmodSync(program, 0o700);
    service = await Service.start("", { command: commandIn(program) });
  }, PRIVATE);
  after(async () => {
    if (PRIVATE.skip === false) await service.stop();
    folder.remove();
  }, PRIVATE);

  it("knows hashed passwords, also several at a time", PRIVATE, async () => {
    const users = ["argon2id", "bcrypt", "sha512-crypt"];
    const answers = await Promise.all(users.map((user) => answersTo(service, user)));
    assertEquals(answers, users.map(() => IN_AND_OUT));
  });
});

/** How this runtime starts the program that lies there. */
function commandIn(program: string): readonly string[] {
  if (!("Deno" in globalThis)) return [process.execPath, join(program, "src", "main.ts")];
  const config = join(program, "deno.json");
  return [process.execPath, "run", "--quiet", "-A", "--config", config, join(program, "mod.ts")];
}

const HERE = join(import.meta.dirname, "..", "..");

/** What the program is made of. */
const PARTS = ["mod.ts", "src", "adapters", "vendor", "package.json", "deno.json"]
  .concat(["@std", "deno-std", "hash-wasm"].map((name) => join("node_modules", name)));

/** The links of npm's workspaces stay what they are. */
const COPYING = { recursive: true, verbatimSymlinks: true } as const;

/** Of `Hello world!` all. */
const USERS = [
  "argon2id:$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$wHWJANcMDSbJeyPjs28xFKx4sdBksk+8KYb4igJBU0U",
  "bcrypt:$2a$04$a0j2bETjZg/tW1PjbFKeGOlfWeHopVlh0Y/VeNJ1.uggHOpeyh0yq",
  "sha512-crypt:$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
].map((line) => `${line}\n`).join("");

/** A busy machine needs it. */
const PATIENCE = 30_000;

/** So that workers keep their rights. */
const AS_WE_ARE = process.getuid?.() === 0 ? "user root;" : "";
